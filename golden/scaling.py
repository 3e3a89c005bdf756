"""From real scales to integers: weights, biases, multipliers and shifts of one layer."""

import math

import numpy as np
from numpy.typing import NDArray

from .parameters import WEIGHT_LIMIT, LayerParameters
from .spec.numbers import INT32, MULTIPLIER_WIDTH, SHIFT_MAX, UINT8

MULTIPLIER_HIGH = (1 << MULTIPLIER_WIDTH) - 1

BIAS_LIMIT = 1 << 21
"""Largest bias of a layer with few inputs; with many, what its products can sum up to.

A channel of tiny weights gets coarser ones rather than a bias that needs a wider accumulator.
"""

Reals = NDArray[np.float64]


def encode_ratios(
    layer_name: str, *ratios: Reals
) -> tuple[list[NDArray[np.uint16]], NDArray[np.uint8]]:
    """Return multipliers and a common shift per channel: ``ratio ~ multiplier / 2**shift``.

    The largest ratio of a channel gets all bits of the multiplier that the range of shifts allows.

    Parameters
    ----------
    layer_name : str
        For the message.
    ratios : float64 [C]
        Non-negative; one array per operand.

    Returns
    -------
    multipliers : list of uint16 [C]
    shift : uint8 [C]

    Raises
    ------
    ValueError
        If a ratio is too large for a shift of 1.
    """
    largest = np.max(ratios, axis=0)
    shift = np.empty(len(largest), np.int64)
    for channel, ratio in enumerate(largest.tolist()):
        exponent = math.frexp(ratio)[1]  # ratio < 2**exponent
        shift[channel] = min(max(MULTIPLIER_WIDTH - exponent, 1), SHIFT_MAX)
        if round(ratio * 2.0 ** int(shift[channel])) > MULTIPLIER_HIGH:
            shift[channel] -= 1  # rounded up to the next power of two
        if shift[channel] < 1 or round(ratio * 2.0 ** int(shift[channel])) > MULTIPLIER_HIGH:
            raise ValueError(
                f"Requantization ratio of {layer_name} must be below {MULTIPLIER_HIGH / 2}, "
                f"not {ratio!r}"
            )
    multipliers = [np.rint(np.ldexp(ratio, shift)).astype(np.uint16) for ratio in ratios]
    return multipliers, shift.astype(np.uint8)


def quantize_weights(
    layer_name: str,
    weight: Reals,
    bias: Reals,
    *,
    in_scale: float,
    out_scale: float,
    offset: float = 0.0,
    weight_limit: int = WEIGHT_LIMIT,
) -> LayerParameters:
    """Return the integers of a layer with weights, symmetric per output channel.

    ``y / out_scale + offset ~ (sum(w_q * a_q) + bias_q) * multiplier / 2**shift``

    Parameters
    ----------
    layer_name : str
        For messages.
    weight : float64 [C, ...]
    bias : float64 [C]
    in_scale, out_scale : float
        What one LSB of the input and of the output stands for.
    offset : float
        Added to every output, in LSBs; it goes into the bias.
    weight_limit : int
        Largest magnitude of a weight.

    Raises
    ------
    ValueError
        If a weight or bias is not finite.
    """
    require_finite(layer_name, weight, bias)
    magnitudes = np.abs(weight).reshape(len(weight), -1)
    products_limit = magnitudes.shape[1] * WEIGHT_LIMIT * UINT8.high
    bias_limit = min(max(BIAS_LIMIT, products_limit), INT32.high)
    shifted = bias + offset * out_scale
    scales = np.maximum(
        magnitudes.max(axis=1) / weight_limit, np.abs(shifted) / (in_scale * bias_limit)
    )
    scales = np.where(scales > 0, scales, 1.0)  # a channel of zeros has no scale
    (multiplier,), shift = encode_ratios(layer_name, in_scale * scales / out_scale)
    per_channel = scales.reshape(-1, *[1] * (weight.ndim - 1))
    return LayerParameters(
        weight=np.rint(weight / per_channel).astype(np.int8),
        bias=np.rint(shifted / (in_scale * scales)).astype(np.int32),
        multiplier=multiplier,
        shift=shift,
    )


def require_finite(layer_name: str, weight: Reals, bias: Reals) -> None:
    """Raise ValueError, naming the layer, unless all weights and biases are finite."""
    for thing, values in (("Weight", weight), ("Bias", bias)):
        if not np.isfinite(values).all():
            wrong = values[~np.isfinite(values)][0]
            raise ValueError(f"{thing} of {layer_name} must be finite, not {float(wrong)!r}")
