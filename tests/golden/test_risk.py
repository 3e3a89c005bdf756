import math
import re
from functools import cache

import numpy as np
import pytest

from offramp.golden.risk import (
    METHODS,
    RiskConfig,
    losses_per_threshold,
    lowest_safe,
    risk_threshold,
)
from offramp.golden.tail_bounds import (
    P_VALUES,
    betting_p_value,
    binomial_p_value,
    hoeffding_bentkus_p_value,
)

THRESHOLDS = list(range(-40, 41))
N_POPULATION = 40_000


@cache
def population() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, predictions and labels of a network with two early exits of some quality."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, N_POPULATION)
    difficulty = rng.normal(0, 1, N_POPULATION)
    scores, predictions = [], []
    for skill in (0.0, 1.0, 2.0):
        score = 10 * (skill - difficulty) + rng.normal(0, 6, N_POPULATION)
        right = rng.random(N_POPULATION) < 1 / (1 + np.exp(-score / 5))
        wrong = (labels + rng.integers(1, 10, N_POPULATION)) % 10
        predictions.append(np.where(right, labels, wrong))
        scores.append(score.round().astype(np.int64))
    return np.column_stack(scores[:-1]), np.column_stack(predictions), labels


@cache
def population_losses(loss: str) -> np.ndarray:
    return losses_per_threshold(loss, THRESHOLDS, *population())


# sharp tests of the rate: 4 standard deviations of the share over so many resamplings
TRIALS = 300


@pytest.mark.parametrize("loss", ["harm", "change"])
@pytest.mark.parametrize("bound", P_VALUES)
@pytest.mark.parametrize("method", ["ltt", "ucb"])
def test_the_risk_is_kept_as_often_as_claimed(method: str, bound: str, loss: str) -> None:
    config = RiskConfig(epsilon=0.05, delta=0.1, method=method, bound=bound, loss=loss)
    losses = population_losses(loss)
    risks = losses.mean(axis=1)
    rng = np.random.default_rng(7)
    found = []
    for _ in range(TRIALS):
        drawn = rng.integers(0, N_POPULATION, 400)
        index = lowest_safe(config, losses[:, drawn])
        found.append(0.0 if index is None else risks[index])
    broken = np.mean(np.array(found) > config.epsilon)
    assert broken <= config.delta + 4 * math.sqrt(config.delta * (1 - config.delta) / TRIALS)
    # and no more careful than need be: most of what is allowed is used
    assert np.mean(found) > 0.4 * config.epsilon


@pytest.mark.parametrize("loss", ["harm", "change"])
def test_conformal_risk_is_kept_on_average(loss: str) -> None:
    config = RiskConfig(epsilon=0.05, method="crc", loss=loss)
    losses = population_losses(loss)
    risks = losses.mean(axis=1)
    rng = np.random.default_rng(8)
    found = []
    for _ in range(TRIALS):
        index = lowest_safe(config, losses[:, rng.integers(0, N_POPULATION, 200)])
        found.append(0.0 if index is None else risks[index])
    assert np.mean(found) <= config.epsilon + 4 * np.std(found) / math.sqrt(TRIALS)
    assert np.mean(found) > 0.6 * config.epsilon


@pytest.mark.parametrize("p_value", P_VALUES.values(), ids=list(P_VALUES))
@pytest.mark.parametrize("epsilon", [0.01, 0.2, 0.7])
def test_p_values_are_rarely_small_at_the_boundary(p_value, epsilon: float) -> None:
    rng = np.random.default_rng(3)
    found = [p_value((rng.random(300) < epsilon).astype(float), epsilon) for _ in range(1000)]
    for delta in (0.02, 0.1, 0.3):
        share = np.mean(np.array(found) <= delta)
        assert share <= delta + 4 * math.sqrt(delta * (1 - delta) / 1000)


