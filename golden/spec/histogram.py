"""The histogram of the score: eight bins, for each criterion where its scores tell something."""

from .criteria import Criterion, EntropyArithmetic
from .decision import DecisionConfig

HISTOGRAM_BINS = 8

ENTROPY_STEP_LOG2 = EntropyArithmetic.GRID_BITS - 2
"""A bin of the entropy is a quarter of a bit."""


def gate_edges_log2(config: DecisionConfig) -> tuple[int, int, int]:
    """Return log2 of the three magnitudes that bound the bins of the gate.

    A 32nd, an eighth and a half of what the widest score present can reach at the largest weight.
    """
    width = config.score_format_of(Criterion.GATE).width
    return width - 9, width - 7, width - 5


def histogram_bin(config: DecisionConfig, criterion: str, score: int) -> int:
    """Return the bin of a score.

    ========== =================================================================================
    confidence 0: below 0, less than 1/2; k: odds of ``2**(k - 1)`` to 1 and more
    margin     k: the largest softmax is ``2**k`` times the second and more
    entropy    k: ``(8 - k) / 4`` bits and less
    gate       4 to 7: scores from 0 on, 0 to 3: below 0; by magnitude, see `gate_edges_log2`
    patience   k: so many agreements
    ========== =================================================================================

    The first bin and the last take all beyond.
    """
    if criterion == Criterion.GATE:
        negative = score < 0
        # ones' complement: -1 is as near to the edge as 0
        magnitude = ~score if negative else score
        level = sum(magnitude >= 1 << edge for edge in gate_edges_log2(config))
        return 3 - level if negative else 4 + level
    place = {
        Criterion.CONFIDENCE: (score >> config.fraction_bits) + 1,
        Criterion.MARGIN: score >> config.fraction_bits,
        Criterion.ENTROPY: (score >> ENTROPY_STEP_LOG2) + HISTOGRAM_BINS,
        Criterion.PATIENCE: score,
    }[Criterion(criterion)]
    return min(max(place, 0), HISTOGRAM_BINS - 1)
