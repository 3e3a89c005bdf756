"""Scores of the criteria beside confidence: integer specification, float reference, error bound.

The hardware equals the integer functions bit for bit; `confidence` is in `decision`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from .decision import Decisions, Integers, Logits, check_logits, log_odds_score
from .spec.bounds import any_threshold_bounds, gate_bias_bounds, threshold_bounds
from .spec.checks import require_int
from .spec.criteria import GATE_WEIGHT, Criterion, EntropyArithmetic
from .spec.decision import DecisionConfig

Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.floating[Any]]

LOG2_E = float(np.log2(np.e))

# -- margin ----------------------------------------------------------------------------------------


def margin_score(config: DecisionConfig, logits: Logits) -> Integers:
    """Compute ``z_(1) - z_(2)``, the largest logit less the second largest, [n, N] -> int64 [n]."""
    largest = np.partition(check_logits(config, logits).astype(np.int64), -2, axis=1)[:, -2:]
    return np.asarray(largest[:, 1] - largest[:, 0], dtype=np.int64)


def margin_float(config: DecisionConfig, logits: Logits) -> Floats:
    """Compute the margin in octaves: log2 of the ratio of the two largest softmax values.

    [n, N] -> [n]; the score is exactly ``2**F`` times this: the error bound is 0.
    """
    octaves = np.sort(check_logits(config, logits), axis=1) / (1 << config.fraction_bits)
    # the softmax itself would be 0 in float64 far below the largest; its denominator cancels
    return np.asarray(octaves[:, -1] - octaves[:, -2], dtype=np.float64)


def softmax_float(config: DecisionConfig, logits: Logits) -> Floats:
    """Compute the base-2 softmax in float64, [n, N] -> [n, N]."""
    octaves = check_logits(config, logits).astype(np.float64) / (1 << config.fraction_bits)
    powers = np.exp2(octaves - octaves.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


# -- entropy ---------------------------------------------------------------------------------------


def entropy_score(config: DecisionConfig, logits: Logits) -> Integers:
    """Compute the negated entropy in 1/256 bit.

    Parameters
    ----------
    logits : integer [n, N]
        Vectors of N logits, 2 <= N <= ``config.n_classes``, in ``config.logit_format``.

    Returns
    -------
    int64 [n]
        -1 (entropy 0) and below; `EntropyArithmetic.SATURATED`, below every legal threshold, if S
        reaches 4 or D reaches 2: the entropy is then above `EntropyArithmetic.LIMIT`.
    """
    values = check_logits(config, logits).astype(np.int64)
    arithmetic = config.entropy
    one = 1 << arithmetic.sum_fraction_bits
    address = values.max(axis=1, keepdims=True) - values
    address = np.minimum(address, (1 << arithmetic.address_width) - 1)
    # one maximum is 2**0 and 0, exactly; the tables serve all others
    winner = np.arange(values.shape[1]) == values.argmax(axis=1)[:, None]
    s = one + np.where(winner, 0, np.array(arithmetic.exponentials)[address]).sum(axis=1)
    d = np.where(winner, 0, np.array(arithmetic.moments)[address]).sum(axis=1)
    s_high, d_high = one << arithmetic.S_OCTAVES, one << arithmetic.D_OCTAVES
    overflow = (s >= s_high) | (d >= d_high)
    # an overflown sum has no window; any legal one will do
    score = entropy_of_windows(
        arithmetic,
        (np.where(overflow, one, s) << arithmetic.WINDOW_WIDTH) // s_high,
        (np.where(overflow, 0, d) << arithmetic.WINDOW_WIDTH) // d_high,
    )
    return np.where(overflow, arithmetic.SATURATED, score).astype(np.int64)


def entropy_of_windows(
    arithmetic: EntropyArithmetic, s_window: Integers, d_window: Integers
) -> Integers:
    """Compute the score of two sums: ``-1 - (L(S) + 2**(L(D) - L(S)))`` on the grid.

    Parameters
    ----------
    s_window, d_window : int64 [...]
        S in 1 to 4 and D in 0 to 2, in units of ``2**S_OCTAVES`` and ``2**D_OCTAVES`` over
        ``2**WINDOW_WIDTH``.

    Returns
    -------
    int64 [...]
        The tables round down, which the -1 makes up for.
    """
    grid, scale = arithmetic.GRID_BITS, arithmetic.SCALE
    s_log = _logarithm(arithmetic, s_window) + arithmetic.S_OCTAVES * scale
    d_log = _logarithm(arithmetic, d_window) + arithmetic.D_OCTAVES * scale
    # below 2, since D is and S is not below 1
    quotient_log = d_log - s_log
    octaves = -(quotient_log >> grid)
    power = scale + np.array(arithmetic.powers)[quotient_log & (scale - 1)]
    reached = (octaves <= arithmetic.REACH) & (
        d_window >= 1 << (arithmetic.WINDOW_WIDTH - 1 - arithmetic.REACH)
    )
    quotient = np.where(reached, power >> np.clip(octaves, 0, arithmetic.REACH), 0)
    return np.asarray(-1 - (s_log + quotient), dtype=np.int64)


def _logarithm(arithmetic: EntropyArithmetic, window: Integers) -> Integers:
    """Return log2 of ``window / 2**WINDOW_WIDTH`` on the grid, if its leading one is in reach.

    The leading one is brought to the top in halving steps, as the hardware does.
    """
    exponent = np.full(window.shape, -1)
    for step in (4, 2, 1):  # `REACH` places in all
        small = window < 1 << (arithmetic.WINDOW_WIDTH - step)
        window = np.where(small, window << step, window)
        exponent -= np.where(small, step, 0)
    mantissa = (window >> (arithmetic.WINDOW_WIDTH - 1 - arithmetic.GRID_BITS)) & (
        arithmetic.SCALE - 1
    )
    logarithm = exponent * arithmetic.SCALE + np.array(arithmetic.logarithms)[mantissa]
    return np.asarray(logarithm, dtype=np.int64)


def entropy_float(config: DecisionConfig, logits: Logits) -> Floats:
    """Compute the entropy of the softmax in bits, in float64, [n, N] -> [n]."""
    octaves = check_logits(config, logits).astype(np.float64) / (1 << config.fraction_bits)
    d = octaves.max(axis=1, keepdims=True) - octaves
    power = np.exp2(-d)
    s = power.sum(axis=1)
    return np.asarray(np.log2(s) + (d * power).sum(axis=1) / s)


def entropy_error_bound(config: DecisionConfig) -> float:
    """Return the most by which score and entropy differ, in bits, for an entropy up to `LIMIT`.

    The sum of two bounds, for every N up to ``config.n_classes`` and every input:

    - of the addends: an error e of ``2**-d`` and e' of ``d 2**-d`` change H by
      ``((log2(e) - D / S) e + e') / S`` to first order, at most N - 1 times, with S >= 1 and
      D / S in 0..2;
    - of the rest, by enumeration: for every pair of windows, the score against the least and the
      largest entropy that sums (S, D) of this pair can have.
    """
    return _addend_bound(config.entropy) + _window_bound(config.entropy)


def _addend_bound(arithmetic: EntropyArithmetic) -> float:
    steps = 1 << arithmetic.fraction_bits
    d = np.arange(1 << arithmetic.address_width) / steps
    one = float(1 << arithmetic.sum_fraction_bits)
    error = np.array(arithmetic.exponentials) / one - np.exp2(-d)
    moment_error = np.array(arithmetic.moments) / one - d * np.exp2(-d)
    worst = np.maximum(
        np.abs(LOG2_E * error + moment_error), np.abs((LOG2_E - 2) * error + moment_error)
    )
    n_others = arithmetic.n_classes - 1
    # S < 4 leaves room for three ties
    return float(n_others * worst[1:].max() + min(3, n_others) * worst[0])


def _window_bound(arithmetic: EntropyArithmetic) -> float:
    n_windows = 1 << arithmetic.WINDOW_WIDTH
    s_unit = 2.0**arithmetic.S_OCTAVES / n_windows
    d_unit = 2.0**arithmetic.D_OCTAVES / n_windows
    s_window = np.arange(n_windows >> arithmetic.S_OCTAVES, n_windows)[:, None]
    d_window = np.arange(n_windows)[None, :]
    score = entropy_of_windows(arithmetic, *np.broadcast_arrays(s_window, d_window))
    s_low, s_high = s_window * s_unit, (s_window + 1) * s_unit
    d_low, d_high = d_window * d_unit, (d_window + 1) * d_unit
    # D is largest for S when all the others are alike: d 2**-d is concave in 2**-d
    n_others = arithmetic.n_classes - 1
    others = np.minimum(s_high - 1, n_others / np.e)
    d_most = others * np.log2(n_others / others)
    s_low, s_high = _s_for_small_d(arithmetic, s_low, s_high, d_high)
    # H falls in S up to S = D ln 2 and rises from there
    s_least = np.clip(d_low / LOG2_E, s_low, s_high)
    h_low = np.log2(s_least) + d_low / s_least
    h_high = np.maximum(np.log2(s_low) + d_high / s_low, np.log2(s_high) + d_high / s_high)
    possible = (d_low <= d_most) & (h_low <= arithmetic.LIMIT) & (s_low < s_high)
    measured = -score / arithmetic.SCALE
    return float(np.maximum(measured - h_low, h_high - measured)[possible].max())


def _s_for_small_d(
    arithmetic: EntropyArithmetic, s_low: Reals, s_high: Reals, d_high: Reals
) -> tuple[Reals, Reals]:
    """Narrow windows of S to what is possible while D is below `d_high`; an empty one is not.

    A moment ``d 2**-d <= D`` has d up to d1 or from d2 on, where ``d 2**-d = D``. The former is
    ``1 - 2**-d <= ln 2 d <= ln 2 2**d1 * moment`` below a tie, the latter adds
    ``2**-d <= moment / d2`` to S. So S is a whole number, less ``ln 2 2**d1 D`` at most and more
    ``D / d2`` at most. The sums are rounded, which widens both.
    """
    one = float(1 << arithmetic.sum_fraction_bits)
    d = np.arange(1 << arithmetic.address_width) / (1 << arithmetic.fraction_bits)
    n_others = arithmetic.n_classes - 1
    s_error = np.abs(np.array(arithmetic.exponentials) / one - np.exp2(-d))
    d_error = np.abs(np.array(arithmetic.moments) / one - d * np.exp2(-d))
    # S < 4 leaves room for three ties
    s_rounding = n_others * s_error[1:].max() + min(3, n_others) * s_error[0]
    d_rounding = n_others * d_error.max()
    small = d_high + d_rounding <= 1 / 16
    largest = np.minimum(d_high + d_rounding, 1 / 16)
    d1, d2 = np.zeros_like(largest), np.full_like(largest, 8.0)
    for _ in range(50):
        d1, d2 = largest * np.exp2(d1), np.log2(d2 / largest)
    less = np.exp2(d1) / LOG2_E * largest + s_rounding
    more = largest / d2 + s_rounding
    whole = np.floor(s_high + less)
    return (
        np.where(small, np.maximum(s_low, whole - less), s_low),
        np.where(small, np.minimum(s_high, whole + more), s_high),
    )


# -- linear gate -----------------------------------------------------------------------------------


def gate_score(
    config: DecisionConfig, logits: Logits, weights: dict[str, int], bias: int
) -> Integers:
    """Compute ``sum of weight * score`` over the features present, plus the bias; exact.

    Parameters
    ----------
    logits : integer [n, N]
    weights : dict
        A signed 8-bit weight for each of ``config.features``.
    bias : int
        In ``gate_bias_bounds(config)``.

    Raises
    ------
    TypeError, ValueError
        A weight is missing, unknown or out of range, or the bias is.
    """
    if set(weights) != set(config.features):
        raise ValueError(
            f"Gate weights must be for {', '.join(config.features)}, not {sorted(weights)!r}"
        )
    low, high = gate_bias_bounds(config)
    total = np.full(len(logits), require_int("Gate bias", bias, low, high), dtype=np.int64)
    for feature, weight in weights.items():
        require_int(f"Gate weight of {feature}", weight, GATE_WEIGHT.low, GATE_WEIGHT.high)
        total += weight * feature_score(config, feature, logits)
    return total


def feature_score(config: DecisionConfig, feature: str, logits: Logits) -> Integers:
    """Return the score of confidence, margin or entropy, [n, N] -> int64 [n]."""
    functions = {
        Criterion.CONFIDENCE: log_odds_score,
        Criterion.MARGIN: margin_score,
        Criterion.ENTROPY: entropy_score,
    }
    return functions[Criterion(feature)](config, logits)


def gate_float(
    config: DecisionConfig, logits: Logits, weights: dict[str, int], bias: int
) -> Floats:
    """Compute the gate on float64 features, each in the unit of its integer score.

    Log-odds ``2**F log2(p / (1 - p))`` with p the largest softmax, up to the largest threshold;
    margin and negated entropy.
    """
    steps = 1 << config.fraction_bits
    probability = np.sort(softmax_float(config, logits), axis=1)
    total = np.full(len(logits), float(bias))
    for feature, weight in weights.items():
        if feature == Criterion.CONFIDENCE:
            rest = probability[:, :-1].sum(axis=1)
            least = probability[:, -1] * 2.0 ** (-config.threshold_high / steps)
            total += weight * steps * np.log2(probability[:, -1] / np.maximum(rest, least))
        elif feature == Criterion.MARGIN:
            total += weight * steps * margin_float(config, logits)
        else:
            total -= weight * EntropyArithmetic.SCALE * entropy_float(config, logits)
    return total


def gate_error_bound(config: DecisionConfig, weights: dict[str, int]) -> float:
    """Return the most by which `gate_score` and `gate_float` differ: the features' bounds, weighed.

    Confidence: ``1 + 2**F log2(rho)``, since the score is the largest threshold that exits, by the
    certificate of `DecisionConfig.spread_power` if the sum did not overflow; with a window
    ``2**F log2(N)`` more, as each other logit may be missed that is below the least sum of which
    there is a score. Margin: 0. Entropy: `entropy_error_bound` where it is up to
    `EntropyArithmetic.LIMIT`.
    """
    steps = 1 << config.fraction_bits
    bounds = {
        Criterion.CONFIDENCE: 1
        + steps * float(np.log2(config.spread))
        + (steps * float(np.log2(config.n_classes)) if config.windowed else 0.0),
        Criterion.MARGIN: 0.0,
        Criterion.ENTROPY: EntropyArithmetic.SCALE * entropy_error_bound(config)
        if Criterion.ENTROPY in weights
        else 0.0,
    }
    return sum(abs(weight) * bounds[Criterion(feature)] for feature, weight in weights.items())


# -- patience --------------------------------------------------------------------------------------


class PatienceMemory:
    """Count, for each sample, how many exits in a row agree with the exit before them.

    Parameters
    ----------
    config : DecisionConfig

    Notes
    -----
    At exit index 0 the count is 0. At a later one it is one more than before if the label is the
    same as at the sample's last exit, at most ``config.n_exits - 1``, and 0 if not. Samples are
    told by their tag. Before its first exit a sample counts as one of label 0 and count 0.
    """

    def __init__(self, config: DecisionConfig):
        self.config = config
        self._previous: dict[int, tuple[int, int]] = {}

    def score(
        self, label: npt.ArrayLike, exit_index: npt.ArrayLike, tag: npt.ArrayLike
    ) -> Integers:
        """Take vectors in their order and return the count of each, [n] -> int64 [n]."""
        rows = np.broadcast_arrays(label, exit_index, tag)
        counts = []
        for now, index, sample in zip(*(row.tolist() for row in rows), strict=True):
            before, count = self._previous.get(sample, (0, 0))
            agrees = index != 0 and now == before
            count = min(count + 1, self.config.n_exits - 1) if agrees else 0
            self._previous[sample] = now, count
            counts.append(count)
        return np.array(counts, dtype=np.int64)


# -- decisions -------------------------------------------------------------------------------------


def check_any_threshold(config: DecisionConfig, threshold: int) -> int:
    """Return `threshold` if it is legal for one of the criteria present; raise otherwise."""
    if isinstance(threshold, bool) or not isinstance(threshold, (int, np.integer)):
        raise TypeError(f"Threshold must be an integer, not {threshold!r}")
    low, high = any_threshold_bounds(config)
    if not low <= threshold <= high:
        raise ValueError(f"Threshold must be in {low}..{high}, not {threshold!r}")
    return int(threshold)


def decide_by_score(
    config: DecisionConfig, criterion: str, logits: Logits, score: Integers, threshold: int
) -> Decisions:
    """Exit where the score of a criterion reaches the threshold; the label is the largest logit."""
    low, high = threshold_bounds(config, criterion)
    require_int(f"Threshold of {criterion}", threshold, low, high)
    label = check_logits(config, logits).argmax(axis=1).astype(np.int64)
    return Decisions(score >= threshold, label, score)
