"""The integer network: the specification of what every device must compute, exit by exit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .forward import Chain, activations_of_tensor, tensor_of_activations
from .parameters import (
    ACCUMULATOR_WIDTH,
    LayerParameters,
    check_parameters,
    prove_accumulator,
)
from .reference import reference_chain
from .spec.checks import require_int
from .spec.layers import Layer, Shape
from .spec.numbers import INT8, UINT8, IntegerFormat
from .spec.rules import ExitRule
from .spec.topology import Topology

FRACTION_BITS_MIN = 2
"""Fewest fraction bits of a logit."""

FRACTION_BITS_MAX = 6
"""Most fraction bits of a logit."""

BLOCK_ELEMENTS = 1 << 19
"""Images run in blocks whose largest activations stay near this size, for the cache's sake."""

Activations = NDArray[np.integer[Any]]
Logits = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerNetwork:
    """A network with exits in integers only.

    Parameters
    ----------
    name : str
        For people.
    topology : Topology
        Segments and their layers.
    parameters : mapping of str to LayerParameters
        The integers of each layer that has any, by layer name.
    class_names : tuple of str
        One per class.
    fraction_bits : int
        F: one LSB of a logit is ``2**-F`` octaves, so ``softmax(z)_i`` is proportional to
        ``2**(z_i / 2**F)``.
    temperatures : tuple of float
        Per exit, as folded into the classifier's multipliers; for information.
    rules : tuple of ExitRule or None
        Per early exit, when images leave there; None before calibration.
    metadata : mapping
        Where the network comes from, as JSON data.

    Raises
    ------
    TypeError, ValueError
        If a part is missing, of the wrong type or shape, out of range, or if an accumulator could
        overflow `ACCUMULATOR_WIDTH` bits.
    """

    name: str
    topology: Topology
    parameters: Mapping[str, LayerParameters]
    class_names: tuple[str, ...]
    fraction_bits: int
    temperatures: tuple[float, ...]
    rules: tuple[ExitRule, ...] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"Network name must be a non-empty string, not {self.name!r}")
        _require_strings("Class names", self.class_names, self.n_classes)
        require_int("Fraction bits", self.fraction_bits, FRACTION_BITS_MIN, FRACTION_BITS_MAX)
        _require_positive("Temperatures", self.temperatures, self.n_exits)
        if self.rules is not None:
            if not all(isinstance(rule, ExitRule) for rule in self.rules):
                raise TypeError(f"Rules must be a tuple of ExitRule, not {self.rules!r}")
            if len(self.rules) != self.n_exits - 1:
                raise ValueError(
                    f"Thresholds must be one for each of {self.n_exits - 1} early exits, "
                    f"not {self.thresholds!r}"
                )
        needed = {layer.name for layer in self.topology.layers if layer.multiplier_names}
        if self.parameters.keys() != needed:
            raise ValueError(
                f"Parameters must be given for {', '.join(sorted(needed))}, "
                f"not {', '.join(sorted(self.parameters))}"
            )
        for layer in self.topology.layers:
            if layer.name in needed:
                check_parameters(layer, self.parameters[layer.name])
                prove_accumulator(layer, self.parameters[layer.name], ACCUMULATOR_WIDTH)

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same network with the same rules and provenance."""
        if not isinstance(other, IntegerNetwork):
            return NotImplemented
        return self._identity() == other._identity()

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    # -- what it is -------------------------------------------------------------------------------

    @property
    def n_exits(self) -> int:
        """Number of exits, the final classifier included."""
        return self.topology.n_exits

    @property
    def thresholds(self) -> tuple[int, ...] | None:
        """The threshold of each early exit, in units of its criterion's score."""
        return None if self.rules is None else tuple(rule.threshold for rule in self.rules)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.topology.n_classes

    @property
    def input_shape(self) -> Shape:
        """Height, width and channels of an image."""
        return self.topology.input_shape

    @property
    def logit_format(self) -> IntegerFormat:
        """Format of a logit."""
        return INT8

    @property
    def macs_at_exit(self) -> tuple[int, ...]:
        """Multiply-accumulates of an image that leaves at exit k."""
        return self.topology.macs_at_exit

    @property
    def macs_total(self) -> int:
        """Multiply-accumulates of the plain network, without any early exit branch."""
        return self.topology.macs_total

    @cached_property
    def accumulator_width(self) -> int:
        """Signed bits that hold every accumulator of this network for every image."""
        bounds = [
            prove_accumulator(layer, self.parameters[layer.name], ACCUMULATOR_WIDTH)
            for layer in self.topology.layers
            if layer.name in self.parameters
        ]
        return max(bounds).bit_length() + 1

    # -- what it computes -------------------------------------------------------------------------

    def segment(self, index: int, activations: Activations) -> tuple[Activations | None, Logits]:
        """Run one segment: its backbone, and the exit branch behind it.

        Parameters
        ----------
        index : int
            Segment, 0 to `n_exits` - 1.
        activations : uint8 [n, H, W, C]
            Images for segment 0, the activations of the previous segment otherwise (int8 where
            that segment ends without a ReLU).

        Returns
        -------
        activations : uint8 or int8 [n, H, W, C] or None
            Input of the next segment; None after the last.
        logits : int8 [n, n_classes]
            On the base-2 grid.

        Raises
        ------
        TypeError, ValueError
            If `index` or `activations` are not those of a segment.
        """
        require_int("Segment", index, 0, self.n_exits - 1)
        segment = self.topology.segments[index]
        self._check_activations(index, activations)
        backbone, branch = self._chains[index]
        last = segment.backbone[-1]
        result = np.empty((len(activations), *last.out_shape), _numpy_type(last.out_format))
        logits = np.empty((len(activations), self.n_classes), np.int8)
        for start in range(0, len(activations), self._block):
            block = slice(start, start + self._block)
            x = backbone(tensor_of_activations(activations[block]))
            result[block] = activations_of_tensor(x)
            logits[block] = activations_of_tensor(branch(x)).reshape(-1, self.n_classes)
        return (None if index == self.n_exits - 1 else result), logits

    def forward(self, images: NDArray[np.uint8]) -> list[Logits]:
        """Return the logits int8 [n, n_classes] of every exit for images uint8 [n, H, W, C]."""
        all_logits = []
        activations: Activations | None = images
        for index in range(self.n_exits):
            assert activations is not None
            activations, logits = self.segment(index, activations)
            all_logits.append(logits)
        return all_logits

    def reference_forward(self, images: NDArray[np.uint8]) -> list[Logits]:
        """Return what `forward` must: slow, in int64 throughout, written independently of it."""
        self._check_activations(0, images)
        activations = images.astype(np.int64)
        all_logits = []
        for segment in self.topology.segments:
            activations = reference_chain(
                segment.backbone, self.values_of(segment.backbone), activations
            )
            logits = reference_chain(segment.branch, self.values_of(segment.branch), activations)
            all_logits.append(logits.reshape(len(images), -1).astype(np.int8))
        return all_logits

    # -- variants ---------------------------------------------------------------------------------

    def values_of(self, layers: Sequence[Layer]) -> tuple[LayerParameters, ...]:
        """Return the integers of each of `layers`, empty ones where a layer has none."""
        return tuple(self.parameters.get(layer.name, LayerParameters()) for layer in layers)

    def with_thresholds(
        self, thresholds: Sequence[int] | None, provenance: Mapping[str, Any] | None = None
    ) -> "IntegerNetwork":
        """Return the network with thresholds of the confidence and a record of how they came about.

        Parameters
        ----------
        thresholds : sequence of int or None
            One per early exit; None removes them.
        provenance : mapping
            JSON data, kept as ``metadata["calibration"]`` (data set, split seed, target, ...).
        """
        if thresholds is None:
            return self.with_rules(None)
        return self.with_rules([ExitRule(threshold=int(value)) for value in thresholds], provenance)

    def with_rules(
        self, rules: Sequence[ExitRule] | None, provenance: Mapping[str, Any] | None = None
    ) -> "IntegerNetwork":
        """Return the network with other rules; see `with_thresholds`."""
        metadata = {key: value for key, value in self.metadata.items() if key != "calibration"}
        if rules is not None:
            metadata["calibration"] = dict(provenance or {})
        return replace(self, rules=None if rules is None else tuple(rules), metadata=metadata)

    # -- inside -----------------------------------------------------------------------------------

    @cached_property
    def _chains(self) -> list[tuple[Chain, Chain]]:
        return [
            (
                Chain(segment.backbone, self.values_of(segment.backbone)),
                Chain(segment.branch, self.values_of(segment.branch)),
            )
            for segment in self.topology.segments
        ]

    @cached_property
    def _block(self) -> int:
        largest = max(int(np.prod(layer.out_shape)) for layer in self.topology.layers)
        return max(1, BLOCK_ELEMENTS // largest)

    def _check_activations(self, index: int, activations: Activations) -> None:
        first = self.topology.segments[index].backbone[0]
        thing = "Images" if index == 0 else f"Activations of segment {index}"
        if not isinstance(activations, np.ndarray) or activations.dtype != _numpy_type(
            first.in_format
        ):
            found = getattr(activations, "dtype", type(activations).__name__)
            raise TypeError(f"{thing} must be an array of {first.in_format}, not {found}")
        if activations.ndim != 4 or activations.shape[1:] != first.in_shape:
            expected = ", ".join(map(str, first.in_shape))
            raise ValueError(f"{thing} must be of shape [n, {expected}], not {activations.shape}")

    def _identity(self) -> tuple[object, ...]:
        return (
            self.name,
            self.topology,
            dict(self.parameters),
            self.class_names,
            self.fraction_bits,
            self.temperatures,
            self.rules,
            dict(self.metadata),
        )


def _numpy_type(number_format: IntegerFormat) -> type[np.integer[Any]]:
    return np.uint8 if number_format == UINT8 else np.int8


def _require_strings(thing: str, value: object, length: int) -> None:
    if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{thing} must be a tuple of strings, not {value!r}")
    if len(value) != length:
        raise ValueError(f"{thing} must be {length}, one per class, not {value!r}")


def _require_positive(thing: str, value: object, length: int) -> None:
    if not isinstance(value, tuple) or not all(isinstance(item, float) for item in value):
        raise TypeError(f"{thing} must be a tuple of floats, not {value!r}")
    if len(value) != length or not all(0 < item < float("inf") for item in value):
        raise ValueError(f"{thing} must be {length} positive numbers, not {value!r}")
