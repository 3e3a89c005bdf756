"""Whether a decision is right, in exact arithmetic, and the vectors that come nearest to wrong.

``2**(-d / 2**F)`` is irrational for most d. Integers enclose it: with P bits after the point,
``floor`` and ``ceil`` of ``2**(P - d / 2**F)`` come from integer roots. A sum of enclosures and a
rational number are compared by integers; a sum of such powers of which one is irrational is no
rational number, so enough bits always tell them apart.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from math import isqrt

import numpy as np
import numpy.typing as npt

from .decision import Integers, Logits, check_logits, log_odds_score, softmax_confidence
from .spec.checks import require_int
from .spec.decision import DecisionConfig

PRECISIONS = (64, 256, 1024)
"""Bits after the point, tried in turn; the first tells nearly all sums from their bounds."""

FLOAT_MARGIN = 1e-9
"""A float64 softmax of 1024 classes is off by less than 1e-12."""


@cache
def power_bounds(fraction_bits: int, precision: int) -> tuple[tuple[int, int], ...]:
    """Return integers below and above ``2**(r / 2**F) * 2**precision`` for r in 0..2**F - 1."""
    bounds = []
    for r in range(1 << fraction_bits):
        low = 1 << (r + (precision << fraction_bits))
        for _ in range(fraction_bits):
            # the floor of the root of a floor is the floor of the root
            low = isqrt(low)
        exact = low ** (1 << fraction_bits) == 1 << (r + (precision << fraction_bits))
        bounds.append((low, low if exact else low + 1))
    return tuple(bounds)


def confidence_reaches(config: DecisionConfig, logits: Iterable[int], confidence: Fraction) -> bool:
    """Return whether the largest softmax of a vector is at least `confidence`, exactly.

    That is ``sum over all but one maximum of 2**((z_i - z_max) / 2**F) <= (1 - T) / T``.

    Parameters
    ----------
    logits : iterable of int
        One vector.
    confidence : Fraction
        T, above 0.
    """
    values = sorted(logits)
    largest = values.pop()
    limit = (1 - confidence) / confidence
    steps = 1 << config.fraction_bits
    # powers of at most one octave, times 2**-octaves
    for precision in PRECISIONS:
        bounds = power_bounds(config.fraction_bits, precision)
        low = high = Fraction(0)
        for value in values:
            octaves, r = divmod(value - largest, steps)
            scale = Fraction(2) ** (octaves - precision)
            low += bounds[r][0] * scale
            high += bounds[r][1] * scale
        if high <= limit:
            return True
        if low > limit:
            return False
    raise AssertionError("a sum of powers of two is told from a rational number by 1024 bits")


def count_below(
    config: DecisionConfig, logits: Logits, exits: npt.NDArray[np.bool_], confidence: float
) -> int:
    """Return how many of the vectors that exit have a softmax below `confidence`, exactly.

    Parameters
    ----------
    logits : integer [n, N]
    exits : bool [n]
    confidence : float
        Taken as the rational number that it is.
    """
    leaving = check_logits(config, logits)[exits]
    value = softmax_confidence(config, leaving)
    surely = int(np.count_nonzero(value < confidence - FLOAT_MARGIN))
    close = leaving[np.abs(value - confidence) <= FLOAT_MARGIN]
    exact = Fraction(confidence)
    return surely + sum(not confidence_reaches(config, row.tolist(), exact) for row in close)


def nearest_misses(config: DecisionConfig, threshold: int) -> Integers:
    """Return vectors at which the table errs most: one that exits and one that stays, for each top.

    Those whose others all are where the table is too small for its neighbour, the comparison where
    it is too large, and the other way round, with sums as near to the comparison as N allows.

    Returns
    -------
    int64 [n, n_classes]
    """
    require_int("Threshold", threshold, config.threshold_low, config.threshold_high)
    steps = 1 << config.fraction_bits
    ratio = [entry / 2.0 ** (r / steps) for r, entry in enumerate(config.table)]
    small, large = int(np.argmin(ratio)), int(np.argmax(ratio))
    high = (1 << config.logit_width) - 1
    rows = []
    for r_limit, r_others, above in ((large, small, False), (small, large, True)):
        for limit in range(r_limit, high + 1, steps):
            top = limit + threshold
            if not 0 <= top <= high:
                continue
            others = _greedy(config, config.exponential(limit), r_others, top, above=above)
            if others is not None:
                rest = [0] * (config.n_classes - 1 - len(others))
                rows.append([top, *others, *rest])
    return np.array(rows, dtype=np.int64).reshape(-1, config.n_classes) + config.logit_format.low


def _greedy(
    config: DecisionConfig, limit: int, residue: int, top: int, *, above: bool
) -> list[int] | None:
    """Return offset logits of one residue whose exponentials sum up to `limit`, or just above."""
    steps = 1 << config.fraction_bits
    # rows are filled up with logits of 0, which count too
    zero = config.exponential(0)
    others: list[int] = []
    left = limit - (config.n_classes - 1) * zero
    for x in range(
        residue + steps * (min(top, (1 << config.logit_width) - 1) // steps), -1, -steps
    ):
        while (
            0 <= x <= top
            and len(others) < config.n_classes - 1 - above
            and config.exponential(x) - zero <= left
        ):
            others.append(x)
            left -= config.exponential(x) - zero
    if left < 0 or not others:
        return None
    if above:
        # one more of the smallest that goes beyond
        beyond = [x for x in range(residue, top + 1, steps) if config.exponential(x) - zero > left]
        if not beyond:
            return None
        others.append(beyond[0])
    return others


def relative_errors(
    config: DecisionConfig, logits: Logits, threshold: int
) -> npt.NDArray[np.float64]:
    """Return how far the softmax lies on the wrong side of a threshold, over ``T (1 - T)``.

    Negative where the decision is right, [n].
    """
    effective = config.confidence_of_threshold(threshold)
    confidence = softmax_confidence(config, logits)
    exits = log_odds_score(config, logits) >= threshold
    wrong = np.where(exits, effective - confidence, confidence - effective)
    return np.asarray(wrong / (effective * (1 - effective)))
