"""P-values for "the mean of these losses is above epsilon", valid for any distribution.

Each function takes losses in 0..1, independent and alike, float64 [n] in the order in which they
were drawn, and returns p with ``P(p <= delta) <= delta`` for every delta if their mean is above
epsilon (or equal to it).
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


def binomial_p_value(losses: Reals, epsilon: float) -> float:
    """Return ``P(Binomial(n, epsilon) <= sum of losses)``: exact, for losses of 0 and 1 only.

    Source: Clopper and Pearson, The Use of Confidence or Fiducial Limits Illustrated in the Case
    of the Binomial, Biometrika 1934.

    Raises
    ------
    ValueError
        If a loss is neither 0 nor 1.
    """
    if not np.isin(losses, (0.0, 1.0)).all():
        raise ValueError("Losses must be 0 or 1 for the binomial bound, not between")
    return _binomial_cdf(int(losses.sum()), len(losses), epsilon)


def hoeffding_bentkus_p_value(losses: Reals, epsilon: float) -> float:
    """Return the smaller of Hoeffding's and Bentkus' tail bounds, for losses in 0..1.

    ``min(exp(-n h(min(mean, epsilon), epsilon)), e P(Binomial(n, epsilon) <= ceil(n mean)))`` with
    ``h(a, b) = a ln(a/b) + (1-a) ln((1-a)/(1-b))``.

    Source: Bates et al., Distribution-Free, Risk-Controlling Prediction Sets, JACM 2021, section
    3.1; Angelopoulos et al., Learn then Test, 2021, section 2.2.
    """
    n = len(losses)
    mean = min(float(losses.mean()), epsilon)
    divergence = (1 - mean) * math.log((1 - mean) / (1 - epsilon))
    if mean > 0:
        divergence += mean * math.log(mean / epsilon)
    # a sum of floats may lie a hair above the whole number that it stands for
    bentkus = math.e * _binomial_cdf(math.ceil(float(losses.sum()) - 1e-9), n, epsilon)
    return min(1.0, math.exp(-n * divergence), bentkus)


def betting_p_value(losses: Reals, epsilon: float) -> float:
    """Return the inverse of the largest capital of a gambler who bets against a mean of epsilon.

    ``K_i = prod_{j <= i} (1 - nu_j (L_j - epsilon))`` is a non-negative supermartingale if the mean
    is at least epsilon, so that ``P(max_i K_i >= 1 / delta) <= delta``; the bet ``nu_j = min(1,
    sqrt(2 ln(1/0.05) / (n sigma_{j-1}**2)))`` knows the losses before j only.

    Source: Waudby-Smith and Ramdas, Estimating Means of Bounded Random Variables by Betting, JRSS B
    2024, proposition 3 and section 4; in this form Bates et al., JACM 2021, proposition 5.
    """
    n = len(losses)
    counts = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(losses)) / (1 + counts)
    variances = (0.25 + np.cumsum((losses - means) ** 2)) / (1 + counts)
    before = np.concatenate([[0.25], variances[:-1]])
    bets = np.minimum(1.0, np.sqrt(2 * math.log(1 / 0.05) / (n * before)))
    log_capital = np.cumsum(np.log1p(-bets * (losses - epsilon)))
    return min(1.0, math.exp(-float(log_capital.max())))


P_VALUES: dict[str, Callable[[Reals, float], float]] = {
    "binomial": binomial_p_value,
    "hoeffding-bentkus": hoeffding_bentkus_p_value,
    "betting": betting_p_value,
}
"""All bounds by name."""


def _binomial_cdf(k: int, n: int, p: float) -> float:
    """Return ``P(Binomial(n, p) <= k)`` by a sum of logarithms, 0 < p < 1."""
    log_p, log_q, log_n = math.log(p), math.log1p(-p), math.lgamma(n + 1)
    terms = [
        log_n - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_p + (n - i) * log_q
        for i in range(min(k, n) + 1)
    ]
    largest = max(terms)
    return min(1.0, math.exp(largest) * math.fsum(math.exp(term - largest) for term in terms))
