import itertools
import re
from typing import Any

import numpy as np
import pytest

from offramp.golden.calibrate import (
    CalibrationConfig,
    calibrate_thresholds,
    evaluate_thresholds,
    exit_indices,
    sweep_thresholds,
)
from offramp.golden.data import Dataset, Splits
from offramp.golden.decision import log_odds_score
from offramp.golden.network import IntegerNetwork
from offramp.golden.spec.decision import DecisionConfig

PLAIN = CalibrationConfig(max_loss_points=1, standard_errors=0, tolerance=0)


def random_case(seed: int, n: int, n_early: int, spread: int) -> tuple[Any, ...]:
    """Return scores, predictions, labels and MACs where high scores are mostly right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    scores = rng.integers(-spread, spread + 1, (n, n_early))
    right = rng.random((n, n_early)) < 1 / (1 + np.exp(-3.0 * scores / spread))
    predictions = np.where(right, labels[:, None], (labels[:, None] + 1) % 3)
    final = np.where(rng.random(n) < 0.95, labels, (labels + 2) % 3)
    macs = tuple(np.cumsum(rng.integers(1, 100, n_early + 1)).tolist())
    return scores, np.column_stack([predictions, final]), labels, macs


@pytest.mark.parametrize("n_early", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_cheapest_legal_thresholds_are_found(seed: int, n_early: int) -> None:
    case = random_case(seed, 200, n_early, 4)
    config = CalibrationConfig(
        max_loss_points=2, standard_errors=0, tolerance=0, threshold_low=-5, threshold_high=5
    )
    found = calibrate_thresholds(config, *case)
    every = (
        evaluate_thresholds(thresholds, *case)
        for thresholds in itertools.product(range(-5, 6), repeat=n_early)
    )
    least = min(x.mean_macs for x in every if x.loss_points <= 2 + 1e-9)
    assert found.mean_macs == pytest.approx(least)
    assert found.loss_points <= 2


def test_scores_are_compared_with_equality_and_exits_tried_in_order() -> None:
    scores = np.array([[5, 9], [4, 9], [4, 8], [9, -9]])
    assert exit_indices([5, 9], scores).tolist() == [0, 1, 2, 0]


def test_figures_count_images_one_by_one() -> None:
    scores = np.array([[3], [3], [3], [1], [1]])
    predictions = np.array([[0, 0], [1, 0], [0, 1], [1, 0], [1, 1]])
    figures = evaluate_thresholds([2], scores, predictions, np.zeros(5, np.int64), (10, 100))
    assert figures.exit_shares == (0.6, 0.4)
    assert figures.mean_macs == pytest.approx(0.6 * 10 + 0.4 * 100)
    assert (figures.n_harmed, figures.n_helped) == (1, 1)
    assert (figures.accuracy, figures.accuracy_without_exits) == (0.6, 0.6)
    assert figures.loss_points == 0


def test_a_stricter_target_never_costs_less() -> None:
    case = random_case(0, 3000, 2, 40)
    macs = [
        calibrate_thresholds(
            CalibrationConfig(max_loss_points=points, standard_errors=0, tolerance=0), *case
        ).mean_macs
        for points in (0, 0.5, 1, 2, 5, 100)
    ]
    assert macs == sorted(macs, reverse=True)
    assert macs[0] > macs[-1] == case[3][0]  # everything leaves at once when nothing matters


def test_the_margin_keeps_the_target_with_errors_to_spare() -> None:
    case = random_case(1, 2000, 2, 40)
    risky = calibrate_thresholds(PLAIN, *case)
    careful = calibrate_thresholds(
        CalibrationConfig(max_loss_points=1, standard_errors=2, tolerance=0), *case
    )
    assert careful.loss_points < risky.loss_points <= 1
    assert careful.mean_macs > risky.mean_macs


def test_luck_that_outweighs_harm_is_not_trusted() -> None:
    # exit 0 at threshold 5 harms three images and helps five, of 360
    scores = np.array([[5]] * 8 + [[50]] * 352)
    labels = np.zeros(360, np.int64)
    first, final = labels.copy(), labels.copy()
    first[:3], final[3:8] = 1, 1
    case = (scores, np.column_stack([first, final]), labels, (1, 100))
    lucky = calibrate_thresholds(CalibrationConfig(standard_errors=0, tolerance=0), *case)
    assert (lucky.thresholds, lucky.n_harmed, lucky.n_helped) == ((5,), 3, 5)
    careful = calibrate_thresholds(CalibrationConfig(tolerance=0), *case)
    assert (careful.thresholds, careful.n_harmed) == ((50,), 0)


def test_among_near_equals_the_safest_is_taken() -> None:
    # threshold 10 sends one more image, and it is wrong, to exit 0; 20 costs 1 % more
    scores = np.array([[10]] + [[20]] * 99)
    predictions = np.array([[1, 0]] + [[0, 0]] * 99)
    labels = np.zeros(100, np.int64)
    config = CalibrationConfig(max_loss_points=1, standard_errors=0, tolerance=0.02)
    assert calibrate_thresholds(config, scores, predictions, labels, (1, 100)).thresholds == (20,)
    assert calibrate_thresholds(PLAIN, scores, predictions, labels, (1, 100)).thresholds == (10,)


def test_costs_within_a_standard_error_of_the_least_are_equal() -> None:
    # the cheapest legal one, 10, sends 96 of 100 to exit 0: standard error of its cost 1.94 MACs;
    # 20 and 30 cost 0.99 and 2.97 more, and each leaves out one harmed image more
    scores = np.array([[score] for score in [10, 20, 20, *[30] * 93, *[-50] * 4]])
    predictions = np.array([[1, 0]] * 2 + [[0, 0]] * 94 + [[1, 0]] * 4)
    labels = np.zeros(100, np.int64)
    config = CalibrationConfig(max_loss_points=2, standard_errors=0, tolerance=None)
    found = calibrate_thresholds(config, scores, predictions, labels, (1, 100))
    least = evaluate_thresholds((10,), scores, predictions, labels, (1, 100))
    standard_error = 99 * (0.96 * 0.04 / 100) ** 0.5
    assert found.thresholds == (20,)
    assert least.mean_macs < found.mean_macs <= least.mean_macs + standard_error
    beyond = evaluate_thresholds((30,), scores, predictions, labels, (1, 100))
    assert beyond.n_harmed < found.n_harmed
    assert beyond.mean_macs > least.mean_macs + standard_error


def test_equal_thresholds_go_to_the_highest_of_them() -> None:
    scores = np.array([[7]] * 10)
    right = np.zeros((10, 2), np.int64)
    found = calibrate_thresholds(PLAIN, scores, right, np.zeros(10, np.int64), (1, 2))
    assert found.thresholds == (7,)


def test_large_splits_are_thinned_but_stay_close_to_the_best() -> None:
    case = random_case(2, 4000, 3, 250)
    thin = calibrate_thresholds(PLAIN, *case)
    assert thin.loss_points <= 1
    # the thinned grid has 128 of 501 values per exit: it misses a step by 4 LSBs at most
    near = itertools.product(*[range(x - 4, x + 5, 2) for x in thin.thresholds])
    best = min(
        (evaluate_thresholds(x, *case) for x in near),
        key=lambda x: x.mean_macs if x.loss_points <= 1 else np.inf,
    )
    assert thin.mean_macs <= 1.02 * best.mean_macs


def test_a_target_out_of_reach_is_refused() -> None:
    scores = np.full((10, 1), 300)
    predictions = np.column_stack([np.ones(10, np.int64), np.zeros(10, np.int64)])
    message = (
        "Accuracy loss must be attainable, not 1 points: even the highest thresholds lose "
        "100.00 points on 10 images"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        calibrate_thresholds(PLAIN, scores, predictions, np.zeros(10, np.int64), (1, 2))


def test_the_sweep_goes_from_all_early_to_all_late() -> None:
    case = random_case(3, 300, 2, 9)
    points = sweep_thresholds(PLAIN, *case)
    assert points[0].exit_shares[0] == 1
    assert points[-1].exit_shares[-1] == 1
    macs = [point.mean_macs for point in points]
    assert macs == sorted(macs)
    assert [len(set(point.thresholds)) for point in points] == [1] * len(points)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_loss_points": -1}, "Accuracy loss must be in 0..100 points, not -1"),
        ({"max_loss_points": float("nan")}, "Accuracy loss must be in 0..100 points, not nan"),
        ({"threshold_low": 300}, "Lowest threshold must be in -2147483648..255, not 300"),
        (
            {"threshold_high": 1 << 31},
            "Highest threshold must be in -2147483648..2147483647, not 2147483648",
        ),
        ({"standard_errors": -1}, "Standard errors must not be negative, not -1"),
        ({"tolerance": 1.5}, "Tolerance must be in 0..1, not 1.5"),
    ],
)
def test_illegal_configurations_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        CalibrationConfig(**fields)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({0: np.zeros((9, 1))}, "Scores must be integers, not float64"),
        ({0: np.zeros((9, 2), np.int64)}, "Scores must be of shape (9, 1), not (9, 2)"),
        ({1: np.zeros((9, 1), np.int64)}, "Predictions must be of shape (9, 2), not (9, 1)"),
        ({2: np.zeros(0, np.int64)}, "Images must be at least one, not 0"),
        ({3: (5,)}, "MACs must be those of at least two exits, rising, not [5]"),
        ({3: (5, 5)}, "MACs must be those of at least two exits, rising, not [5, 5]"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(changes: dict[int, Any], message: str) -> None:
    case: list[Any] = [
        np.zeros((9, 1), np.int64),
        np.zeros((9, 2), np.int64),
        np.zeros(9, np.int64),
        (1, 2),
    ]
    for index, value in changes.items():
        case[index] = value
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}$"):
        calibrate_thresholds(PLAIN, *case)


def test_the_number_of_thresholds_must_be_that_of_the_early_exits() -> None:
    case = random_case(0, 10, 2, 3)
    message = "Thresholds must be one for each of 2 early exits, not [1]"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        evaluate_thresholds([1], *case)


def outcome(network: IntegerNetwork, data: Dataset) -> tuple[Any, ...]:
    """Return what calibration wants to know of a network on `data`."""
    logits = network.forward(data.images)
    config = DecisionConfig(n_classes=network.n_classes, fraction_bits=network.fraction_bits)
    scores = np.stack([log_odds_score(config, x) for x in logits[:-1]], axis=1)
    predictions = np.stack([x.argmax(axis=1) for x in logits], axis=1)
    return scores.astype(np.int64), predictions, data.labels, network.macs_at_exit


def test_thresholds_of_the_digits_hold_on_the_test_split(
    quantized: IntegerNetwork, digits: Splits
) -> None:
    config = CalibrationConfig()
    chosen = calibrate_thresholds(config, *outcome(quantized, digits.calibration))
    measured = evaluate_thresholds(chosen.thresholds, *outcome(quantized, digits.test))
    assert measured.n == 539
    assert measured.loss_points <= 0.6
    assert measured.mean_macs <= 0.55 * quantized.macs_total
    assert min(measured.exit_shares) > 0
