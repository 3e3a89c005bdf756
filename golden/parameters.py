"""The integers of a layer, and the static proof that its accumulator cannot overflow."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spec.layers import AveragePool, Layer, ResidualAdd
from .spec.numbers import INT32, SHIFT_MAX, IntegerFormat

WEIGHT_LIMIT = 127
"""Weights are symmetric: -128 is no weight."""

FIELD_TYPES = {
    "weight": np.dtype(np.int8),
    "bias": np.dtype(np.int32),
    "multiplier": np.dtype(np.uint16),
    "other_multiplier": np.dtype(np.uint16),
    "shift": np.dtype(np.uint8),
}
"""All fields of `LayerParameters` by name, with their types; also the names in files."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerParameters:
    """The integers of one layer; a field that the layer does not use is None.

    Parameters
    ----------
    weight : int8, of the descriptor's `weight_shape`
        In -127..127.
    bias : int32 [C]
        One per output channel, in units of the accumulator.
    multiplier : uint16 [C]
        Requantization multiplier per output channel.
    other_multiplier : uint16 [C]
        That of the second operand of a residual add.
    shift : uint8 [C]
        Requantization shift per output channel, 1 to `SHIFT_MAX`.
    """

    weight: NDArray[np.int8] | None = None
    bias: NDArray[np.int32] | None = None
    multiplier: NDArray[np.uint16] | None = None
    other_multiplier: NDArray[np.uint16] | None = None
    shift: NDArray[np.uint8] | None = None

    def __eq__(self, other: object) -> bool:
        """Return whether all integers are the same."""
        if not isinstance(other, LayerParameters):
            return NotImplemented
        mine, theirs = dict(self.arrays()), dict(other.arrays())
        return mine.keys() == theirs.keys() and all(
            np.array_equal(mine[name], theirs[name]) for name in mine
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def arrays(self) -> Iterator[tuple[str, NDArray[np.integer]]]:
        """Iterate over the names and values of the fields in use."""
        for name in FIELD_TYPES:
            value = getattr(self, name)
            if value is not None:
                yield name, value


def check_parameters(layer: Layer, parameters: LayerParameters) -> None:
    """Raise unless `parameters` are what `layer` needs.

    Raises
    ------
    TypeError
        If an array is missing, superfluous or of the wrong type.
    ValueError
        If one has the wrong shape or a value out of range.
    """
    shapes = parameter_shapes(layer)
    given = dict(parameters.arrays())
    if given.keys() != shapes.keys():
        raise TypeError(
            f"Parameters of {layer.name} must be {', '.join(shapes) or 'none'}, "
            f"not {', '.join(given) or 'none'}"
        )
    for name, array in given.items():
        thing = f"{name.replace('_', ' ').capitalize()} of {layer.name}"
        if array.dtype != FIELD_TYPES[name]:
            raise TypeError(f"{thing} must be {FIELD_TYPES[name]}, not {array.dtype}")
        if array.shape != shapes[name]:
            raise ValueError(f"{thing} must be of shape {shapes[name]}, not {array.shape}")
    if parameters.weight is not None and parameters.weight.min() < -WEIGHT_LIMIT:
        raise ValueError(
            f"Weight of {layer.name} must be in -{WEIGHT_LIMIT}..{WEIGHT_LIMIT}, "
            f"not {int(parameters.weight.min())}"
        )
    shift = parameters.shift
    if shift is not None and not (shift.min() >= 1 and shift.max() <= SHIFT_MAX):
        wrong = shift[(shift < 1) | (shift > SHIFT_MAX)]
        raise ValueError(f"Shift of {layer.name} must be in 1..{SHIFT_MAX}, not {int(wrong[0])}")


def parameter_shapes(layer: Layer) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array that `layer` needs, by field name."""
    per_channel = (layer.out_shape[2],)
    shapes: dict[str, tuple[int, ...]] = {}
    if layer.weight_shape is not None:
        shapes = {"weight": layer.weight_shape, "bias": per_channel}
    if layer.multiplier_names:
        shapes |= dict.fromkeys((*layer.multiplier_names, "shift"), per_channel)
    return {name: shapes[name] for name in FIELD_TYPES if name in shapes}


def product_bound(layer: Layer, parameters: LayerParameters) -> int:
    """Return a bound on the magnitude of any partial sum before the bias.

    ``sum |w| * max |a|`` of the worst output channel; the area times ``max |a|`` for an average.
    It holds for every input and every order of summation.
    """
    largest = max(layer.in_format.high, -layer.in_format.low)
    if parameters.weight is not None:
        magnitudes = np.abs(parameters.weight.astype(np.int64))
        return largest * int(magnitudes.reshape(len(magnitudes), -1).sum(axis=1).max())
    if isinstance(layer, AveragePool):
        return largest * layer.kernel[0] * layer.kernel[1]
    return largest


def accumulator_bound(layer: Layer, parameters: LayerParameters) -> int:
    """Return a bound on the magnitude of the accumulator: ``sum |w| * max |a| + |bias|``.

    The worst output channel counts. A residual add has none: its operands go straight to the
    multipliers.
    """
    if parameters.weight is None or parameters.bias is None:
        return 0 if isinstance(layer, ResidualAdd) else product_bound(layer, parameters)
    largest = max(layer.in_format.high, -layer.in_format.low)
    magnitudes = np.abs(parameters.weight.astype(np.int64))
    sums = largest * magnitudes.reshape(len(magnitudes), -1).sum(axis=1)
    return int((sums + np.abs(parameters.bias.astype(np.int64))).max())


def prove_accumulator(layer: Layer, parameters: LayerParameters, width: int) -> int:
    """Return the bound of the accumulator after checking that `width` signed bits hold it.

    Raises
    ------
    ValueError
        If they do not, naming layer and bound.
    """
    bound = accumulator_bound(layer, parameters)
    if bound > IntegerFormat(width, signed=True).high:
        raise ValueError(
            f"Accumulator of {layer.name} must fit {width} signed bits, "
            f"not reach {bound} ({bound.bit_length() + 1} bits)"
        )
    return bound


ACCUMULATOR_WIDTH = INT32.width
"""Widest accumulator that a network may need."""
