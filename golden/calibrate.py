"""Thresholds of the early exits for a stated accuracy target, from a calibration split.

An image leaves at the first exit whose integer score reaches the exit's threshold, and at the
final classifier otherwise. Scores are log-odds of the winner in logit LSBs, so that the same
threshold means the same confidence at every exit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .spec.checks import require_int

GRID_POINTS = 1 << 21
"""Combinations of thresholds that are tried at most; beyond, each exit's are thinned evenly."""

Scores = NDArray[np.int64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ExitFigures:
    """What a set of thresholds does on a set of images.

    Parameters
    ----------
    thresholds : tuple of int
    n : int
        Images.
    accuracy : float
        Share of right labels with exits, 0 to 1.
    accuracy_without_exits : float
        Share of right labels of the final classifier.
    n_harmed, n_helped : int
        Images that leave early with a wrong label where the final one is right, and vice versa.
    mean_macs : float
        Multiply-accumulates per image.
    exit_shares : tuple of float
        Share of the images that leave at each exit, the final classifier last.
    """

    thresholds: tuple[int, ...]
    n: int
    accuracy: float
    accuracy_without_exits: float
    n_harmed: int
    n_helped: int
    mean_macs: float
    exit_shares: tuple[float, ...]

    @property
    def loss_points(self) -> float:
        """Accuracy lost against the final classifier, in percentage points."""
        return 100 * (self.n_harmed - self.n_helped) / self.n


@dataclass(frozen=True, kw_only=True)
class CalibrationConfig:
    """What thresholds are chosen for.

    Parameters
    ----------
    max_loss_points : float
        Accuracy that may be lost on the calibration split, in percentage points against the same
        network without exits.
    threshold_low, threshold_high : int
        Range of a threshold.
    standard_errors : float
        Margin on the loss: the target must hold with this many standard errors of the paired
        difference to spare. The split is small, and of many thresholds the best looking ones were
        lucky: three images harmed and five helped are no gain.
    tolerance : float or None
        Thresholds that cost this share of a whole image's MACs more than the cheapest ones count
        as equally good; of these the safest are taken. None: one standard error of the cheapest
        ones' mean MACs, the least difference in cost that the split can tell.

    Raises
    ------
    TypeError, ValueError
        If a field is out of range.
    """

    max_loss_points: float = 0.5
    threshold_low: int = -254
    threshold_high: int = 255
    standard_errors: float = 2.0
    tolerance: float | None = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.max_loss_points <= 100:
            raise ValueError(f"Accuracy loss must be in 0..100 points, not {self.max_loss_points}")
        require_int("Highest threshold", self.threshold_high, -(1 << 31), (1 << 31) - 1)
        require_int("Lowest threshold", self.threshold_low, -(1 << 31), self.threshold_high)
        if not 0 <= self.standard_errors < math.inf:
            raise ValueError(f"Standard errors must not be negative, not {self.standard_errors!r}")
        if self.tolerance is not None and not 0 <= self.tolerance <= 1:
            raise ValueError(f"Tolerance must be in 0..1, not {self.tolerance!r}")


def calibrate_thresholds(
    config: CalibrationConfig,
    scores: Scores,
    predictions: Labels,
    labels: Labels,
    macs_at_exit: Sequence[int],
) -> ExitFigures:
    """Choose one threshold per early exit; return it with its figures on the same split.

    All combinations of the scores that occur are compared (evenly thinned beyond `GRID_POINTS`).
    Those that keep the accuracy target with its margin are legal; of these, those within the
    tolerance of the least mean MACs are equal; of these, the fewest harmed images win, then the
    highest smallest threshold (no exit is trusted less than need be), then the least MACs.

    Source of the tolerance of one standard error: Breiman, Friedman, Olshen and Stone,
    Classification and Regression Trees, 1984, section 3.4.3.

    Parameters
    ----------
    config : CalibrationConfig
    scores : int64 [n, n_exits - 1]
        An exit is taken when its score reaches the threshold.
    predictions : int64 [n, n_exits]
        Label of each exit, the final classifier last.
    labels : int64 [n]
        True labels.
    macs_at_exit : sequence of int
        Cumulative MACs when leaving at each exit.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or no thresholds in range reach the target.
    """
    _check_inputs(scores, predictions, labels, macs_at_exit)
    n, n_early = scores.shape
    candidates = [_candidates(scores[:, index], config, n_early) for index in range(n_early)]
    grid = _Grid(candidates, scores, predictions == labels[:, None])
    shares = [grid.leaving(index, np.ones(n)) / n for index in range(n_early + 1)]
    macs = sum(m * share for m, share in zip(macs_at_exit, shares, strict=True))
    harmed, helped = grid.changes()
    legal = keeps_target(config, harmed, helped, n)
    if not legal.any():
        mean = (harmed - helped) / n
        raise ValueError(
            f"Accuracy loss must be attainable, not {config.max_loss_points} points: even the "
            f"highest thresholds lose {100 * mean.ravel()[-1]:.2f} points on {n} images"
        )
    cheapest = np.unravel_index(np.where(legal, macs, np.inf).argmin(), macs.shape)
    least = macs[cheapest]
    if config.tolerance is None:
        squares = [(m - least) ** 2 for m in macs_at_exit]
        variance_of_macs = sum(q * s[cheapest] for q, s in zip(squares, shares, strict=True))
        margin = math.sqrt(variance_of_macs / n)
    else:
        margin = config.tolerance * macs_at_exit[-1]
    near = legal & (macs <= least + margin)
    # the lexicographic order of the rules, largest last
    points = np.argwhere(near)
    heights = [[values[i] for values, i in zip(candidates, point, strict=True)] for point in points]
    order = np.lexsort(
        (-macs[near], np.min(heights, axis=1), -harmed[near])  # the last key counts most
    )
    thresholds = heights[int(order[-1])]
    return evaluate_thresholds(thresholds, scores, predictions, labels, macs_at_exit)


def keeps_target(
    config: CalibrationConfig,
    harmed: NDArray[np.float64],
    helped: NDArray[np.float64],
    n: int,
) -> NDArray[np.bool_]:
    """Return where the accuracy target holds with its margin, for numbers of images out of `n`."""
    # variance of the mean of +1 (harmed), -1 (helped) and 0 over the images
    mean = (harmed - helped) / n
    variance = np.maximum((harmed + helped) / n - mean**2, 0.0)
    pessimistic = mean + config.standard_errors * np.sqrt(variance / n)
    return np.asarray(pessimistic <= config.max_loss_points / 100 + 1e-12)


def most_accurate_thresholds(
    config: CalibrationConfig,
    scores: Scores,
    predictions: Labels,
    labels: Labels,
    macs_at_exit: Sequence[int],
    *,
    budget: float,
) -> tuple[int, ...]:
    """Return the thresholds of the best accuracy at mean MACs of at most `budget`.

    All combinations are compared as in `calibrate_thresholds`; of equally accurate ones the
    cheapest are taken. Of `config` only the range of a threshold counts.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or no thresholds in range are that cheap.
    """
    _check_inputs(scores, predictions, labels, macs_at_exit)
    n, n_early = scores.shape
    candidates = [_candidates(scores[:, index], config, n_early) for index in range(n_early)]
    grid = _Grid(candidates, scores, predictions == labels[:, None])
    macs = np.zeros([len(values) for values in candidates])
    for index, cost in enumerate(macs_at_exit):
        macs += cost * grid.leaving(index, np.ones(n)) / n
    affordable = macs <= budget * (1 + 1e-12)
    if not affordable.any():
        raise ValueError(f"Budget must be at least {macs.min():.0f} MACs, not {budget!r}")
    harmed, helped = grid.changes()
    points = np.argwhere(affordable)
    best = points[np.lexsort((-macs[affordable], (helped - harmed)[affordable]))[-1]]
    return tuple(values[index] for values, index in zip(candidates, best, strict=True))


def evaluate_thresholds(
    thresholds: Sequence[int],
    scores: Scores,
    predictions: Labels,
    labels: Labels,
    macs_at_exit: Sequence[int],
) -> ExitFigures:
    """Return what `thresholds` do; arguments as in `calibrate_thresholds`, of any split."""
    _check_inputs(scores, predictions, labels, macs_at_exit)
    n, n_early = scores.shape
    if len(thresholds) != n_early:
        raise ValueError(
            f"Thresholds must be one for each of {n_early} early exits, not {list(thresholds)!r}"
        )
    exits = exit_indices(thresholds, scores)
    right = predictions == labels[:, None]
    taken = right[np.arange(n), exits]
    final = right[:, -1]
    return ExitFigures(
        thresholds=tuple(int(value) for value in thresholds),
        n=n,
        accuracy=float(taken.mean()),
        accuracy_without_exits=float(final.mean()),
        n_harmed=int((final & ~taken).sum()),
        n_helped=int((taken & ~final).sum()),
        mean_macs=float(np.asarray(macs_at_exit)[exits].mean()),
        exit_shares=tuple((np.bincount(exits, minlength=n_early + 1) / n).tolist()),
    )


def exit_indices(thresholds: Sequence[int], scores: Scores) -> NDArray[np.int64]:
    """Return at which exit each image leaves, int64 [n], for scores int64 [n, n_exits - 1]."""
    reached = scores >= np.asarray(thresholds, np.int64)
    # a last column that is always reached stands for the final classifier
    exits: NDArray[np.int64] = np.column_stack([reached, np.ones(len(scores), np.bool_)]).argmax(1)
    return exits


def sweep_thresholds(
    config: CalibrationConfig,
    scores: Scores,
    predictions: Labels,
    labels: Labels,
    macs_at_exit: Sequence[int],
) -> list[ExitFigures]:
    """Return the figures for every common threshold of all early exits, lowest first.

    The points of a plot of accuracy against mean MACs: thresholds between which no image changes
    its exit appear once, by the highest. Arguments as in `calibrate_thresholds`.
    """
    _check_inputs(scores, predictions, labels, macs_at_exit)
    inside = scores[(scores > config.threshold_low) & (scores < config.threshold_high)]
    thresholds = sorted({config.threshold_low, config.threshold_high, *inside.tolist()})
    return [
        evaluate_thresholds(
            [threshold] * scores.shape[1], scores, predictions, labels, macs_at_exit
        )
        for threshold in thresholds
    ]


class _Grid:
    """Counts of images for all combinations of candidate thresholds, from one histogram.

    The position of a score among its exit's candidates, ``b = #{candidates <= score}``, is all
    that counts: the image leaves there under candidate ``i`` exactly if ``i < b``. Sums of the
    histogram of positions along its axes therefore give the counts for all combinations at once.
    """

    def __init__(
        self, candidates: list[list[int]], scores: Scores, right: NDArray[np.bool_]
    ) -> None:
        self._right = right
        self._shape = tuple(len(values) for values in candidates)
        self._positions = [
            np.searchsorted(values, scores[:, index], side="right")
            for index, values in enumerate(candidates)
        ]

    def leaving(self, index: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of `weights` [n] over the images that leave at exit `index`, per point.

        Returns
        -------
        float64 of one axis per early exit, broadcast to the whole grid.
        """
        axes = min(index + 1, len(self._shape))
        histogram = np.zeros([size + 1 for size in self._shape[:axes]])
        np.add.at(histogram, tuple(self._positions[:axes]), weights)
        for axis in range(axes):
            if axis == index:  # taken: position above the candidate
                tail = np.flip(np.cumsum(np.flip(histogram, axis), axis), axis)
                histogram = np.delete(tail, 0, axis)
            else:  # passed: position at or below the candidate
                histogram = np.delete(np.cumsum(histogram, axis), -1, axis)
        missing = len(self._shape) - axes
        return np.broadcast_to(histogram.reshape(histogram.shape + (1,) * missing), self._shape)

    def changes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the numbers of harmed and of helped images, per point."""
        final = self._right[:, -1]
        early = range(len(self._shape))
        harmed = sum(
            self.leaving(k, (final & ~self._right[:, k]).astype(np.float64)) for k in early
        )
        helped = sum(
            self.leaving(k, (~final & self._right[:, k]).astype(np.float64)) for k in early
        )
        return np.asarray(harmed), np.asarray(helped)


def _candidates(scores: Scores, config: CalibrationConfig, n_early: int) -> list[int]:
    """Return the thresholds of one exit that differ in what leaves, ascending."""
    inside = scores[(scores > config.threshold_low) & (scores < config.threshold_high)]
    values = sorted({config.threshold_low, config.threshold_high, *inside.tolist()})
    limit = max(2, int(GRID_POINTS ** (1 / n_early)))
    if len(values) > limit:
        chosen = np.linspace(0, len(values) - 1, limit).round().astype(int)
        values = [values[index] for index in sorted(set(chosen.tolist()))]
    return values


def _check_inputs(
    scores: Scores, predictions: Labels, labels: Labels, macs_at_exit: Sequence[int]
) -> None:
    n_exits = len(macs_at_exit)
    if n_exits < 2 or any(later <= earlier for earlier, later in pairwise(macs_at_exit)):
        raise ValueError(
            f"MACs must be those of at least two exits, rising, not {list(macs_at_exit)!r}"
        )
    n = len(labels)
    if not n:
        raise ValueError("Images must be at least one, not 0")
    for thing, array, shape in (
        ("Scores", scores, (n, n_exits - 1)),
        ("Predictions", predictions, (n, n_exits)),
        ("Labels", labels, (n,)),
    ):
        if not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"{thing} must be integers, not {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"{thing} must be of shape {shape}, not {array.shape}")
