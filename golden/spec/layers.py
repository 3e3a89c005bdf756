"""Layer descriptors: the shape, the number formats and the cost of every layer, in plain Python.

A descriptor says what a layer computes; its integers (weights, multipliers, shifts) lie beside it,
under the layer's name. Activations are channel-last, ``(height, width, channels)``; a fully
connected layer reads them in exactly this order, flattened. All zero points are 0: uint8 after a
ReLU and at the input of a network, int8 elsewhere.

``source`` names the layer of the same chain whose output is read; None is the layer before, and
`CHAIN_INPUT` what the chain itself was given. A *chain* is one segment's backbone or one exit
branch, see `offramp.golden.spec.topology`.
"""

import math
from dataclasses import dataclass

from .checks import require_int
from .numbers import INT8, UINT8, IntegerFormat

Shape = tuple[int, int, int]
"""Height, width, channels."""

CHAIN_INPUT = "input"
"""Name under which the layers of a chain reach what the chain was given."""

SIZE_MAX = 1 << 16
"""Largest size of any axis, kernel or stride."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What all layers have in common.

    Parameters
    ----------
    name : str
        Unique in the network; the layer's integers are stored under it.
    in_shape : Shape
        Height, width and channels of the input.
    in_format : IntegerFormat
        Of the input: `UINT8` or `INT8`.
    source : str or None
        Layer whose output is read; None for the one before.

    Raises
    ------
    TypeError, ValueError
        If a field is not what it must be, naming it.
    """

    name: str
    in_shape: Shape
    in_format: IntegerFormat = UINT8
    source: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"Layer name must be a string, not {self.name!r}")
        if not self.name or self.name == CHAIN_INPUT or any(c.isspace() for c in self.name):
            raise ValueError(
                f"Layer name must be one word other than {CHAIN_INPUT!r}, not {self.name!r}"
            )
        require_sizes(f"Input shape of {self.name}", self.in_shape, 3, low=1)
        if self.in_format not in (UINT8, INT8):
            raise ValueError(
                f"Input format of {self.name} must be uint8 or int8, not {self.in_format}"
            )
        for source in self.sources:
            if source is not None and not isinstance(source, str):
                raise TypeError(
                    f"Source of {self.name} must be a layer name or None, not {source!r}"
                )
        relu = getattr(self, "relu", False)
        if not isinstance(relu, bool):
            raise TypeError(f"ReLU of {self.name} must be true or false, not {relu!r}")

    @property
    def sources(self) -> tuple[str | None, ...]:
        """Names of all layers that are read."""
        return (self.source,)

    @property
    def out_shape(self) -> Shape:
        """Height, width and channels of the output."""
        raise NotImplementedError

    @property
    def out_format(self) -> IntegerFormat:
        """Format of the output."""
        return self.in_format

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image; a padded position counts like any other."""
        return 0

    @property
    def weight_shape(self) -> tuple[int, ...] | None:
        """Shape of the weights, None if the layer has none."""
        return None

    @property
    def multiplier_names(self) -> tuple[str, ...]:
        """Requantization multipliers, one value each per output channel; none if unscaled."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Windowed(Layer):
    """A layer that slides a window of `kernel` (height, width) by `stride` over the image."""

    kernel: tuple[int, int]
    stride: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(f"Kernel of {self.name}", self.kernel, 2, low=1)
        require_int(f"Stride of {self.name}", self.stride, 1, SIZE_MAX)
        if any(self._out_size(axis) < 1 for axis in (0, 1)):
            height, width = self.padded_size
            raise ValueError(
                f"Kernel of {self.name} must fit the padded image of {height} x {width}, "
                f"not {self.kernel!r}"
            )

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the image with its padding."""
        return self.in_shape[0], self.in_shape[1]

    @property
    def out_shape(self) -> Shape:
        """One output position per window that fits entirely."""
        return self._out_size(0), self._out_size(1), self._out_depth()

    def _out_size(self, axis: int) -> int:
        return (self.padded_size[axis] - self.kernel[axis]) // self.stride + 1

    def _out_depth(self) -> int:
        return self.in_shape[2]


@dataclass(frozen=True, kw_only=True)
class Convolution(Windowed):
    """Cross-correlate with int8 weights, add the bias, requantize per output channel.

    ``acc[y, x, o] = bias[o] + sum(w[o, i, j, c] * a[y * stride + i - top, x * stride + j - left,
    g(o) + c])`` with zeros outside the image, and weights ``int8 [out, kernel height, kernel
    width, in / groups]``.

    Parameters
    ----------
    out_channels : int
        Number of filters.
    padding : tuple of int
        Zero rows and columns: top, bottom, left, right.
    groups : int
        Blocks of channels that do not see each other; `in_shape[2]` makes it depthwise.
    relu : bool
        Output uint8, hence clamped at 0, instead of int8.
    """

    out_channels: int
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    relu: bool = False

    def __post_init__(self) -> None:
        require_sizes(f"Padding of {self.name}", self.padding, 4, low=0)
        super().__post_init__()
        require_int(f"Output channels of {self.name}", self.out_channels, 1, SIZE_MAX)
        require_int(f"Groups of {self.name}", self.groups, 1, SIZE_MAX)
        if self.in_shape[2] % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"Groups of {self.name} must divide the channels {self.in_shape[2]} and "
                f"{self.out_channels}, not {self.groups!r}"
            )

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the image with its padding."""
        top, bottom, left, right = self.padding
        return self.in_shape[0] + top + bottom, self.in_shape[1] + left + right

    @property
    def out_format(self) -> IntegerFormat:
        """Return uint8 after a ReLU, int8 without."""
        return UINT8 if self.relu else INT8

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Filters, kernel height, kernel width, channels of a group."""
        return (self.out_channels, *self.kernel, self.in_shape[2] // self.groups)

    @property
    def macs(self) -> int:
        """Weights times output positions."""
        height, width, _ = self.out_shape
        return height * width * math.prod(self.weight_shape)

    @property
    def multiplier_names(self) -> tuple[str, ...]:
        """One multiplier."""
        return ("multiplier",)

    def _out_depth(self) -> int:
        return self.out_channels


@dataclass(frozen=True, kw_only=True)
class FullyConnected(Layer):
    """Multiply the flattened input with int8 weights [out, in], add the bias, requantize."""

    out_features: int
    relu: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_int(f"Output features of {self.name}", self.out_features, 1, SIZE_MAX)

    @property
    def in_features(self) -> int:
        """Length of the flattened input."""
        return math.prod(self.in_shape)

    @property
    def out_shape(self) -> Shape:
        """One position with all features."""
        return 1, 1, self.out_features

    @property
    def out_format(self) -> IntegerFormat:
        """Return uint8 after a ReLU, int8 without."""
        return UINT8 if self.relu else INT8

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Outputs and inputs."""
        return self.out_features, self.in_features

    @property
    def macs(self) -> int:
        """One per weight."""
        return self.out_features * self.in_features

    @property
    def multiplier_names(self) -> tuple[str, ...]:
        """One multiplier."""
        return ("multiplier",)


