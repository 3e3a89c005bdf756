"""What an integer network means: the same layers over real numbers, without rounding.

Every quantity stays in units of its integer (one LSB), weights and multipliers are the integer
network's own, and ranges are clamped as the formats demand; only the rounding of requantization is
left out. Hence the integer result of one layer differs by at most 1/2 LSB, and through a chain by
no more than `error_bound`, for every input.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use
from numpy.typing import NDArray

from .network import IntegerNetwork
from .parameters import LayerParameters
from .spec.chain import follow_chain
from .spec.layers import (
    AveragePool,
    Convolution,
    FullyConnected,
    Layer,
    MaxPool,
    ResidualAdd,
)

Reals = NDArray[np.float64]

ROUNDING_ERROR = 0.5
"""Largest error of one requantization in LSBs."""


def float_forward(network: IntegerNetwork, images: NDArray[np.uint8]) -> list[Reals]:
    """Return the unrounded logits of every exit, float64 [n, n_classes], in logit LSBs.

    Parameters
    ----------
    network : IntegerNetwork
        Its weights, multipliers and ranges count.
    images : uint8 [n, H, W, C]
    """
    activations: Reals = images.astype(np.float64)
    logits = []
    for segment in network.topology.segments:
        activations = float_chain(
            segment.backbone, network.values_of(segment.backbone), activations
        )
        branch = float_chain(segment.branch, network.values_of(segment.branch), activations)
        logits.append(branch.reshape(len(images), -1))
    return logits


def logit_error_bounds(network: IntegerNetwork) -> list[Reals]:
    """Return the most that integer and unrounded logits differ by, float64 [n_classes] per exit."""
    errors: Reals = np.zeros(network.input_shape[2])
    bounds = []
    for segment in network.topology.segments:
        errors = error_bound(segment.backbone, network.values_of(segment.backbone), errors)
        bounds.append(error_bound(segment.branch, network.values_of(segment.branch), errors))
    return bounds


def float_chain(
    layers: Sequence[Layer], parameters: Sequence[LayerParameters], activations: Reals
) -> Reals:
    """Return what the last layer of a chain makes of `activations`, float64 [n, H, W, C]."""
    values = dict(zip((layer.name for layer in layers), parameters, strict=True))
    return follow_chain(
        layers,
        activations,
        lambda layer, *operands: float_layer(layer, values[layer.name], *operands),
    )


def float_layer(layer: Layer, parameters: LayerParameters, *operands: Reals) -> Reals:
    """Return the unrounded output of one layer, float64 [n, H, W, C] like its operands."""
    x = torch.from_numpy(operands[0]).permute(0, 3, 1, 2)
    if isinstance(layer, MaxPool):
        y = F.max_pool2d(x, layer.kernel, layer.stride)
        return np.ascontiguousarray(y.permute(0, 2, 3, 1).numpy())
    scaled: Reals
    if isinstance(layer, ResidualAdd):
        assert parameters.other_multiplier is not None
        other_ratio = _ratio(parameters.other_multiplier, parameters.shift)
        scaled = operands[0] * _ratio(parameters.multiplier, parameters.shift)
        scaled = scaled + operands[1] * other_ratio
    else:
        scaled = _accumulate(layer, parameters, x) * _ratio(parameters.multiplier, parameters.shift)
    return np.clip(scaled, layer.out_format.low, layer.out_format.high)


def error_bound(
    layers: Sequence[Layer], parameters: Sequence[LayerParameters], errors: Reals
) -> Reals:
    """Return a bound on the rounding error behind a chain, per channel, in LSBs.

    With ``e[c]`` the bound on the input and ``r = multiplier / 2**shift``, a layer with weights
    makes ``r * sum(|w| * e) + 1/2`` of it; clamping and maxima never enlarge an error.

    Parameters
    ----------
    layers, parameters
        The chain.
    errors : float64 [C]
        Bound on the error of the chain's input.
    """
    values = dict(zip((layer.name for layer in layers), parameters, strict=True))
    return follow_chain(
        layers,
        errors,
        lambda layer, *operands: _layer_error(layer, values[layer.name], *operands),
    )


def _layer_error(layer: Layer, parameters: LayerParameters, *errors: Reals) -> Reals:
    if isinstance(layer, MaxPool):
        return errors[0]
    ratio = _ratio(parameters.multiplier, parameters.shift)
    if isinstance(layer, ResidualAdd):
        other_ratio = _ratio(parameters.other_multiplier, parameters.shift)
        return ratio * errors[0] + other_ratio * errors[1] + ROUNDING_ERROR
    if isinstance(layer, AveragePool):
        return ratio * math.prod(layer.kernel) * errors[0] + ROUNDING_ERROR
    assert parameters.weight is not None
    magnitudes = np.abs(parameters.weight.astype(np.float64))
    if isinstance(layer, Convolution):
        # a filter of group g sees the channels of group g only
        per_group = errors[0].reshape(layer.groups, 1, -1)
        sums = magnitudes.sum(axis=(1, 2)).reshape(layer.groups, -1, per_group.shape[2])
        seen: Reals = (sums * per_group).sum(axis=2).reshape(-1)
        return ratio * seen + ROUNDING_ERROR
    if not isinstance(layer, FullyConnected):
        raise TypeError(f"Layer must be of a known kind, not {type(layer).__name__}")
    positions = layer.in_shape[0] * layer.in_shape[1]
    amplified: Reals = ratio * (magnitudes @ np.tile(errors[0], positions))
    return amplified + ROUNDING_ERROR


def _accumulate(layer: Layer, parameters: LayerParameters, x: torch.Tensor) -> Reals:
    if isinstance(layer, AveragePool):
        y = F.avg_pool2d(x, layer.kernel, layer.stride) * math.prod(layer.kernel)
        return np.ascontiguousarray(y.permute(0, 2, 3, 1).numpy())
    assert parameters.weight is not None
    assert parameters.bias is not None
    weight = torch.from_numpy(parameters.weight.astype(np.float64))
    bias = torch.from_numpy(parameters.bias.astype(np.float64))
    if isinstance(layer, Convolution):
        top, bottom, left, right = layer.padding
        y = F.conv2d(
            F.pad(x, (left, right, top, bottom)),
            weight.permute(0, 3, 1, 2),
            bias,
            layer.stride,
            groups=layer.groups,
        )
        return np.ascontiguousarray(y.permute(0, 2, 3, 1).numpy())
    if not isinstance(layer, FullyConnected):
        raise TypeError(f"Layer must be of a known kind, not {type(layer).__name__}")
    flat = x.permute(0, 2, 3, 1).reshape(len(x), -1)
    result: Reals = F.linear(flat, weight, bias).numpy()[:, None, None, :]
    return result


def _ratio(multiplier: NDArray[np.uint16] | None, shift: NDArray[np.uint8] | None) -> Reals:
    assert multiplier is not None
    assert shift is not None
    ratio: Reals = np.ldexp(multiplier.astype(np.float64), -shift.astype(np.int64))
    return ratio
