"""Quantization-aware training: the float network with Brevitas' fake quantizers in it.

Weights and activations are rounded to the grids of `offramp.golden.quantize` in the forward pass,
and the gradient passes through as if they were not, so that training makes up for the rounding.
The integer network is made of what has been learned here: weights that lie on their grids, and the
range of every activation. It is the reference; this model only resembles it, within
`FakeQuantizedNetwork.error_bounds`.

Source: Jacob et al., Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, CVPR 2018, section 3; Esser et al., Learned Step Size
Quantization, ICLR 2020, for the ranges that are learned.
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use
from torch import Tensor, nn

from .float_reference import logit_error_bounds
from .folded import FoldedNetwork, Reals
from .network import IntegerNetwork
from .quantize import check_weight_bits
from .spec.chain import follow_chain
from .spec.layers import (
    AveragePool,
    Convolution,
    FullyConnected,
    Layer,
    MaxPool,
    Shape,
)
from .spec.numbers import UINT8

try:
    import brevitas.nn as qnn
    from brevitas.quant import (
        Int8ActPerTensorFloatMinMaxInit,
        Int8WeightPerChannelFloat,
        Uint8ActPerTensorFloatMaxInit,
    )
except ImportError as error:
    raise ValueError(
        f"Quantization-aware training must find Brevitas (pip install offramp[qat]), not {error}"
    ) from error

ROUNDINGS = 3
"""Halves of an LSB per layer: our rounding, Brevitas', and that of bias and multiplier."""


class FakeQuantizedNetwork(nn.Module):
    """A network with exits whose weights and activations lie on the grids of integers.

    Biases and logits stay real; batch norm is folded before.

    Parameters
    ----------
    folded : FoldedNetwork
        Where training starts.
    ranges : mapping of str to float
        Magnitude that each layer's output is clipped to at first, by layer name; it is learned.
    weight_bits : int
        2 to 8; symmetric, one scale per output channel. Activations have 8 bits, one scale each.
    """

    def __init__(
        self, folded: FoldedNetwork, ranges: Mapping[str, float], weight_bits: int
    ) -> None:
        check_weight_bits(weight_bits)
        super().__init__()
        self.name = folded.name
        self._topology = folded.topology
        self.weighted = nn.ModuleDict()
        self.rounded = nn.ModuleDict()
        for layer in folded.topology.layers:
            if layer.weight_shape is not None:
                self.weighted[_key(layer)] = _weighted(layer, folded, weight_bits)
        for segment in folded.topology.segments:
            for layer in segment.layers:
                if not isinstance(layer, MaxPool) and layer is not segment.branch[-1]:
                    self.rounded[_key(layer)] = _rounded(layer, ranges[layer.name] or 1.0)

    @property
    def input_shape(self) -> Shape:
        """Height, width and channels of an image."""
        return self._topology.input_shape

    @property
    def n_classes(self) -> int:
        """Logits of every exit."""
        return self._topology.n_classes

    @property
    def n_exits(self) -> int:
        """Number of exits, the final classifier included."""
        return len(self._topology.segments)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the logits [n, n_classes] of each exit for images in 0..1, [n, C, H, W]."""
        logits = []
        x = images
        for segment in self._topology.segments:
            x = self._chain(segment.backbone, x)
            logits.append(self._chain(segment.branch, x).flatten(1))
        return logits

    def folded(self) -> FoldedNetwork:
        """Return the network with the weights on their grids, as the integer network has them."""
        weights: dict[str, Reals] = {}
        biases: dict[str, Reals] = {}
        with torch.no_grad():
            for layer in self._topology.layers:
                if layer.weight_shape is None:
                    continue
                module = self.weighted[_key(layer)]
                quantized = module.quant_weight()  # type: ignore[operator]
                # [out, in, kernel height, kernel width] -> [out, kernel height, kernel width, in]
                integers = quantized.int().movedim(1, -1).numpy().astype(np.float64)
                scales = quantized.scale.flatten().numpy().astype(np.float64)
                weights[layer.name] = integers * scales.reshape(-1, *[1] * (integers.ndim - 1))
                biases[layer.name] = module.bias.numpy().astype(np.float64)  # type: ignore[operator]
        return FoldedNetwork(
            name=self.name, topology=self._topology, weights=weights, biases=biases
        )

    def ranges(self) -> dict[str, float]:
        """Return the magnitude that each layer's output is clipped to, by layer name."""
        found = {}
        for layer in self._topology.layers:
            if _key(layer) in self.rounded:
                scale = self.rounded[_key(layer)].act_quant.scale().detach()  # type: ignore[operator, union-attr]
                found[layer.name] = scale.item() * layer.out_format.high
        return found

    def _chain(self, layers: tuple[Layer, ...], x: Tensor) -> Tensor:
        return follow_chain(layers, x, self._rounded_layer)

    def _rounded_layer(self, layer: Layer, *operands: Tensor) -> Tensor:
        y = self._layer(layer, *operands)
        if _key(layer) in self.rounded:
            y = self.rounded[_key(layer)](y)
        return y

    def _layer(self, layer: Layer, x: Tensor, *others: Tensor) -> Tensor:
        if isinstance(layer, MaxPool):
            return F.max_pool2d(x, layer.kernel, layer.stride)
        if isinstance(layer, AveragePool):
            return F.avg_pool2d(x, layer.kernel, layer.stride)
        if isinstance(layer, Convolution):
            top, bottom, left, right = layer.padding
            x = F.pad(x, (left, right, top, bottom))
        elif isinstance(layer, FullyConnected):
            x = x.permute(0, 2, 3, 1).flatten(1)  # [n, H * W * C]
        else:
            return x + others[0]
        y: Tensor = self.weighted[_key(layer)](x)
        return y[:, :, None, None] if isinstance(layer, FullyConnected) else y


