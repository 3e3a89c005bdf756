"""Budgeted batch classification: the shares of the exits fall or rise by one ratio."""

from dataclasses import dataclass

from ..budget import budget_thresholds
from ..spec.criteria import Criterion
from ..spec.rules import ExitRule
from .base import Budget, ExitLogits, Rules, Target, choose_over_budgets


@dataclass(frozen=True)
class BudgetedBatch:
    """Leave by a criterion so that the share ``q_k = z r**k`` of the images leaves at exit k.

    Equations and source (MSDNet, ICLR 2018) are in `offramp.golden.budget`; there the criterion is
    the confidence. No labels are needed for a budget. With an accuracy target the cheapest of some
    budgets that keeps it is taken.

    Parameters
    ----------
    criterion : Criterion
        Confidence, margin or entropy.
    """

    criterion: Criterion = Criterion.CONFIDENCE

    @property
    def name(self) -> str:
        """As the command line has it."""
        plain = self.criterion == Criterion.CONFIDENCE
        return "msdnet" if plain else f"msdnet-{self.criterion}"

    def fit(self, data: ExitLogits, target: Target, *, seed: int = 0) -> Rules:
        """Return a rule for each early exit; see `Policy.fit`."""
        scores = data.criterion_scores(self.criterion)
        low, high = data.bounds(self.criterion)

        def fit(budget: Budget) -> Rules:
            thresholds = budget_thresholds(
                scores, data.macs_at_exit, budget.macs, low=low, high=high
            )
            return tuple(ExitRule(threshold=t, criterion=self.criterion) for t in thresholds)

        return choose_over_budgets(data, fit, target)