def test_binomial_p_value_is_the_sum_of_its_terms() -> None:
    losses = np.array([1.0] * 3 + [0.0] * 17)
    expected = sum(math.comb(20, k) * 0.3**k * 0.7 ** (20 - k) for k in range(4))
    assert binomial_p_value(losses, 0.3) == pytest.approx(expected, rel=1e-12)
    assert binomial_p_value(np.ones(5), 0.3) == pytest.approx(1)
    with pytest.raises(ValueError, match="Losses must be 0 or 1"):
        binomial_p_value(np.array([0.5]), 0.3)


def test_other_bounds_take_losses_between() -> None:
    losses = np.random.default_rng(0).uniform(0, 0.2, 500)  # of mean 0.1, with little variance
    for p_value in (hoeffding_bentkus_p_value, betting_p_value):
        assert p_value(losses, 0.2) < 0.01
        assert p_value(losses, 0.09) > 0.5
    # betting learns the variance, Hoeffding and Bentkus do not
    assert betting_p_value(losses, 0.12) < hoeffding_bentkus_p_value(losses, 0.12)


def test_without_losses_the_p_value_is_that_of_no_event() -> None:
    for p_value in (binomial_p_value, hoeffding_bentkus_p_value):
        assert p_value(np.zeros(100), 0.03) == pytest.approx(0.97**100)


def test_losses_follow_their_definitions() -> None:
    scores = np.array([[5, 9], [5, 9], [0, 9], [0, 0]])
    predictions = np.array([[1, 0, 0], [1, 0, 2], [1, 2, 0], [1, 1, 0]])
    labels = np.array([0, 0, 0, 0])
    harm = losses_per_threshold("harm", [5, 6], scores, predictions, labels)
    assert harm.tolist() == [[True, False, True, False], [False, False, True, False]]
    change = losses_per_threshold("change", [5, 6], scores, predictions, labels)
    assert change.tolist() == [[True, True, True, False], [False, True, True, False]]


def test_a_loss_that_returns_counts_where_losses_must_be_monotone() -> None:
    losses = np.zeros((3, 200), np.bool_)
    losses[1, :30] = True  # bad in the middle only
    for method in METHODS:
        config = RiskConfig(epsilon=0.05, method=method)
        assert lowest_safe(config, losses) == 2
    losses[1] = False
    losses[2, :9] = True
    assert lowest_safe(RiskConfig(epsilon=0.06, method="crc"), losses) == 0
    assert lowest_safe(RiskConfig(epsilon=0.04, method="crc"), losses) is None


def test_the_threshold_or_the_reason_why_not_is_returned() -> None:
    config = RiskConfig(epsilon=0.05)
    scores, predictions, labels = population()
    threshold = risk_threshold(config, THRESHOLDS, scores, predictions, labels)
    assert population_losses("harm")[THRESHOLDS.index(threshold)].mean() <= 0.05
    message = "Risk must be attainable with 20 calibration images, not 0.05: at the highest"
    with pytest.raises(ValueError, match=f"^{message}"):
        risk_threshold(config, THRESHOLDS, scores[:20], predictions[:20], labels[:20])


def test_statements_say_what_holds() -> None:
    text = RiskConfig(epsilon=0.01, delta=0.05).statement(10_000)
    assert text == (
        "The share of images that exits make wrong where the final classifier is right is at most "
        "0.01 with probability at least 0.95 over the draw of the 10,000 calibration images, for "
        "images drawn like these."
    )
    text = RiskConfig(epsilon=0.01, method="crc", loss="change").statement(50)
    assert "another label than the final classifier is at most 0.01 on average over" in text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epsilon": 0.0}, "Risk must be in (0, 1), not 0.0"),
        ({"epsilon": 0.1, "delta": 1.0}, "Delta must be in (0, 1), not 1.0"),
        ({"epsilon": 0.1, "method": "x"}, "Method must be one of ltt, ucb, crc, not 'x'"),
        ({"epsilon": 0.1, "loss": "x"}, "Loss must be one of harm, change, not 'x'"),
    ],
)
def test_illegal_configurations_are_refused(fields, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        RiskConfig(**fields)
