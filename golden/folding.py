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
from torch import Tensor, nn

from .models import MultiExitNetwork, Residual
from .spec.layers import (
    CHAIN_INPUT,
    AveragePool,
    Convolution,
    FullyConnected,
    Layer,
    MaxPool,
    ResidualAdd,
    Shape,
)
from .spec.numbers import UINT8, IntegerFormat
from .spec.topology import Segment, Topology

PIXEL_MAX = 255.0
"""A float network sees a pixel as its uint8 value over this."""

BLOCK = 256
"""Images that `FoldedNetwork.forward` holds in memory at a time."""

NO_ZEROS = (0, 0, 0, 0)
"""No padding at top, bottom, left and right."""

Reals = NDArray[np.float64]
Observer = Callable[[Layer, Tensor], None]


class UnsupportedModuleError(ValueError):
    """A module that cannot become a layer of an integer network; the message names it."""


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
        outputs = {CHAIN_INPUT: x}
        for layer in layers:
            operands = [x if name is None else outputs[name] for name in layer.sources]
            x = outputs[layer.name] = self._layer(layer, *operands)
            if observer is not None:
                observer(layer, x)
        return x

    def _layer(self, layer: Layer, x: Tensor, *others: Tensor) -> Tensor:
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


def fold(model: MultiExitNetwork) -> FoldedNetwork:
    """Return `model` in evaluation mode with batch norm folded into the layer before it.

    Modules that fold: `Conv2d`, `Linear`, `BatchNorm2d` after a `Conv2d`, `ReLU` after either,
    `MaxPool2d`, `AvgPool2d`, `AdaptiveAvgPool2d` to 1 x 1, `ZeroPad2d` before a `Conv2d`,
    `Flatten`, `Dropout`, and `Sequential` and `Residual` of these.

    Raises
    ------
    UnsupportedModuleError
        At the first module that does not, naming it.
    """
    weights: dict[str, Reals] = {}
    biases: dict[str, Reals] = {}
    shape, number_format = model.input_shape, UINT8
    segments = []
    for index in range(model.n_exits):
        backbone = _ChainFolder(f"backbone{index}", shape, number_format)
        backbone.fold(model.backbones[index])
        shape, number_format = backbone.shape, backbone.number_format
        branch = _ChainFolder(f"exit{index}", shape, number_format)
        branch.fold(model.branches[index])
        for chain in (backbone, branch):
            weights |= chain.weights
            biases |= chain.biases
        segments.append(Segment(backbone=tuple(backbone.layers), branch=tuple(branch.layers)))
    return FoldedNetwork(
        name=model.name,
        topology=Topology(segments=tuple(segments)),
        weights=weights,
        biases=biases,
    )


@dataclass
class _Pending:
    """A layer with weights, as long as a batch norm or ReLU may still join it."""

    make: Callable[[bool], Layer]
    weight: Reals
    bias: Reals
    takes_batch_norm: bool


