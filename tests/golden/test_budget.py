import re

import numpy as np
import pytest

from offramp.golden.budget import budget_thresholds
from offramp.golden.calibrate import exit_indices

MACS = [100, 300, 1000]
RNG = np.random.default_rng(0)
SCORES = RNG.normal(0, 40, (5000, 2)).round().astype(np.int64)


def cost(thresholds: tuple[int, ...], scores: np.ndarray = SCORES) -> float:
    return float(np.asarray(MACS)[exit_indices(thresholds, scores)].mean())


def found(budget: float, scores: np.ndarray = SCORES) -> tuple[int, ...]:
    return budget_thresholds(scores, MACS, budget, low=-255, high=255)


@pytest.mark.parametrize("budget", [100, 150, 333, 600, 950, 1000, 5000])
def test_the_budget_is_kept_and_used(budget: float) -> None:
    spent = cost(found(budget))
    assert spent <= budget
    assert spent >= min(budget, 1000) - 25


def test_shares_fall_or_rise_by_one_ratio() -> None:
    fine = SCORES * 100 + RNG.integers(0, 100, SCORES.shape)  # no two alike
    exits = exit_indices(budget_thresholds(fine, MACS, 333, low=-30_000, high=30_000), fine)
    first, second, last = np.bincount(exits, minlength=3) / len(SCORES)
    assert second / first == pytest.approx(last / second, abs=0.005)


def test_the_surest_images_leave() -> None:
    thresholds = found(400)
    exits = exit_indices(thresholds, SCORES)
    assert SCORES[exits == 0, 0].min() >= thresholds[0] > SCORES[exits > 0, 0].max()


def test_images_of_one_score_leave_together() -> None:
    scores = np.zeros((100, 2), np.int64)
    assert cost(found(100, scores), scores) == 100
    assert cost(found(299, scores), scores) == 100
    assert cost(found(301, scores), scores) == 300


def test_impossible_budgets_are_refused() -> None:
    message = "Budget must be at least the 100 MACs of the first exit, not 99"
    with pytest.raises(ValueError, match=f"^{message}$"):
        found(99)
    message = "Scores must be of shape [n, 2] with n at least 1, not (5000, 1)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        found(500, SCORES[:, :1])
