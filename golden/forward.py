"""The fast forward pass of an integer network: float convolutions that are proven exact.

Every product and every partial sum of a layer is an integer of magnitude at most ``sum |w| *
max |a|``. Where that bound is below ``2**24`` (``2**53``), float32 (float64) holds all of them
exactly, so the convolution is exact in any order of summation; the bound is checked per layer
when a network is prepared. Requantization is int64 arithmetic. This holds for convolutions that
multiply and add, hence NNPACK, which transforms (Winograd, Fourier), is off. Reduced-precision
modes of oneDNN are harmless: bfloat16 holds every 8-bit factor exactly, and sums stay float32.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use
from numpy.typing import NDArray
from torch import Tensor

from .parameters import LayerParameters, product_bound
from .spec.chain import follow_chain
from .spec.layers import (
    AveragePool,
    Convolution,
    FullyConnected,
    Layer,
    MaxPool,
    ResidualAdd,
)

FLOAT32_EXACT = 1 << 24
"""Below this magnitude float32 holds all integers."""

FLOAT64_EXACT = 1 << 53
"""Below this magnitude float64 holds all integers."""

Operation = Callable[..., Tensor]


class Chain:
    """A chain of layers, ready to run on many images at once.

    Activations between layers are float32 tensors [n, C, H, W] that hold integers of at most 9
    bits, channel-last in memory.

    Parameters
    ----------
    layers : sequence of Layer
        A backbone or a branch.
    parameters : sequence of LayerParameters
        Theirs, in the same order.
    """

    def __init__(self, layers: Sequence[Layer], parameters: Sequence[LayerParameters]) -> None:
        self._layers = tuple(layers)
        self._operations = {
            layer.name: _operation(layer, values)
            for layer, values in zip(layers, parameters, strict=True)
        }

    def __call__(self, activations: Tensor) -> Tensor:
        """Return what the last layer makes of `activations`, both float32 [n, C, H, W]."""
        # NNPACK alone would compute a convolution by other means than products and sums
        with torch.inference_mode(), torch.backends.nnpack.flags(enabled=False):
            return follow_chain(
                self._layers,
                activations,
                lambda layer, *operands: self._operations[layer.name](*operands),
            )


def tensor_of_activations(activations: NDArray[np.integer]) -> Tensor:
    """Return uint8 or int8 [n, H, W, C] as float32 [n, C, H, W], channel-last in memory."""
    return torch.from_numpy(activations.astype(np.float32, order="C")).permute(0, 3, 1, 2)


def activations_of_tensor(tensor: Tensor) -> NDArray[np.float32]:
    """Return [n, C, H, W] as an array [n, H, W, C] that shares its memory."""
    return tensor.permute(0, 2, 3, 1).numpy()


def exact_type(bound: int) -> torch.dtype:
    """Return the smallest float type that holds all integers up to `bound` in magnitude.

    Raises
    ------
    ValueError
        If none does.
    """
    if bound < FLOAT32_EXACT:
        return torch.float32
    if bound < FLOAT64_EXACT:
        return torch.float64
    raise ValueError(f"Bound of a partial sum must be below 2**53, not {bound}")


def _operation(layer: Layer, parameters: LayerParameters) -> Operation:
    if isinstance(layer, Convolution):
        return _convolution(layer, parameters)
    if isinstance(layer, FullyConnected):
        return _fully_connected(layer, parameters)
    if isinstance(layer, MaxPool):
        return lambda x: F.max_pool2d(x, layer.kernel, layer.stride)
    if isinstance(layer, AveragePool):
        return _average_pool(layer, parameters)
    if isinstance(layer, ResidualAdd):
        return _residual_add(layer, parameters)
    raise TypeError(f"Layer must be of a known kind, not {type(layer).__name__}")


def _convolution(layer: Convolution, parameters: LayerParameters) -> Operation:
    assert parameters.weight is not None
    dtype = exact_type(product_bound(layer, parameters))
    # [out, kernel height, kernel width, in] -> [out, in, kernel height, kernel width]
    weight = torch.from_numpy(parameters.weight.astype(np.float64)).permute(0, 3, 1, 2).to(dtype)
    weight = weight.contiguous(memory_format=torch.channels_last)
    top, bottom, left, right = layer.padding
    symmetric = top == bottom and left == right
    requantize = _requantizer(layer, parameters)

    def operation(x: Tensor) -> Tensor:
        if not symmetric:
            x = F.pad(x, (left, right, top, bottom))
        padding = (top, left) if symmetric else (0, 0)
        return requantize(
            F.conv2d(x.to(dtype), weight, None, layer.stride, padding, groups=layer.groups)
        )

    return operation


def _fully_connected(layer: FullyConnected, parameters: LayerParameters) -> Operation:
    assert parameters.weight is not None
    dtype = exact_type(product_bound(layer, parameters))
    weight = torch.from_numpy(parameters.weight.astype(np.float64)).to(dtype)
    requantize = _requantizer(layer, parameters)

    def operation(x: Tensor) -> Tensor:
        flat = x.permute(0, 2, 3, 1).reshape(len(x), -1)  # [n, H * W * C]
        return requantize(F.linear(flat.to(dtype), weight)[:, :, None, None])

    return operation


def _average_pool(layer: AveragePool, parameters: LayerParameters) -> Operation:
    dtype = exact_type(product_bound(layer, parameters))
    requantize = _requantizer(layer, parameters)

    def operation(x: Tensor) -> Tensor:
        return requantize(F.avg_pool2d(x.to(dtype), layer.kernel, layer.stride, divisor_override=1))

    return operation


def _residual_add(layer: ResidualAdd, parameters: LayerParameters) -> Operation:
    multiplier, other_multiplier, shift, rounding = _requantization(parameters)
    low, high = layer.out_format.low, layer.out_format.high

    def operation(x: Tensor, other: Tensor) -> Tensor:
        y = x.permute(0, 2, 3, 1).to(torch.int64).mul_(multiplier)
        y.addcmul_(other.permute(0, 2, 3, 1).to(torch.int64), other_multiplier).add_(rounding)
        y.bitwise_right_shift_(shift).clamp_(low, high)
        return y.to(torch.float32).permute(0, 3, 1, 2)

    return operation


def _requantizer(layer: Layer, parameters: LayerParameters) -> Operation:
    """Return the map from accumulators without bias [n, C, H, W] to the layer's output."""
    multiplier, _, shift, rounding = _requantization(parameters)
    if parameters.bias is not None:
        # (acc + bias) * m + r == acc * m + (bias * m + r), all in int64
        rounding = torch.from_numpy(parameters.bias.astype(np.int64)) * multiplier + rounding
    low, high = layer.out_format.low, layer.out_format.high

    def requantize(accumulator: Tensor) -> Tensor:
        y = accumulator.permute(0, 2, 3, 1).to(torch.int64)  # [n, H, W, C], a view: channel-last
        y.mul_(multiplier).add_(rounding).bitwise_right_shift_(shift).clamp_(low, high)
        return y.to(torch.float32).permute(0, 3, 1, 2)

    return requantize


def _requantization(parameters: LayerParameters) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return multiplier, other multiplier, shift and rounding constant as int64 [C]."""
    assert parameters.multiplier is not None
    assert parameters.shift is not None
    multiplier = torch.from_numpy(parameters.multiplier.astype(np.int64))
    other = parameters.other_multiplier
    other_multiplier = (
        torch.zeros_like(multiplier) if other is None else torch.from_numpy(other.astype(np.int64))
    )
    shift = torch.from_numpy(parameters.shift.astype(np.int64))
    return multiplier, other_multiplier, shift, torch.ones_like(shift) << (shift - 1)