class _ChainFolder:
    """Collect the layers of one chain, module by module."""

    def __init__(self, prefix: str, shape: Shape, number_format: IntegerFormat) -> None:
        self._prefix = prefix
        self.layers: list[Layer] = []
        self._pending: _Pending | None = None
        self._flat = False
        self._zeros = NO_ZEROS
        self._source: str | None = None
        self.shape, self.number_format = shape, number_format
        self.weights: dict[str, Reals] = {}
        self.biases: dict[str, Reals] = {}

    def fold(self, chain: nn.Module) -> None:
        """Take in the whole of `chain`."""
        self._add(chain, "")
        self._flush()
        if self._zeros != NO_ZEROS:
            self._refuse(chain, "", "without zeros that no convolution takes")

    def _add(self, module: nn.Module, path: str) -> None:
        if isinstance(module, nn.Sequential):
            # named_children would leave out a module that occurs twice
            for index, child in enumerate(module):
                self._add(child, f"{path}.{index}")
        elif self._zeros != NO_ZEROS and not isinstance(module, nn.Conv2d):
            self._refuse(module, path, "a convolution, behind zeros as padding")
        elif isinstance(module, Residual):
            self._add_residual(module, path)
        else:
            self._add_simple(module, path)

    def _add_simple(self, module: nn.Module, path: str) -> None:
        if isinstance(module, nn.BatchNorm2d):
            self._add_batch_norm(module, path)
        elif isinstance(module, nn.ReLU):
            if self._pending is None:
                self._refuse(module, path, "a ReLU right after a convolution or linear layer")
            self._flush(relu=True)
        elif isinstance(module, nn.Conv2d):
            self._add_convolution(module, path)
        elif isinstance(module, nn.Linear):
            self._add_linear(module, path)
        elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d):
            self._add_pool(module, path)
        elif isinstance(module, nn.ZeroPad2d):
            self._flush()
            left, right, top, bottom = module.padding
            self._zeros = top, bottom, left, right
        elif isinstance(module, nn.Flatten):
            self._flush()
            self._flat = True
        elif not isinstance(module, nn.Dropout | nn.Dropout2d | nn.Identity):
            self._refuse(module, path, "a supported one")

    def _add_convolution(self, module: nn.Conv2d, path: str) -> None:
        self._flush()
        stride, dilation, padding = module.stride, module.dilation, module.padding
        simple = not isinstance(padding, str) and module.padding_mode == "zeros"
        if stride[0] != stride[1] or dilation != (1, 1) or not simple or self._flat:
            self._refuse(module, path, "a convolution with one stride, zeros as padding, undilated")
        assert not isinstance(padding, str)
        shape, number_format, name = self.shape, self.number_format, self._name("conv")
        source, zeros = self._take_source(), self._zeros
        self._zeros = NO_ZEROS

        def make(relu: bool) -> Layer:
            return Convolution(
                name=name,
                in_shape=shape,
                in_format=number_format,
                source=source,
                out_channels=module.out_channels,
                kernel=(module.kernel_size[0], module.kernel_size[1]),
                stride=stride[0],
                padding=(
                    padding[0] + zeros[0],
                    padding[0] + zeros[1],
                    padding[1] + zeros[2],
                    padding[1] + zeros[3],
                ),
                groups=module.groups,
                relu=relu,
            )

        # [out, in, kernel height, kernel width] -> [out, kernel height, kernel width, in]
        weight = _array(module.weight).transpose(0, 2, 3, 1)
        self._pending = _Pending(make, weight, _bias(module), takes_batch_norm=True)

    def _add_linear(self, module: nn.Linear, path: str) -> None:
        self._flush()
        height, width, channels = self.shape
        if not self._flat and (height, width) != (1, 1):
            self._refuse(module, path, "behind a Flatten, the input being an image")
        if module.in_features != height * width * channels:
            self._refuse(module, path, f"a linear layer of {height * width * channels} inputs")
        shape, number_format, name = self.shape, self.number_format, self._name("linear")
        source = self._take_source()

        def make(relu: bool) -> Layer:
            return FullyConnected(
                name=name,
                in_shape=shape,
                in_format=number_format,
                source=source,
                out_features=module.out_features,
                relu=relu,
            )

        # torch flattens channels first: [out, C * H * W] -> [out, H * W * C]
        in_image = _array(module.weight).reshape(-1, channels, height, width)
        weight = in_image.transpose(0, 2, 3, 1).reshape(module.out_features, -1)
        self._pending = _Pending(make, weight, _bias(module), takes_batch_norm=False)
        self._flat = False

    def _add_batch_norm(self, module: nn.BatchNorm2d, path: str) -> None:
        pending = self._pending
        if pending is None or not pending.takes_batch_norm:
            self._refuse(module, path, "a batch norm right after a convolution")
        assert pending is not None
        if module.running_mean is None or module.running_var is None:
            self._refuse(module, path, "a batch norm with running statistics")
        assert module.running_mean is not None
        assert module.running_var is not None
        gain = 1.0 / np.sqrt(_array(module.running_var) + module.eps)
        offset = np.zeros_like(gain)
        if module.affine:
            gain, offset = gain * _array(module.weight), _array(module.bias)
        pending.weight = pending.weight * gain[:, None, None, None]
        pending.bias = (pending.bias - _array(module.running_mean)) * gain + offset
        pending.takes_batch_norm = False

    def _add_pool(
        self, module: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d, path: str
    ) -> None:
        self._flush()
        if self._flat:
            self._refuse(module, path, "before the Flatten")
        kernel: tuple[int, int]
        if isinstance(module, nn.AdaptiveAvgPool2d):
            if _pair(module.output_size) != (1, 1):
                self._refuse(module, path, "an adaptive average to 1 x 1")
            kernel, stride = self.shape[:2], (1, 1)
        else:
            kernel = _pair(module.kernel_size)
            stride = _pair(module.stride)
            if _pair(module.padding) != (0, 0) or module.ceil_mode or stride[0] != stride[1]:
                self._refuse(module, path, "a pool with one stride, no padding and no ceil mode")
            if isinstance(module, nn.MaxPool2d) and _pair(module.dilation) != (1, 1):
                self._refuse(module, path, "a pool without dilation")
            if isinstance(module, nn.AvgPool2d) and module.divisor_override is not None:
                self._refuse(module, path, "an average over its own window")
        layer_type = MaxPool if isinstance(module, nn.MaxPool2d) else AveragePool
        self._append(
            layer_type(
                name=self._name("pool"),
                in_shape=self.shape,
                in_format=self.number_format,
                source=self._take_source(),
                kernel=kernel,
                stride=stride[0],
            )
        )

    def _add_residual(self, module: Residual, path: str) -> None:
        self._flush()
        source = self._take_source()
        begin = (
            source or (self.layers[-1].name if self.layers else CHAIN_INPUT),
            self.shape,
            self.number_format,
        )
        body = self._branch_off(module.body, f"{path}.body", *begin)
        other = self._branch_off(module.shortcut, f"{path}.shortcut", *begin)
        if body[1] != other[1]:
            self._refuse(module, path, f"one whose shortcut makes {body[1]} like its body")
        self._append(
            ResidualAdd(
                name=self._name("add"),
                in_shape=body[1],
                in_format=body[2],
                source=body[0],
                other=other[0],
                other_format=other[2],
            )
        )

    def _branch_off(
        self, module: nn.Module, path: str, source: str, shape: Shape, number_format: IntegerFormat
    ) -> tuple[str, Shape, IntegerFormat]:
        """Fold `module` onto an earlier layer; return the name, shape and format of its end."""
        n_layers = len(self.layers)
        self._source, self.shape, self.number_format = source, shape, number_format
        self._add(module, path)
        self._flush()
        self._source = None
        name = source if len(self.layers) == n_layers else self.layers[-1].name
        return name, self.shape, self.number_format

    def _take_source(self) -> str | None:
        """Return what the next layer reads, None for the layer before it."""
        source, self._source = self._source, None
        previous = self.layers[-1].name if self.layers else CHAIN_INPUT
        return None if source == previous else source

    def _flush(self, *, relu: bool = False) -> None:
        if self._pending is None:
            return
        layer = self._pending.make(relu)
        self.weights[layer.name] = np.ascontiguousarray(self._pending.weight)
        self.biases[layer.name] = self._pending.bias
        self._pending = None
        self._append(layer)

    def _append(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.shape, self.number_format = layer.out_shape, layer.out_format

    def _name(self, kind: str) -> str:
        return f"{self._prefix}.{kind}{len(self.layers)}"

    def _refuse(self, module: nn.Module, path: str, rule: str) -> None:
        raise UnsupportedModuleError(
            f"Module {self._prefix}{path} must be {rule}, not {type(module).__name__}"
        )


def _array(tensor: Tensor) -> Reals:
    return tensor.detach().cpu().numpy().astype(np.float64)


def _bias(module: nn.Conv2d | nn.Linear) -> Reals:
    return np.zeros(len(module.weight)) if module.bias is None else _array(module.bias)


def _pair(value: object) -> tuple[int, int]:
    """Return one size per axis as torch means it."""
    if isinstance(value, tuple | list):
        return int(value[0]), int(value[1])
    assert isinstance(value, int)
    return value, value
