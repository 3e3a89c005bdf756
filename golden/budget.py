"""Thresholds for a stated mean cost: the budgeted batch classification of MSDNet.

The share of images that leaves at exit k, k = 0 to K, is ::

    q_k = z p_k r**k,   z = 1 / sum_k p_k r**k,   sum_k q_k C_k <= B

with one ratio ``r`` for all exits, the cumulative costs ``C_k``, the budget ``B`` and, if a
scheduler has learned them, shares ``p_k`` to start from (all alike otherwise). The
threshold of exit k is such that, of the calibration images that get there, the surest ``n q_k``
leave.

Source: Huang et al., Multi-Scale Dense Networks for Resource Efficient Image Classification, ICLR
2018, section 3 and 4.3, "budgeted batch classification" (there with ``1 - q`` for r, and
confidences for scores).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .calibrate import exit_indices

N_RATIOS = 100
"""Values of r that are tried, evenly on a logarithmic scale, and again around the best."""

RATIO_LIMIT = 1e4
"""Largest r; its inverse is the smallest."""


def budget_thresholds(
    scores: NDArray[np.int64],
    macs_at_exit: Sequence[int],
    budget: float,
    *,
    low: int,
    high: int,
    shares: Sequence[float] | None = None,
) -> tuple[int, ...]:
    """Return thresholds whose mean cost on these images is at most `budget`, and closest to it.

    Scores are integers, hence several images may share the score at which a threshold falls. They
    leave together, so that the cost is measured rather than taken from the shares.

    Parameters
    ----------
    scores : int64 [n, n_exits - 1]
        Of the calibration images; no labels are needed.
    macs_at_exit : sequence of int
        Cumulative MACs when leaving at each exit.
    budget : float
        Mean MACs of an image.
    low, high : int
        Range of a threshold.
    shares : sequence of float, optional
        The ``p_k``, one per exit, positive.

    Raises
    ------
    ValueError
        If the budget is below the cost of the first exit, or scores and costs do not fit.
    """
    if scores.ndim != 2 or len(macs_at_exit) != scores.shape[1] + 1 or not len(scores):
        raise ValueError(
            f"Scores must be of shape [n, {len(macs_at_exit) - 1}] with n at least 1, "
            f"not {scores.shape}"
        )
    costs = np.asarray(macs_at_exit, np.float64)
    start = np.ones(len(costs)) if shares is None else np.asarray(shares, np.float64)
    if start.shape != costs.shape or not np.all(start > 0):
        raise ValueError(f"Shares must be {len(costs)} positive numbers, not {shares!r}")
    best: tuple[float, float, tuple[int, ...]] | None = None
    step = (RATIO_LIMIT**2) ** (1 / (N_RATIOS - 1))
    ratios = np.geomspace(1 / RATIO_LIMIT, RATIO_LIMIT, N_RATIOS)
    for _ in range(2):
        for ratio in ratios.tolist():
            wanted = start * ratio ** np.arange(len(costs))
            thresholds = thresholds_of_shares(scores, wanted / wanted.sum(), low, high)
            cost = float(costs[exit_indices(thresholds, scores)].mean())
            if cost <= budget and (best is None or cost > best[0]):
                best = cost, ratio, thresholds
        if best is not None:
            # once more, between the best ratio and its neighbours
            ratios = np.geomspace(best[1] / step, best[1] * step, N_RATIOS)
    if best is None:
        raise ValueError(
            f"Budget must be at least the {macs_at_exit[0]} MACs of the first exit, not {budget!r}"
        )
    return best[2]


def thresholds_of_shares(
    scores: NDArray[np.int64], shares: NDArray[np.float64], low: int, high: int
) -> tuple[int, ...]:
    """Return thresholds with which the given share of the images leaves at each exit, nearly.

    Parameters
    ----------
    scores : int64 [n, n_exits - 1]
    shares : float64 [n_exits]
        Of all images; they add up to 1.
    low, high : int
        Range of a threshold.
    """
    n, n_early = scores.shape
    counts = np.rint(n * shares).astype(int)
    staying = np.arange(n)
    thresholds = []
    for index in range(n_early):
        here = scores[staying, index]
        n_leaving = min(int(counts[index]), len(here))
        threshold = high
        if n_leaving == len(here):
            threshold = low
        elif n_leaving:
            surest = np.partition(here, len(here) - n_leaving)[len(here) - n_leaving]
            threshold = min(max(int(surest), low), high)
        thresholds.append(threshold)
        staying = staying[here < threshold]
    return tuple(thresholds)
