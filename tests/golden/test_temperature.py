import numpy as np
import pytest

from offramp.golden.temperature import (
    TEMPERATURE_RANGE,
    fit_temperature,
    negative_log_likelihood,
)


def drawn(temperature: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and labels drawn from their softmax at `temperature`."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (n, 5))
    p = np.exp(logits / temperature)
    p /= p.sum(axis=1, keepdims=True)
    return logits, (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    logits, labels = drawn(temperature, 20_000)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


def test_the_fit_is_the_minimum() -> None:
    logits, labels = drawn(1.5, 500)
    smoothing = 1 / 502
    best = fit_temperature(logits, labels)
    least = negative_log_likelihood(logits, labels, best, smoothing)
    for factor in (0.99, 1.01, 0.5, 2):
        assert negative_log_likelihood(logits, labels, best * factor, smoothing) > least


def test_an_exit_without_errors_gets_a_finite_confidence() -> None:
    logits = np.eye(10)[np.arange(300) % 10] * 20.0
    temperature = fit_temperature(logits, np.arange(300) % 10)
    assert TEMPERATURE_RANGE[0] < temperature < TEMPERATURE_RANGE[1]
    p = 1 / (1 + 9 * np.exp(-20 / temperature))
    assert 1 - p == pytest.approx(0.9 / 302, rel=0.01)  # the smoothed share of the others


def test_likelihood_of_equal_logits_is_that_of_guessing() -> None:
    value = negative_log_likelihood(np.zeros((4, 10)), np.arange(4))
    assert value == pytest.approx(np.log(10))


def test_large_logits_do_not_overflow() -> None:
    assert negative_log_likelihood(np.array([[1e4, -1e4]]), np.array([1])) == pytest.approx(2e4)
