"""From a graph of float operators to layers: batch norm and ReLU fused, formats and places fixed.

The only reader of `offramp.golden.graph.Graph`, and hence the one list of what is supported.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from .folded import FoldedNetwork
from .graph import (
    IMAGE,
    SAME_LOWER,
    SAME_UPPER,
    Affine,
    Connect,
    Convolve,
    Graph,
    Node,
    Pad,
    Pool,
    Reals,
    Rectify,
    Refused,
    Reshape,
    Same,
    Sides,
    Sum,
    Transpose,
    UnsupportedModuleError,
)
from .image_scale import ImageScale
from .parts import Part
from .segments import Chain, cut
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
from .spec.numbers import UINT8
from .spec.topology import Segment, Topology

NO_ZEROS: Sides = (0, 0, 0, 0)

TO_LAST = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)
"""Axes of a transposition to and from channel-last."""

FUSES = "right after a convolution or linear layer, its only reader"


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A network in layers, and what bounds of its rounding errors need besides.

    Parameters
    ----------
    network : FoldedNetwork
    bias_terms : dict of str to float64 [C]
        Per layer with weights, the sum of the magnitudes of all that its bias was made of.
    """

    network: FoldedNetwork
    bias_terms: dict[str, Reals]


@dataclass(frozen=True, kw_only=True)
class _Value:
    """What a node's output is: the output of a layer, maybe laid out in another way."""

    part: Part | None
    shape: Shape
    channels_last: bool = False
    flat: bool = False
    zeros: Sides = NO_ZEROS
    scale: ImageScale | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of all axes but the batch."""
        height, width, channels = self.shape
        if self.flat:
            return (height * width * channels,)
        return self.shape if self.channels_last else (channels, height, width)


def lower(graph: Graph) -> Lowered:
    """Return the layers of `graph`.

    Raises
    ------
    UnsupportedModuleError
        At the first node that has no counterpart, naming it.
    ValueError
        If the layers do not make a network with exits.
    """
    reader = _Reader(graph)
    exits = [reader.leaf(index) for index in range(len(graph.exits))]
    taps = None if graph.taps is None else [reader.tap(name) for name in graph.taps]
    return _assemble(graph, cut(reader.parts, exits, graph.exit_names, taps))


class _Reader:
    """Walk through a graph and collect its layers."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes = {node.name: node for node in graph.nodes}
        live = set(graph.exits)
        for node in reversed(graph.nodes):
            if node.name in live:
                live.update(node.inputs)
        nodes = [node for node in graph.nodes if node.name in live]
        self._readers = Counter(name for node in nodes for name in node.inputs)
        self._readers.update(graph.exits)
        self.parts: list[Part] = []
        self._values = {
            IMAGE: _Value(
                part=None,
                shape=graph.input_shape,
                channels_last=graph.channels_last,
                scale=ImageScale.of_normalization(graph.mean, graph.std, graph.input_shape[2]),
            )
        }
        nothing = self._values[IMAGE]  # where a node that is refused reads a parameter
        for node in nodes:
            value = self._read(node, [self._values.get(name, nothing) for name in node.inputs])
            self._values[node.name] = value
            if value.part is not None:
                value.part.names.append(node.name)

    def leaf(self, index: int) -> Part:
        """Return the layer that makes the logits of an exit."""
        name, exit_name = self._graph.exits[index], self._graph.exit_names[index]
        if name not in self._values:
            raise UnsupportedModuleError(f"Logits of {exit_name} must depend on the image")
        part = self._values[name].part
        if part is None or part.relu or not part.become_fully_connected():
            kind = self._nodes[name].kind if name in self._nodes else "the image"
            raise UnsupportedModuleError(
                f"Last layer of {exit_name} must be fully connected without ReLU, not {kind}"
            )
        return part

    def tap(self, name: str) -> Part:
        """Return the layer whose output a node is."""
        part = self._values[name].part
        if part is None:
            raise UnsupportedModuleError("Backbone must have a layer before each exit, not none")
        return part

    def _read(self, node: Node, values: list[_Value]) -> _Value:
        operation = node.operation
        if isinstance(operation, Refused):
            raise node.refusal(operation.rule)
        value, *others = values
        if isinstance(operation, Same):
            return value
        if any(v.zeros != NO_ZEROS for v in values) and not isinstance(operation, Convolve | Pad):
            raise node.refusal("a convolution, behind zeros as padding")
        if any(v.scale is not None for v in values) and not isinstance(
            operation, Convolve | Connect | Affine | Pad | Reshape | Transpose
        ):
            raise node.refusal("a convolution or linear layer, behind normalised images")
        if isinstance(operation, Sum):
            return self._sum(node, value, *others)
        if isinstance(operation, Affine | Rectify):
            return self._fuse(node, operation, value)
        return self._layer_or_layout(node, operation, value)

    def _layer_or_layout(
        self,
        node: Node,
        operation: Convolve | Connect | Pool | Pad | Reshape | Transpose,
        value: _Value,
    ) -> _Value:
        if isinstance(operation, Convolve):
            return self._convolve(node, operation, value)
        if isinstance(operation, Connect):
            return self._connect(node, operation, value)
        if isinstance(operation, Pool):
            return self._pool(node, operation, value)
        return _relaid(node, operation, value)

    def _convolve(self, node: Node, operation: Convolve, value: _Value) -> _Value:
        if value.flat or value.channels_last or operation.weight.ndim != 4:
            raise node.refusal("a convolution of an image, channels first")
        stride, kernel = operation.stride, operation.weight.shape[2:]
        top, bottom, left, right = value.zeros
        height, width, _ = value.shape
        padded = height + top + bottom, width + left + right
        padding = _sides(operation.padding, padded, (kernel[0], kernel[1]), stride)
        if stride[0] != stride[1] or operation.dilation != (1, 1) or min(padding) < 0:
            raise node.refusal("a convolution with one stride, zeros as padding, undilated")
        if operation.weight.shape[1] * operation.groups != value.shape[2]:
            raise node.refusal(f"a convolution of {value.shape[2]} channels")
        zeros = tuple(a + b for a, b in zip(padding, value.zeros, strict=True))
        if value.scale is not None and value.scale.moves_zero and any(zeros):
            raise node.refusal("a convolution without padding, behind images less their mean")
        fields = {
            "out_channels": len(operation.weight),
            "kernel": (kernel[0], kernel[1]),
            "stride": stride[0],
            "padding": zeros,
            "groups": operation.groups,
        }
        # [out, in, kernel height, kernel width] -> [out, kernel height, kernel width, in]
        weight = operation.weight.transpose(0, 2, 3, 1)
        return self._add_weighted(node, Convolution, value, fields, weight, operation.bias)

    def _connect(self, node: Node, operation: Connect, value: _Value) -> _Value:
        height, width, channels = value.shape
        if not value.flat:
            raise node.refusal("behind a Flatten, the input being an image")
        n_out, n_in = operation.weight.shape
        if n_in != height * width * channels:
            raise node.refusal(f"a linear layer of {height * width * channels} inputs")
        weight = operation.weight
        if not value.channels_last:
            # channels were flattened first: [out, C * H * W] -> [out, H * W * C]
            weight = weight.reshape(n_out, channels, height, width).transpose(0, 2, 3, 1)
        fields = {"out_features": n_out}
        weight = weight.reshape(n_out, height * width, channels)
        made = self._add_weighted(node, FullyConnected, value, fields, weight, operation.bias)
        return replace(made, flat=True)

    def _pool(self, node: Node, operation: Pool, value: _Value) -> _Value:
        if value.flat:
            raise node.refusal("before the Flatten")
        if value.channels_last != operation.channels_last:
            raise node.refusal("a pool over height and width")
        kernel = operation.kernel or value.shape[:2]
        stride = operation.stride
        padding = _sides(operation.padding, value.shape[:2], kernel, stride)
        if min(stride) < 1:
            raise node.refusal("a pool of a positive stride")
        rests = [(value.shape[axis] - kernel[axis]) % stride[axis] for axis in (0, 1)]
        if padding != NO_ZEROS or stride[0] != stride[1] or (operation.ceil and any(rests)):
            raise node.refusal("a pool with one stride, no padding and no ceil mode")
        if operation.dilation != (1, 1):
            raise node.refusal("a pool without dilation")
        layer_type = AveragePool if operation.average else MaxPool
        made = self._add(node, layer_type, (value,), {"kernel": kernel, "stride": stride[0]})
        return replace(made, flat=operation.flat, channels_last=value.channels_last)

    def _sum(self, node: Node, value: _Value, other: _Value) -> _Value:
        if (value.sizes, value.shape) != (other.sizes, other.shape):
            raise node.refusal(f"of {value.sizes} twice, its other operand being {other.sizes}")
        made = self._add(node, ResidualAdd, (value, other), {})
        return replace(made, flat=value.flat, channels_last=value.channels_last)

    def _fuse(self, node: Node, operation: Affine | Rectify, value: _Value) -> _Value:
        """Make an operator a part of the layer before it, or of those behind the image."""
        if isinstance(operation, Affine):
            return self._scale(node, operation, value)
        self._rectify(node, value)
        return value

    def _scale(self, node: Node, operation: Affine, value: _Value) -> _Value:
        part = value.part
        height, width, channels = value.shape
        per_channel = {len(a) for a in (operation.gain, *operation.terms)} - {1}
        fits = per_channel <= {channels} and (
            not per_channel or not value.flat or (height, width) == (1, 1)
        )
        if fits and part is None:
            before = value.scale or ImageScale.identity(channels)
            return replace(value, scale=before.then(operation))
        if not fits or part is None or part.weight is None or part.relu or not self._alone(part):
            raise node.refusal(FUSES)
        part.scale(operation.gain, operation.terms)
        return value

    def _rectify(self, node: Node, value: _Value) -> None:
        part = value.part
        while part is not None and part.out_format != UINT8:
            if (part.kind == "pool" and not part.is_max_pool) or not self._alone(part):
                raise node.refusal(
                    "a ReLU right after a convolution, linear layer or addition, its only reader"
                )
            if part.kind == "pool":
                part = part.sources[0]  # the maximum of what a ReLU leaves is the same
            else:
                part.relu = True

    def _alone(self, part: Part) -> bool:
        """Return whether nobody but the node that is read now reads the output of a layer."""
        return all(self._readers[name] == 1 for name in part.names)

    def _add_weighted(  # noqa: PLR0917 -- all that makes a layer
        self,
        node: Node,
        layer_type: type[Layer],
        value: _Value,
        fields: dict[str, object],
        weight: Reals,
        bias: Reals,
    ) -> _Value:
        """Add a layer whose weights have the input's channels last."""
        if bias.shape != (len(weight),):
            raise node.refusal(f"with a bias for each of {len(weight)} outputs")
        made = self._add(node, layer_type, (value,), fields)
        part = self.parts[-1]
        part.weight, part.bias, part.bias_terms = weight, bias, np.abs(bias)
        if value.scale is not None:
            groups = 1 if layer_type is FullyConnected else int(part.fields["groups"])
            part.weight, part.bias, part.bias_terms = value.scale.into(weight, bias, groups)
        if layer_type is FullyConnected:
            part.weight = part.weight.reshape(len(weight), -1)
        return made

    def _add(
        self,
        node: Node,
        layer_type: type[Layer],
        values: tuple[_Value, ...],
        fields: dict[str, object],
    ) -> _Value:
        part = Part(
            node=node,
            layer_type=layer_type,
            sources=tuple(value.part for value in values),
            in_shape=values[0].shape,
            fields=fields,
        )
        self.parts.append(part)
        return _Value(part=part, shape=part.out_shape)