def error_bounds(network: IntegerNetwork) -> list[Reals]:
    """Return the most that integer and fake-quantized logits differ by, per exit.

    Both compute the same layers over the same weights and round every activation; a layer's
    outputs differ by what their inputs differ by, amplified, and 1/2 LSB for each of our rounding,
    Brevitas' rounding, and bias and multiplier, which are real numbers there (1/2 an accumulator's
    LSB, and 2**-16 of an activation). That is the bound for one rounding, three times.

    Returns
    -------
    list of float64 [n_classes]
        In LSBs, for logits that are not clipped.
    """
    return [ROUNDINGS * bounds for bounds in logit_error_bounds(network)]


def _key(layer: Layer) -> str:
    return layer.name.replace(".", ":")  # torch's names have no dots


def _weighted(layer: Layer, folded: FoldedNetwork, weight_bits: int) -> nn.Module:
    """Return a convolution or linear layer with fake-quantized weights."""
    quantizer = {"weight_quant": Int8WeightPerChannelFloat, "weight_bit_width": weight_bits}
    if isinstance(layer, Convolution):
        module = qnn.QuantConv2d(
            layer.in_shape[2],
            layer.out_channels,
            layer.kernel,
            stride=layer.stride,
            groups=layer.groups,
            **quantizer,
        )
    else:
        n_inputs = int(np.prod(layer.in_shape))
        module = qnn.QuantLinear(n_inputs, layer.out_shape[2], bias=True, **quantizer)
    # [out, kernel height, kernel width, in] -> [out, in, kernel height, kernel width]
    weight = np.moveaxis(folded.weights[layer.name], -1, 1)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        module.bias.copy_(torch.from_numpy(folded.biases[layer.name]))
    converted: nn.Module = module
    return converted


def _rounded(layer: Layer, limit: float) -> nn.Module:
    """Return a fake quantizer of a layer's output, with the ReLU if it has one."""
    if layer.out_format == UINT8:
        relu: nn.Module = qnn.QuantReLU(act_quant=Uint8ActPerTensorFloatMaxInit, max_val=limit)
        return relu
    # Brevitas scales signed activations by the most negative one
    lowest = limit * -layer.out_format.low / layer.out_format.high
    signed: nn.Module = qnn.QuantIdentity(
        act_quant=Int8ActPerTensorFloatMinMaxInit, min_val=-lowest, max_val=lowest
    )
    return signed
