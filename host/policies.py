"""Exit policies against each other: accuracy on the test split at matched mean cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..golden.data import Splits
from ..golden.network import IntegerNetwork
from ..golden.policies import FIXED, POLICIES, Budget, ExitLogits, policy_of
from .workflow import exit_logits

MATCHED = (0.05, 0.1, 0.2, 0.4)
"""Costs at which policies are compared: so much of the way from the first exit's to the last's."""

BUDGETS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
"""Budgets that policies are fitted for, likewise: the points of a curve."""

FITTED_SHARE = 0.8
"""Of the calibration images: each seed fits on another random choice of them."""

SCHEDULER = "eenet"
"""The policy that is held against the best of `RIVALS`."""

RIVALS = (*FIXED, *(name for name in POLICIES if name.startswith("msdnet")))
"""Policies with a single fixed criterion, thresholds by either way."""

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Point:
    """What one fit does on the test split."""

    macs: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All policies on one network.

    Attributes
    ----------
    network : str
    macs_at_exit : tuple of int
    macs_without_exits : int
    accuracy_without_exits : float
    calibration_images, test_images : int
    curves : dict
        Name of the policy to one curve per seed, each by rising cost.
    """

    network: str
    macs_at_exit: tuple[int, ...]
    macs_without_exits: int
    accuracy_without_exits: float
    calibration_images: int
    test_images: int
    curves: dict[str, list[list[Point]]]

    def cost(self, share: float) -> float:
        """Return the MACs at a share of the way from the first exit's cost to the last's."""
        first, last = self.macs_at_exit[0], self.macs_at_exit[-1]
        return first + share * (last - first)

    @property
    def n_seeds(self) -> int:
        """Curves of each policy."""
        return len(next(iter(self.curves.values())))

    @property
    def matched_costs(self) -> list[float]:
        """The MACs at which policies are compared."""
        return [self.cost(share) for share in MATCHED]

    def rows(self) -> list[tuple[str, ...]]:
        """Return a row of text per policy: name, accuracies in % at equal cost, their mean."""
        return [
            (name, *(f"{100 * value:.2f}" for value in (*row, row.mean())))
            for name, row in ((name, self.matched(name)) for name in self.curves)
        ]

    def matched(self, name: str) -> Reals:
        """Return the accuracies of a policy at the costs of `MATCHED`, means over the seeds.

        Between two points of a curve an accuracy is that of using both rules in turn. Beyond the
        last point it is that of the last point, at less cost. NaN where the policy has no rules
        that cheap.
        """
        rows = [_interpolate(curve, self.matched_costs) for curve in self.curves[name]]
        return np.asarray(np.mean(rows, axis=0))

    def best_fixed(self) -> str:
        """Return which of `RIVALS` has the best mean accuracy over the costs of `MATCHED`."""
        means = {name: float(self.matched(name).mean()) for name in RIVALS if name in self.curves}
        return max(means, key=lambda name: -1.0 if np.isnan(means[name]) else means[name])

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        best = self.best_fixed()
        matched = {name: self.matched(name).tolist() for name in self.curves}
        return {
            "network": self.network,
            "macs_at_exit": list(self.macs_at_exit),
            "macs_without_exits": self.macs_without_exits,
            "accuracy_without_exits": self.accuracy_without_exits,
            "calibration_images": self.calibration_images,
            "test_images": self.test_images,
            "matched_macs": self.matched_costs,
            "matched_accuracy": matched,
            "mean_matched_accuracy": {n: float(np.mean(row)) for n, row in matched.items()},
            "best_fixed": best,
            "curves": {
                name: [[[point.macs, point.accuracy] for point in curve] for curve in curves]
                for name, curves in self.curves.items()
            },
        }


def comparison_of_dict(values: dict[str, Any]) -> Comparison:
    """Return the comparison that `Comparison.as_dict` described."""
    return Comparison(
        network=str(values["network"]),
        macs_at_exit=tuple(values["macs_at_exit"]),
        macs_without_exits=int(values["macs_without_exits"]),
        accuracy_without_exits=float(values["accuracy_without_exits"]),
        calibration_images=int(values["calibration_images"]),
        test_images=int(values["test_images"]),
        curves={
            name: [
                [Point(macs=macs, accuracy=accuracy) for macs, accuracy in curve]
                for curve in curves
            ]
            for name, curves in values["curves"].items()
        },
    )


def compare_policies(
    network: IntegerNetwork,
    splits: Splits,
    *,
    seeds: int = 3,
    names: Sequence[str] = tuple(POLICIES),
    progress: Callable[[int], None] | None = None,
) -> Comparison:
    """Fit policies on calibration images for each of `BUDGETS`, measure them on the test split.

    A seed draws the calibration images that are fitted on, and the first weights of what learns.

    Parameters
    ----------
    network : IntegerNetwork
    splits : Splits
    seeds : int
    names : sequence of str
        Of policies.
    progress : callable, optional
        Called with the number of policies and seeds done, up to ``seeds * len(names)``.
    """
    if network.n_exits < 2:
        raise ValueError(f"Exits must be at least two, not {network.n_exits}")
    if seeds < 1 or not names:
        raise ValueError(f"Seeds and policies must be at least one, not {seeds} and {len(names)}")
    calibration = exit_logits(network, splits.calibration)
    test = exit_logits(network, splits.test)
    curves: dict[str, list[list[Point]]] = {name: [] for name in names}
    done = 0
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(calibration))
        fitted = calibration.subset(order[: round(FITTED_SHARE * len(order))])
        for name in names:
            curves[name].append(_curve(name, fitted, test, seed))
            done += 1
            if progress is not None:
                progress(done)
    return Comparison(
        network=network.name,
        macs_at_exit=network.macs_at_exit,
        macs_without_exits=network.macs_total,
        accuracy_without_exits=float((test.predictions[:, -1] == test.labels).mean()),
        calibration_images=len(calibration),
        test_images=len(test),
        curves=curves,
    )


def _curve(name: str, fitted: ExitLogits, test: ExitLogits, seed: int) -> list[Point]:
    """Return what a policy does on the test split for each budget that it can reach."""
    first, last = fitted.macs_at_exit[0], fitted.macs_at_exit[-1]
    points = {}
    for share in (0.0, *BUDGETS, 1.0):
        try:
            rules = policy_of(name).fit(
                fitted, Budget(macs=first + share * (last - first)), seed=seed
            )
        except ValueError:
            continue  # beyond what the criterion can tell, as the entropy of very unsure images
        figures = test.figures(rules)
        points[figures.mean_macs] = Point(macs=figures.mean_macs, accuracy=figures.accuracy)
    return [points[macs] for macs in sorted(points)]


def _interpolate(curve: Sequence[Point], costs: Sequence[float]) -> Reals:
    return np.interp(
        costs, [point.macs for point in curve], [point.accuracy for point in curve], left=np.nan
    )
