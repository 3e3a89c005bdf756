"""The slow forward pass: int64 numpy, one output position at a time, no float anywhere.

It shares nothing with `offramp.golden.forward` but the descriptors, so that a test can hold one
against the other.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

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

Integers = NDArray[np.int64]


def reference_chain(
    layers: Sequence[Layer], parameters: Sequence[LayerParameters], activations: Integers
) -> Integers:
    """Return what the last layer of a chain makes of `activations`, int64 [n, H, W, C]."""
    values = dict(zip((layer.name for layer in layers), parameters, strict=True))
    return follow_chain(
        layers,
        activations,
        lambda layer, *operands: reference_layer(layer, values[layer.name], *operands),
    )


def reference_layer(layer: Layer, parameters: LayerParameters, *operands: Integers) -> Integers:
    """Return the output of one layer, int64 [n, H, W, C] like its operands."""
    x = operands[0]
    if isinstance(layer, MaxPool):
        return _over_windows(layer, x, lambda window: window.max(axis=(1, 2)))
    return _requantize(layer, parameters, _accumulate(layer, parameters, x), *operands[1:])


def _accumulate(layer: Layer, parameters: LayerParameters, x: Integers) -> Integers:
    if isinstance(layer, ResidualAdd):
        return x
    if isinstance(layer, AveragePool):
        return _over_windows(layer, x, lambda window: window.sum(axis=(1, 2)))
    assert parameters.weight is not None
    assert parameters.bias is not None
    weight, bias = parameters.weight.astype(np.int64), parameters.bias.astype(np.int64)
    if isinstance(layer, FullyConnected):
        return (x.reshape(len(x), -1) @ weight.T + bias)[:, None, None, :]
    if not isinstance(layer, Convolution):
        raise TypeError(f"Layer must be of a known kind, not {type(layer).__name__}")
    top, bottom, left, right = layer.padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    in_group, out_group = weight.shape[3], layer.out_channels // layer.groups

    def products(window: Integers) -> Integers:
        blocks = []
        for group in range(layer.groups):
            a = window[..., group * in_group : (group + 1) * in_group].reshape(len(window), -1)
            w = weight[group * out_group : (group + 1) * out_group].reshape(out_group, -1)
            blocks.append(a @ w.T)
        return np.concatenate(blocks, axis=1) + bias

    return _over_windows(layer, padded, products)


def _over_windows(
    layer: Convolution | MaxPool | AveragePool,
    x: Integers,
    function: Callable[[Integers], Integers],
) -> Integers:
    """Return `function` of each window [n, kernel height, kernel width, C], as [n, H, W, C]."""
    height, width, channels = layer.out_shape
    y = np.empty((len(x), height, width, channels), np.int64)
    for row in range(height):
        for column in range(width):
            above, left = row * layer.stride, column * layer.stride
            window = x[:, above : above + layer.kernel[0], left : left + layer.kernel[1]]
            y[:, row, column] = function(window)
    return y


def _requantize(
    layer: Layer, parameters: LayerParameters, accumulator: Integers, *others: Integers
) -> Integers:
    assert parameters.multiplier is not None
    assert parameters.shift is not None
    scaled = accumulator * parameters.multiplier.astype(np.int64)
    if others:
        assert parameters.other_multiplier is not None
        scaled = scaled + others[0] * parameters.other_multiplier.astype(np.int64)
    shift = parameters.shift.astype(np.int64)
    rounded = (scaled + (np.int64(1) << (shift - 1))) >> shift
    clamped: Integers = np.clip(rounded, layer.out_format.low, layer.out_format.high)
    return clamped