@dataclass(frozen=True, kw_only=True)
class MaxPool(Windowed):
    """Take the largest value of each window, per channel; the scale does not change."""


@dataclass(frozen=True, kw_only=True)
class AveragePool(Windowed):
    """Sum each window per channel and requantize; the multiplier holds one over the area.

    A kernel as large as the image is the global average.
    """

    @property
    def multiplier_names(self) -> tuple[str, ...]:
        """One multiplier."""
        return ("multiplier",)


@dataclass(frozen=True, kw_only=True)
class ResidualAdd(Layer):
    """Add the outputs of two layers, each with its own multiplier and a common shift.

    ``y = clamp(floor((a * multiplier + b * other_multiplier + 2**(shift - 1)) / 2**shift))``
    per channel, where ``b`` is the output of the layer `other`.

    Parameters
    ----------
    other : str
        Layer of the same chain whose output is added, or `CHAIN_INPUT`.
    other_format : IntegerFormat
        Its format.
    relu : bool
        Output uint8, hence clamped at 0, instead of int8.
    """

    other: str
    other_format: IntegerFormat = UINT8
    relu: bool = True

    @property
    def sources(self) -> tuple[str | None, ...]:
        """Both operands."""
        return self.source, self.other

    @property
    def out_shape(self) -> Shape:
        """Return the shape of either operand."""
        return self.in_shape

    @property
    def out_format(self) -> IntegerFormat:
        """Return uint8 after a ReLU, int8 without."""
        return UINT8 if self.relu else INT8

    @property
    def multiplier_names(self) -> tuple[str, ...]:
        """One multiplier per operand."""
        return "multiplier", "other_multiplier"


LAYER_KINDS: dict[str, type[Layer]] = {
    "convolution": Convolution,
    "fully_connected": FullyConnected,
    "max_pool": MaxPool,
    "average_pool": AveragePool,
    "residual_add": ResidualAdd,
}
"""All kinds of layers by the name that files use."""


def require_sizes(thing: str, value: object, length: int, *, low: int) -> None:
    """Raise unless `value` is a tuple of `length` integers in ``low..SIZE_MAX``."""
    if not isinstance(value, tuple) or len(value) != length:
        raise TypeError(f"{thing} must be a tuple of {length} integers, not {value!r}")
    for size in value:
        require_int(thing, size, low, SIZE_MAX)
