"""Networks of random shapes and random integers, to hold one implementation against another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .network import IntegerNetwork
from .parameters import LayerParameters, parameter_shapes
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

Draw = Callable[[int, int], int]
"""Returns an integer between two, both included: a generator's, or one of a test framework."""

CHANNELS_MAX = 18
"""Most channels of a random layer: accumulators stay in 26 bits."""


def random_parameters(layer: Layer, rng: np.random.Generator) -> LayerParameters:
    """Return integers with which the layer's output uses its range without saturating always."""
    arrays: dict[str, Any] = {}
    for name, shape in parameter_shapes(layer).items():
        if name == "weight":
            arrays[name] = rng.integers(-127, 128, shape).astype(np.int8)
        elif name == "bias":
            arrays[name] = rng.integers(-20_000, 20_000, shape).astype(np.int32)
        elif name == "shift":
            arrays[name] = rng.integers(24, 27, shape).astype(np.uint8)
        elif layer.weight_shape is not None:
            arrays[name] = rng.integers(1 << 15, 1 << 16, shape).astype(np.uint16)
        else:
            arrays["shift"] = np.full(shape, 15, np.uint8)
            arrays[name] = rng.integers(1 << 12, 1 << 14, shape).astype(np.uint16)
    if layer.weight_shape is None and "shift" in arrays:
        arrays["shift"] = np.full(arrays["shift"].shape, 15, np.uint8)
    return LayerParameters(**arrays)


def random_integers(topology: Topology, seed: int) -> IntegerNetwork:
    """Return a network of random integers, not calibrated."""
    rng = np.random.default_rng(seed)
    return IntegerNetwork(
        name="random",
        topology=topology,
        parameters={
            layer.name: random_parameters(layer, rng)
            for layer in topology.layers
            if layer.multiplier_names
        },
        class_names=tuple(f"class {index}" for index in range(topology.n_classes)),
        fraction_bits=3,
        temperatures=(1.0,) * topology.n_exits,
        metadata={"seed": seed},
    )


def random_topology(draw: Draw) -> Topology:
    """Return one to three segments of layers of any kind, shape, stride, padding and format.

    Parameters
    ----------
    draw : callable
        See `Draw`; ``lambda low, high: int(rng.integers(low, high + 1))`` for one.
    """
    shape, number_format = (draw(3, 8), draw(3, 8), draw(1, 5)), UINT8
    n_classes = draw(2, 12)
    segments = []
    for index in range(draw(1, 3)):
        backbone = _Chain(draw, f"backbone{index}", shape, number_format)
        for _ in range(draw(1, 4)):
            backbone.grow()
        shape, number_format = backbone.latest
        branch = _Chain(draw, f"exit{index}", shape, number_format)
        for _ in range(draw(0, 2)):
            branch.grow()
        branch.classify(n_classes)
        segments.append(Segment(backbone=tuple(backbone.layers), branch=tuple(branch.layers)))
    return Topology(segments=tuple(segments))


@dataclass
class _Chain:
    """A chain of layers that grows."""

    draw: Draw
    name: str
    shape: Shape
    number_format: IntegerFormat
    layers: list[Layer] = field(default_factory=list)

    @property
    def latest(self) -> tuple[Shape, IntegerFormat]:
        """Shape and format behind the last layer."""
        return self._tensors[-1][1:]

    @property
    def _tensors(self) -> list[tuple[str, Shape, IntegerFormat]]:
        outputs = [(layer.name, layer.out_shape, layer.out_format) for layer in self.layers]
        return [(CHAIN_INPUT, self.shape, self.number_format), *outputs]

    def grow(self) -> None:
        """Add a layer, or two that are added up."""
        kinds: Sequence[Callable[[], Layer]] = (
            self._convolution,
            self._convolution,
            self._max_pool,
            self._average_pool,
            self._add,
        )
        kind = kinds[self.draw(0, len(kinds) - 1)]
        if kind == self._add and self.draw(0, 1):
            self.layers.append(self._same_shape())
        self.layers.append(kind())

    def classify(self, n_classes: int) -> None:
        """Add one or two fully connected layers."""
        for features in [self.draw(2, CHANNELS_MAX)] * self.draw(0, 1):
            self.layers.append(self._fully_connected(features, relu=bool(self.draw(0, 1))))
        self.layers.append(self._fully_connected(n_classes, relu=False))

    def _next_name(self, kind: str) -> str:
        return f"{self.name}.{kind}{len(self.layers)}"

    def _convolution(self) -> Layer:
        # mostly what comes before, at times an earlier tensor
        tensors = self._tensors
        place = max(0, self.draw(-len(tensors), len(tensors) - 1))
        source, shape, number_format = tensors[place if self.draw(0, 3) == 0 else -1]
        kernel = (self.draw(1, 4), self.draw(1, 4))
        padding = tuple(self.draw(0, 2) for _ in range(4))
        lacking = [
            max(0, kernel[axis] - shape[axis] - padding[2 * axis] - padding[2 * axis + 1])
            for axis in (0, 1)
        ]
        in_channels = shape[2]
        divisors = [n for n in range(1, in_channels + 1) if in_channels % n == 0]
        groups = divisors[self.draw(0, len(divisors) - 1)]
        return Convolution(
            name=self._next_name("conv"),
            source=source,
            in_shape=shape,
            in_format=number_format,
            out_channels=groups * self.draw(1, max(1, CHANNELS_MAX // groups)),
            kernel=(kernel[0] - lacking[0], kernel[1] - lacking[1]),
            stride=self.draw(1, 3),
            padding=(padding[0], padding[1], padding[2], padding[3]),
            groups=groups,
            relu=bool(self.draw(0, 1)),
        )

    def _max_pool(self) -> Layer:
        shape, number_format = self.latest
        return MaxPool(
            name=self._next_name("max"),
            in_shape=shape,
            in_format=number_format,
            kernel=(self.draw(1, min(3, shape[0])), self.draw(1, min(3, shape[1]))),
            stride=self.draw(1, 3),
        )

    def _average_pool(self) -> Layer:
        shape, number_format = self.latest
        # half of them are global
        kernel = shape[:2]
        if self.draw(0, 1):
            kernel = (self.draw(1, min(3, shape[0])), self.draw(1, min(3, shape[1])))
        return AveragePool(
            name=self._next_name("average"),
            in_shape=shape,
            in_format=number_format,
            kernel=kernel,
            stride=self.draw(1, 3),
        )

    def _same_shape(self) -> Layer:
        shape, number_format = self.latest
        above, left = self.draw(0, 1), self.draw(0, 1)
        return Convolution(
            name=self._next_name("same"),
            in_shape=shape,
            in_format=number_format,
            out_channels=shape[2],
            kernel=(2 * above + 1, 2 * left + 1),
            padding=(above, above, left, left),
            relu=bool(self.draw(0, 1)),
        )

    def _add(self) -> Layer:
        shape = self.latest[0]
        same = [(name, kind) for name, of, kind in self._tensors if of == shape]
        operands = [same[-1], same[self.draw(0, len(same) - 1)]]
        first = self.draw(0, 1)
        return ResidualAdd(
            name=self._next_name("add"),
            source=operands[first][0],
            in_shape=shape,
            in_format=operands[first][1],
            other=operands[1 - first][0],
            other_format=operands[1 - first][1],
            relu=bool(self.draw(0, 1)),
        )

    def _fully_connected(self, features: int, *, relu: bool) -> Layer:
        shape, number_format = self.latest
        return FullyConnected(
            name=self._next_name("linear"),
            in_shape=shape,
            in_format=number_format,
            out_features=features,
            relu=relu,
        )
