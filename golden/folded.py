"""A float network reduced to what quantizes: batch norm folded, layers described, weights beside.

This is where every source of networks meets: whatever a network is imported from, it becomes a
`FoldedNetwork` first, and `offramp.golden.quantize` knows nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use
from numpy.typing import NDArray
from torch import Tensor

from .spec.chain import follow_chain
from .spec.layers import (
    AveragePool,
    Convolution,
    FullyConnected,
    Layer,
    MaxPool,
    ResidualAdd,
)
from .spec.numbers import UINT8
from .spec.topology import Topology

PIXEL_MAX = 255.0
"""A float network sees a pixel as its uint8 value over this."""

BLOCK = 256
"""Images that `FoldedNetwork.forward` holds in memory at a time."""

Reals = NDArray[np.float64]
Observer = Callable[[Layer, Tensor], None]


@dataclass(frozen=True, kw_only=True)
class FoldedNetwork:
    """A float network in terms of layer descriptors.

    Parameters
    ----------
    name : str
    topology : Topology
        With the formats that the integer network will have.
    weights : mapping of str to float64 array
        Per layer with weights, channel-last as in the integer network.
    biases : mapping of str to float64 [C]
    """

    name: str
    topology: Topology
    weights: Mapping[str, Reals]
    biases: Mapping[str, Reals]

    def forward(self, images: NDArray[np.uint8], observer: Observer | None = None) -> list[Reals]:
        """Return the float logits [n, n_classes] of each exit.

        Parameters
        ----------
        images : uint8 [n, H, W, C]
        observer : callable
            Called with each layer and its output [n, C, H, W], block by block of images, in the
            order of computation.
        """
        shape = (len(images), self.topology.n_classes)
        logits = [np.empty(shape) for _ in self.topology.segments]
        for start in range(0, len(images), BLOCK):
            block = slice(start, start + BLOCK)
            x = torch.from_numpy(images[block] / PIXEL_MAX).permute(0, 3, 1, 2)
            for segment, exit_logits in zip(self.topology.segments, logits, strict=True):
                x = self._chain(segment.backbone, x, observer)
                result = self._chain(segment.branch, x, observer)
                exit_logits[block] = result.reshape(len(x), -1).numpy()
        return logits

    def _chain(self, layers: tuple[Layer, ...], x: Tensor, observer: Observer | None) -> Tensor:
        def observed(layer: Layer, *operands: Tensor) -> Tensor:
            result = self.apply(layer, *operands)
            if observer is not None:
                observer(layer, result)
            return result

        return follow_chain(layers, x, observed)

    def apply(self, layer: Layer, x: Tensor, *others: Tensor) -> Tensor:
        """Return a layer's output float64 [n, C', H', W'] for its operands [n, C, H, W]."""
        if isinstance(layer, MaxPool):
            return F.max_pool2d(x, layer.kernel, layer.stride)
        if isinstance(layer, AveragePool):
            return F.avg_pool2d(x, layer.kernel, layer.stride)
        if isinstance(layer, ResidualAdd):
            y = x + others[0]
        elif isinstance(layer, Convolution):
            top, bottom, left, right = layer.padding
            weight = torch.from_numpy(self.weights[layer.name]).permute(0, 3, 1, 2)
            bias = torch.from_numpy(self.biases[layer.name])
            padded = F.pad(x, (left, right, top, bottom))
            y = F.conv2d(padded, weight, bias, layer.stride, groups=layer.groups)
        elif isinstance(layer, FullyConnected):
            flat = x.permute(0, 2, 3, 1).reshape(len(x), -1)  # [n, H * W * C]
            weight = torch.from_numpy(self.weights[layer.name])
            y = F.linear(flat, weight, torch.from_numpy(self.biases[layer.name]))[:, :, None, None]
        else:
            raise TypeError(f"Layer must be of a known kind, not {type(layer).__name__}")
        return torch.relu(y) if layer.out_format == UINT8 else y
