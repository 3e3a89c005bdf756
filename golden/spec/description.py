"""A topology as plain JSON data and back, for files and for tools in other languages."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .layers import LAYER_KINDS, Layer
from .numbers import INT8, UINT8, IntegerFormat
from .topology import Segment, Topology

_KIND_NAMES = {kind: name for name, kind in LAYER_KINDS.items()}
_FORMATS = {str(number_format): number_format for number_format in (UINT8, INT8)}


def describe_topology(topology: Topology) -> list[dict[str, Any]]:
    """Return `topology` as lists, dictionaries, strings and numbers."""
    return [
        {
            "backbone": [describe_layer(layer) for layer in segment.backbone],
            "branch": [describe_layer(layer) for layer in segment.branch],
        }
        for segment in topology.segments
    ]


def describe_layer(layer: Layer) -> dict[str, Any]:
    """Return `layer` as a dictionary: its kind and all of its fields."""
    description: dict[str, Any] = {"kind": _KIND_NAMES[type(layer)]}
    for field in fields(layer):
        value = getattr(layer, field.name)
        if isinstance(value, IntegerFormat):
            value = str(value)
        elif isinstance(value, tuple):
            value = list(value)
        description[field.name] = value
    return description


def topology_of_description(description: Any) -> Topology:
    """Return the topology that `describe_topology` turned into `description`.

    Raises
    ------
    TypeError, ValueError
        If the description has missing, unknown or illegal parts.
    """
    if not isinstance(description, list):
        raise TypeError(f"Segments must be a list, not {type(description).__name__}")
    segments = []
    for segment in description:
        if not isinstance(segment, Mapping) or set(segment) != {"backbone", "branch"}:
            raise ValueError(f"Segment must have a backbone and a branch, not {segment!r:.80}")
        chains: dict[str, tuple[Layer, ...]] = {}
        for part, layers in segment.items():
            if not isinstance(layers, list):
                raise TypeError(f"Layers of a {part} must be a list, not {type(layers).__name__}")
            chains[part] = tuple(layer_of_description(layer) for layer in layers)
        segments.append(Segment(**chains))
    return Topology(segments=tuple(segments))


def layer_of_description(description: Any) -> Layer:
    """Return the layer that `describe_layer` turned into `description`; raise like above."""
    if not isinstance(description, Mapping):
        raise TypeError(f"Layer must be a dictionary, not {description!r:.80}")
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in LAYER_KINDS:
        raise ValueError(f"Layer kind must be one of {', '.join(LAYER_KINDS)}, not {kind!r}")
    layer_type = LAYER_KINDS[kind]
    given = {name: value for name, value in description.items() if name != "kind"}
    names = {field.name for field in fields(layer_type)}
    if set(given) != names:
        raise ValueError(
            f"Fields of a {kind} must be {', '.join(sorted(names))}, "
            f"not {', '.join(sorted(map(str, given)))}"
        )
    return layer_type(**{name: _value_of_json(name, value) for name, value in given.items()})


def _value_of_json(name: str, value: Any) -> Any:
    if name.endswith("_format"):
        if not isinstance(value, str) or value not in _FORMATS:
            raise ValueError(f"Number format must be one of {', '.join(_FORMATS)}, not {value!r}")
        return _FORMATS[value]
    return tuple(value) if isinstance(value, list) else value
