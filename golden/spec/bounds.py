"""What may be written to thresholds and to the gate's offsets, for each criterion."""

from .criteria import Criterion, EntropyArithmetic
from .decision import DecisionConfig


def threshold_bounds(config: DecisionConfig, criterion: str) -> tuple[int, int]:
    """Return the smallest and the largest legal threshold of a criterion."""
    if criterion == Criterion.CONFIDENCE:
        return config.threshold_low, config.threshold_high
    if criterion == Criterion.ENTROPY:
        return EntropyArithmetic.THRESHOLD_LOW, EntropyArithmetic.THRESHOLD_HIGH
    if criterion == Criterion.PATIENCE:
        return 0, config.n_exits - 1
    bounds = config.score_format_of(criterion)
    return (0 if criterion == Criterion.MARGIN else bounds.low), bounds.high


def any_threshold_bounds(config: DecisionConfig) -> tuple[int, int]:
    """Return the smallest and the largest threshold that is legal for a criterion present."""
    lows, highs = zip(*(threshold_bounds(config, name) for name in config.criteria), strict=True)
    return min(lows), max(highs)


def gate_bias_bounds(config: DecisionConfig) -> tuple[int, int]:
    """Return the smallest and the largest bias: a quarter of the range of the gate's score."""
    bounds = config.score_format_of(Criterion.GATE)
    return bounds.low // 4, bounds.high // 4