def _relaid(node: Node, operation: Pad | Reshape | Transpose, value: _Value) -> _Value:
    """Return `value` in another layout, or with zeros around it."""
    if isinstance(operation, Pad):
        if value.flat or value.channels_last or min(operation.padding) < 0:
            raise node.refusal("zeros around an image, channels first")
        zeros = [a + b for a, b in zip(value.zeros, operation.padding, strict=True)]
        return replace(value, zeros=(zeros[0], zeros[1], zeros[2], zeros[3]))
    if isinstance(operation, Transpose):
        if operation.axes == tuple(range(len(value.sizes) + 1)):
            return value
        expected = TO_FIRST if value.channels_last else TO_LAST
        if value.flat or operation.axes != expected:
            raise node.refusal("a move of the channels behind or before height and width")
        return replace(value, channels_last=not value.channels_last)
    sizes, total = list(operation.sizes), int(np.prod(value.sizes))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = total // max(1, -int(np.prod(sizes)))
    if sizes == [total]:
        return replace(value, flat=True)
    image = replace(value, flat=False)
    if tuple(sizes) != image.sizes:
        raise node.refusal(f"a flattening to {total} features")
    return image


def _sides(
    padding: Sides | str,
    image: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
) -> Sides:
    """Return the zeros that a way of padding means for an image of some height and width."""
    if not isinstance(padding, str) or min(stride) < 1:  # such a stride is refused later
        return NO_ZEROS if isinstance(padding, str) else padding
    sides = []
    for size, width, step in zip(image, kernel, stride, strict=True):
        total = max(0, (-(-size // step) - 1) * step + width - size)
        less, more = total // 2, total - total // 2
        sides += {SAME_UPPER: [less, more], SAME_LOWER: [more, less]}[padding]
    return sides[0], sides[1], sides[2], sides[3]


def _assemble(graph: Graph, segments: list[tuple[Chain, Chain]]) -> Lowered:
    """Name the layers by their place, and return them as a network."""
    weights: dict[str, Reals] = {}
    biases: dict[str, Reals] = {}
    terms: dict[str, Reals] = {}

    def layers(prefix: str, chain: Chain, before: Part | None) -> tuple[Layer, ...]:
        names: dict[Part | None, str] = {before: CHAIN_INPUT}
        made: list[Layer] = []
        for part in chain:
            name = f"{prefix}.{part.kind}{len(made)}"
            if not all(source in names for source in part.sources):
                _refuse_far_source(part)
            sources: list[str | None] = [names[source] for source in part.sources]
            previous = made[-1].name if made else CHAIN_INPUT
            if len(sources) == 1 and sources[0] == previous:
                sources[0] = None
            made.append(part.layer(name, sources))
            names[part] = name
            if part.weight is not None:
                assert part.bias is not None
                assert part.bias_terms is not None
                weights[name] = np.ascontiguousarray(part.weight)
                biases[name], terms[name] = part.bias, part.bias_terms
        return tuple(made)

    found: list[Segment] = []
    tap: Part | None = None
    for index, (backbone, branch) in enumerate(segments):
        first = layers(f"backbone{index}", backbone, tap)
        tap = backbone[-1] if backbone else tap
        found.append(Segment(backbone=first, branch=layers(f"exit{index}", branch, tap)))
    network = FoldedNetwork(
        name=graph.name, topology=Topology(segments=tuple(found)), weights=weights, biases=biases
    )
    return Lowered(network=network, bias_terms=terms)


def _refuse_far_source(part: Part) -> NoReturn:
    raise part.node.refusal(
        "fed by what lies behind the branch of the exit before it, no earlier layer"
    )
