"""Integer networks as files, see `docs/design/network.md` for the format."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .container import Container, FileError
from .network import IntegerNetwork
from .parameters import FIELD_TYPES, LayerParameters
from .spec.description import describe_topology, topology_of_description
from .spec.rules import ExitRule, rule_of_description
from .zoo import zoo_entry


class NetworkFileError(FileError):
    """A network file that cannot be read or written; the message is one line that names it."""


NETWORK_FILE = Container(
    thing="Network file", format_name="offramp-network", version=2, error=NetworkFileError
)
"""Format name and version of network files."""


def save_network(network: IntegerNetwork, path: str | Path) -> None:
    """Write `network` to a file, at once or not at all; `NetworkFileError` if impossible."""
    description = {
        "name": network.name,
        "segments": describe_topology(network.topology),
        "class_names": list(network.class_names),
        "fraction_bits": network.fraction_bits,
        "temperatures": list(network.temperatures),
        "rules": None if network.rules is None else [rule.describe() for rule in network.rules],
        "metadata": dict(network.metadata),
    }
    tensors = {
        f"{layer}.{field}": array
        for layer, parameters in network.parameters.items()
        for field, array in parameters.arrays()
    }
    NETWORK_FILE.write(path, description, tensors)


def load_network(path: str | Path) -> IntegerNetwork:
    """Return the network that `save_network` wrote, or one of the zoo: ``zoo:<name>``.

    Raises
    ------
    NetworkFileError
        If the file is missing, damaged, truncated, foreign, newer than this release, or describes
        an illegal network.
    """
    try:
        entry = zoo_entry(path)
    except ValueError as error:
        raise NetworkFileError(str(error)) from error
    description, tensors = NETWORK_FILE.read(path if entry is None else entry.network_file)
    try:
        return _network_of_description(description, tensors)
    except (TypeError, ValueError, KeyError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise NetworkFileError(
            f"Network file must describe a legal network, not {str(path)!r}: {reason}"
        ) from error


def _network_of_description(description: Any, tensors: dict[str, NDArray[Any]]) -> IntegerNetwork:
    fields: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in tensors.items():
        layer, _, field = key.rpartition(".")
        if field not in FIELD_TYPES:
            raise ValueError(f"Tensor must be one of {', '.join(FIELD_TYPES)}, not {key!r}")
        fields.setdefault(layer, {})[field] = np.array(array)
    return IntegerNetwork(
        name=description["name"],
        topology=topology_of_description(description["segments"]),
        parameters={layer: LayerParameters(**arrays) for layer, arrays in fields.items()},
        class_names=tuple(description["class_names"]),
        fraction_bits=description["fraction_bits"],
        temperatures=tuple(description["temperatures"]),
        rules=_rules_of_description(description),
        metadata=description["metadata"],
    )


def _rules_of_description(description: Any) -> tuple[ExitRule, ...] | None:
    """Return the rules of the early exits; version 1 knew thresholds of the confidence only."""
    if "rules" not in description:
        thresholds = description["thresholds"]
        return (
            None if thresholds is None else tuple(ExitRule(threshold=value) for value in thresholds)
        )
    rules = description["rules"]
    return None if rules is None else tuple(rule_of_description(rule) for rule in rules)
