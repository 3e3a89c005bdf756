"""What all exit policies share: logits to be fitted on, a target, and rules as the result."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..calibrate import CalibrationConfig, ExitFigures, evaluate_thresholds, keeps_target
from ..criteria import PatienceMemory, feature_score
from ..spec.bounds import threshold_bounds
from ..spec.criteria import FEATURES, Criterion
from ..spec.decision import DecisionConfig
from ..spec.rules import ExitRule
from ..unit_model import rule_score

N_BUDGETS = 12
"""Budgets that are tried where a policy that takes a budget is given an accuracy target."""

Rules = tuple[ExitRule, ...]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ExitLogits:
    """The integer logits of all exits for some images, and what leaving there costs.

    Parameters
    ----------
    config : DecisionConfig
        Classes, logits and exits of the unit; it is taken with all criteria.
    logits : tuple of int8 [n, N]
        Per exit, the final classifier last.
    labels : int64 [n]
    macs_at_exit : tuple of int
        Cumulative multiply-accumulates.
    """

    config: DecisionConfig
    logits: tuple[NDArray[np.int8], ...]
    labels: Integers
    macs_at_exit: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", replace(self.config, criteria=tuple(Criterion)))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    def n_early(self) -> int:
        """Number of early exits."""
        return len(self.logits) - 1

    @cached_property
    def predictions(self) -> Integers:
        """Label of each exit, int64 [n, n_exits]."""
        return np.column_stack([logits.argmax(axis=1).astype(np.int64) for logits in self.logits])

    @cached_property
    def patience(self) -> Integers:
        """How many exits in a row agree at each early exit, int64 [n, n_early]."""
        memory = PatienceMemory(self.config)
        tags = np.arange(len(self))
        return np.column_stack(
            [memory.score(self.predictions[:, k], k, tags) for k in range(self.n_early)]
        )

    @cached_property
    def features(self) -> Integers:
        """Scores that a gate can weigh, of all exits, int64 [n, n_exits, len(FEATURES)]."""
        return np.stack(
            [
                np.stack([feature_score(self.config, name, logits) for name in FEATURES], axis=1)
                for logits in self.logits
            ],
            axis=1,
        )

    def criterion_scores(self, criterion: str) -> Integers:
        """Return the scores under one criterion at all early exits, int64 [n, n_early]."""
        if criterion == Criterion.PATIENCE:
            return self.patience
        return self.features[:, : self.n_early, FEATURES.index(Criterion(criterion))]

    def scores(self, rules: Sequence[ExitRule]) -> Integers:
        """Return the score of each early exit under its rule, int64 [n, n_early]."""
        return np.column_stack([self._score(k, rule) for k, rule in enumerate(rules)])

    def _score(self, exit_index: int, rule: ExitRule) -> Integers:
        if rule.criterion != Criterion.GATE:
            return self.criterion_scores(rule.criterion)[:, exit_index]
        # many thresholds are tried for each gate
        key = exit_index, tuple(sorted(rule.weights.items())), rule.offset
        if key not in self._gates:
            self._gates[key] = rule_score(self.config, rule, self.logits[exit_index])
        return self._gates[key]

    @cached_property
    def _gates(self) -> dict[tuple[object, ...], Integers]:
        return {}

    def bounds(self, criterion: str) -> tuple[int, int]:
        """Return the smallest and the largest legal threshold of a criterion."""
        return threshold_bounds(self.config, criterion)

    def subset(self, indices: NDArray[np.integer]) -> "ExitLogits":
        """Return the images at `indices`."""
        return replace(
            self,
            logits=tuple(logits[indices] for logits in self.logits),
            labels=self.labels[indices],
        )

    def figures(self, rules: Sequence[ExitRule]) -> ExitFigures:
        """Return what `rules` do on these images."""
        return self.figures_of([rule.threshold for rule in rules], self.scores(rules))

    def figures_of(self, thresholds: Sequence[int], scores: Integers) -> ExitFigures:
        """Return what `thresholds` do with `scores`, int64 [n, n_early]."""
        return evaluate_thresholds(
            thresholds, scores, self.predictions, self.labels, self.macs_at_exit
        )


@dataclass(frozen=True, kw_only=True)
class Budget:
    """At most so many multiply-accumulates an image in the mean."""

    macs: float


@dataclass(frozen=True, kw_only=True)
class Loss:
    """At most so much accuracy lost; fields as in `CalibrationConfig`."""

    max_loss_points: float = 0.5
    standard_errors: float = 2.0
    tolerance: float | None = 0.1

    def config(self, low: int, high: int) -> CalibrationConfig:
        """Return the target with a range of thresholds."""
        return CalibrationConfig(
            max_loss_points=self.max_loss_points,
            standard_errors=self.standard_errors,
            tolerance=self.tolerance,
            threshold_low=low,
            threshold_high=high,
        )


Target = Budget | Loss


class Policy(Protocol):
    """A way to choose the registers of the early exits."""

    @property
    def name(self) -> str:
        """As the command line has it."""

    def fit(self, data: ExitLogits, target: Target, *, seed: int = 0) -> Rules:
        """Return a rule for each early exit, from calibration images alone.

        Parameters
        ----------
        data : ExitLogits
            Of the calibration split.
        target : Budget or Loss
        seed : int
            Of what is trained from random weights; without effect where nothing is.

        Raises
        ------
        ValueError
            If the target cannot be reached.
        """


def choose(data: ExitLogits, candidates: Iterable[Rules], target: Target) -> Rules:
    """Return the best of some rules: the most expensive within the budget, or the cheapest legal.

    Raises
    ------
    ValueError
        If none reaches the target.
    """
    found = [(rules, data.figures(rules)) for rules in candidates]
    if isinstance(target, Budget):
        legal = [pair for pair in found if pair[1].mean_macs <= target.macs * (1 + 1e-12)]
        if not legal:
            least = min(figures.mean_macs for _, figures in found)
            raise ValueError(f"Budget must be at least {least:.0f} MACs, not {target.macs!r}")
        return max(legal, key=lambda pair: pair[1].mean_macs)[0]
    legal = [pair for pair in found if _is_legal(target, pair[1])]
    if not legal:
        least = min(figures.loss_points for _, figures in found)
        raise ValueError(
            f"Accuracy loss must be attainable, not {target.max_loss_points} points: this policy "
            f"loses at least {least:.2f} points on {len(data)} images, with no margin"
        )
    return min(legal, key=lambda pair: pair[1].mean_macs)[0]


def choose_over_budgets(data: ExitLogits, fit: Callable[[Budget], Rules], target: Target) -> Rules:
    """Return `fit` of the budget, or of the least budget tried whose rules keep the target."""
    if isinstance(target, Budget):
        return fit(target)
    budgets = np.geomspace(data.macs_at_exit[0], data.macs_at_exit[-1], N_BUDGETS)
    # rounding may put the first below the cost of the first exit
    budgets[0] = data.macs_at_exit[0]
    found = []
    for macs in budgets.tolist():
        try:
            found.append(fit(Budget(macs=macs)))
        except ValueError:
            continue  # cheaper than the criterion can tell
    return choose(data, found, target)


def _is_legal(target: Loss, figures: ExitFigures) -> bool:
    harmed, helped = np.array(float(figures.n_harmed)), np.array(float(figures.n_helped))
    return bool(keeps_target(target.config(0, 0), harmed, helped, figures.n))
