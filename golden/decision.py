"""The exit decision as arithmetic on arrays: the integer specification and the float reference.

The hardware equals `decide` bit for bit; `decide_float` is what both approximate.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from .spec.decision import DecisionConfig

Integers = npt.NDArray[np.int64]
Logits = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Decisions:
    """Decisions on n vectors, in the order of the vectors.

    Attributes
    ----------
    exit : bool [n]
        Whether the exit is taken.
    label : int64 [n]
        Index of the largest logit, the lowest one of several.
    score : int64 [n]
        Log-odds of the label in logit LSBs: the largest threshold at which the exit is taken.
    """

    exit: npt.NDArray[np.bool_]
    label: Integers
    score: Integers

    def __len__(self) -> int:
        return len(self.label)

    def count_differences(self, other: "Decisions") -> int:
        """Return in how many vectors any of exit, label and score differs."""
        if len(self) != len(other):
            raise ValueError(f"Decisions must be {len(self)} as well, not {len(other)}")
        return int(
            np.count_nonzero(
                (self.exit != other.exit)
                | (self.label != other.label)
                | (self.score != other.score)
            )
        )


def check_logits(config: DecisionConfig, logits: Logits) -> Logits:
    """Return `logits` if they are integers [n, 2..n_classes] in the format of the configuration.

    Raises
    ------
    TypeError
        The array holds no integers.
    ValueError
        The shape or a value is out of range.
    """
    if not np.issubdtype(logits.dtype, np.integer):
        raise TypeError(f"Logits must be integers, not {logits.dtype}")
    if logits.ndim != 2 or not 2 <= logits.shape[1] <= config.n_classes:
        raise ValueError(f"Logits must be [n, 2..{config.n_classes}], not {list(logits.shape)}")
    bounds = config.logit_format
    if logits.size and not (bounds.low <= logits.min() and logits.max() <= bounds.high):
        raise ValueError(
            f"Logits must be in {bounds.low}..{bounds.high}, "
            f"not {int(logits.min())}..{int(logits.max())}"
        )
    return logits


def check_threshold(config: DecisionConfig, threshold: int) -> int:
    """Return `threshold` if it is an integer that the register of the configuration can hold.

    Raises
    ------
    TypeError, ValueError
        It is not.
    """
    if isinstance(threshold, bool) or not isinstance(threshold, (int, np.integer)):
        raise TypeError(f"Threshold must be an integer, not {threshold!r}")
    if not config.threshold_low <= threshold <= config.threshold_high:
        raise ValueError(
            f"Threshold must be in {config.threshold_low}..{config.threshold_high}, "
            f"not {threshold!r}"
        )
    return int(threshold)


@cache
def _exponentials(config: DecisionConfig) -> npt.NDArray[np.generic]:
    """Return E(0..2**window_width), in int64 where a sum of all logits fits, else Python's ints."""
    values = [config.exponential(x) for x in range((1 << config.window_width) + 1)]
    fits = config.accumulator_width + config.n_classes.bit_length() < 63
    return np.array(values, dtype=np.int64 if fits else object)


def log_odds_score(config: DecisionConfig, logits: Logits) -> Integers:
    """Compute the score: the largest threshold at which the unit exits.

    Parameters
    ----------
    logits : integer [n, N]
        Vectors of N logits, 2 <= N <= ``config.n_classes``, in ``config.logit_format``.

    Returns
    -------
    int64 [n]
        ``z_max - x`` with x the smallest offset logit with ``E(x) >= sum of the others``, of
        those in the window if there is one, and at most ``config.threshold_high``; the smallest
        value of ``config.threshold_format``, below every legal threshold, if the sum overflows
        the accumulator.
    """
    offset = check_logits(config, logits).astype(np.int64) - config.logit_format.low
    table = _exponentials(config)
    largest = offset.max(axis=1)
    if config.windowed:
        # the window begins with the block below that of the largest
        begin = ((largest >> config.block_width) - 1) << config.block_width
        largest = largest - begin
        offset = offset - begin[:, None]
        addends = np.where(offset < 0, 0, table[np.maximum(offset, 0)])
    else:
        addends = table[offset]
    # all logits but one maximum; integers, so taking it off again is exact
    total = addends.sum(axis=1) - table[largest]
    needed = np.searchsorted(table, total, side="left")
    score = np.minimum(largest - needed, config.threshold_high)
    overflow = np.asarray(total > table[-1], dtype=bool)
    return np.where(overflow, config.threshold_format.low, score).astype(np.int64)


def decide(config: DecisionConfig, logits: Logits, threshold: int) -> Decisions:
    """Decide vectors as the hardware does: exit where the score reaches the threshold.

    Parameters
    ----------
    logits : integer [n, N]
        As in `log_odds_score`.
    threshold : int
        Log-odds in logit LSBs, ``config.threshold_low`` to ``config.threshold_high``.

    Raises
    ------
    TypeError, ValueError
        Logits or threshold are not as said.
    """
    score = log_odds_score(config, logits)
    exit_taken = score >= check_threshold(config, threshold)
    return Decisions(exit_taken, logits.argmax(axis=1).astype(np.int64), score)


def softmax_confidence(config: DecisionConfig, logits: Logits) -> npt.NDArray[np.float64]:
    """Compute the maximum of the base-2 softmax in float64, [n, N] -> [n]."""
    octaves = check_logits(config, logits).astype(np.float64) / (1 << config.fraction_bits)
    below = octaves - octaves.max(axis=1, keepdims=True)
    return np.asarray(1.0 / np.exp2(below).sum(axis=1))


def decide_float(config: DecisionConfig, logits: Logits, threshold: int) -> npt.NDArray[np.bool_]:
    """Decide by float64 softmax at the effective confidence of `threshold`, [n, N] -> [n]."""
    effective = config.confidence_of_threshold(check_threshold(config, threshold))
    return softmax_confidence(config, logits) >= effective
