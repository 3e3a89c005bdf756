"""Temperature scaling: one number per exit that makes its confidences honest."""

import numpy as np
from numpy.typing import NDArray

TEMPERATURE_RANGE = (0.125, 8.0)
"""Where temperatures are sought."""

_GOLDEN = (5**0.5 - 1) / 2
_STEPS = 60


def negative_log_likelihood(
    logits: NDArray[np.floating],
    labels: NDArray[np.int64],
    temperature: float = 1.0,
    smoothing: float = 0.0,
) -> float:
    """Return the mean of ``-log softmax(logits / temperature)[label]`` in nats.

    Parameters
    ----------
    logits : float [n, N]
    labels : int64 [n]
    temperature : float
    smoothing : float
        Share of the label's probability that the target gives to all classes alike.
    """
    scaled = logits.astype(np.float64) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(scaled).sum(axis=1))
    of_label = log_sums - scaled[np.arange(len(labels)), labels]
    of_any = log_sums - scaled.mean(axis=1)
    return float(((1 - smoothing) * of_label + smoothing * of_any).mean())


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Return the temperature that minimises the negative log-likelihood on a calibration split.

    Targets are smoothed by ``1 / (n + 2)``: an exit without an error on the split would otherwise
    get the temperature 0. The loss is convex in the inverse temperature, so that there is one
    minimum; golden-section search over the logarithm finds it, within `TEMPERATURE_RANGE`.

    Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
    section 4.2; smoothing after Platt, Probabilistic Outputs for Support Vector Machines, 1999,
    section 2.2.

    Parameters
    ----------
    logits : float [n, N]
        Of the calibration split, never of the test split.
    labels : int64 [n]
    """
    low, high = np.log(TEMPERATURE_RANGE)
    smoothing = 1 / (len(labels) + 2)

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits, labels, float(np.exp(log_temperature)), smoothing)

    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    for _ in range(_STEPS):
        if loss_left <= loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - _GOLDEN * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + _GOLDEN * (high - low)
            loss_right = loss(right)
    return float(np.exp((low + high) / 2))
