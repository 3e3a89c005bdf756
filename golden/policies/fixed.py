"""Policies with a fixed criterion and free thresholds."""

from dataclasses import dataclass

from ..calibrate import CalibrationConfig, calibrate_thresholds, most_accurate_thresholds
from ..spec.criteria import Criterion
from ..spec.rules import ExitRule
from .base import Budget, ExitLogits, Rules, Target


@dataclass(frozen=True)
class FixedCriterion:
    """Leave at the first exit k whose score reaches its threshold ``t_k``.

    With the softmax ``p`` of the exit's logits, sorted ``p_(1) >= p_(2) >= ...``::

        confidence   p_(1) >= T_k,              t_k = 2**F log2(T_k / (1 - T_k))
        margin       p_(1) / p_(2) >= R_k,      t_k = 2**F log2(R_k)
        entropy      -sum_i p_i log2 p_i <= H_k, t_k = -256 H_k

    Thresholds are free for each exit: of all combinations, the cheapest that keep the accuracy
    (`calibrate_thresholds`), or the most accurate within the budget (`most_accurate_thresholds`).

    Source: entropy, Teerapittayanon, McDanel and Kung, BranchyNet: Fast Inference via Early
    Exiting from Deep Neural Networks, ICPR 2016, section III-B and algorithm 1; confidence, the
    same with the largest softmax, as in Huang et al., Multi-Scale Dense Networks, ICLR 2018,
    section 4; margin, Park et al., Big/Little Deep Neural Network for Ultra Low Power Inference,
    CODES+ISSS 2015, section 4, there as a difference of the two.

    Parameters
    ----------
    criterion : Criterion
        Confidence, margin or entropy.
    """

    criterion: Criterion

    @property
    def name(self) -> str:
        """As the command line has it."""
        return str(self.criterion)

    def fit(self, data: ExitLogits, target: Target, *, seed: int = 0) -> Rules:
        """Return a rule for each early exit; see `Policy.fit`."""
        scores = data.criterion_scores(self.criterion)
        low, high = data.bounds(self.criterion)
        split = (scores, data.predictions, data.labels, data.macs_at_exit)
        if isinstance(target, Budget):
            config = CalibrationConfig(threshold_low=low, threshold_high=high)
            thresholds = most_accurate_thresholds(config, *split, budget=target.macs)
        else:
            thresholds = calibrate_thresholds(target.config(low, high), *split).thresholds
        return tuple(ExitRule(threshold=t, criterion=self.criterion) for t in thresholds)
