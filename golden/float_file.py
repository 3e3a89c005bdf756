"""Float networks as files: what an import writes and quantization reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .container import Container, FileError
from .folded import FoldedNetwork
from .scaling import require_finite
from .spec.description import describe_topology, topology_of_description
from .spec.layers import Layer


class FloatFileError(FileError):
    """A float network file that cannot be read or written; the message is one line."""


FLOAT_FILE = Container(
    thing="Float network file", format_name="offramp-float", version=1, error=FloatFileError
)
"""Format name and version of float network files."""


def save_float_network(
    network: FoldedNetwork, path: str | Path, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write a network with JSON data about its origin; `FloatFileError` if impossible."""
    description = {
        "name": network.name,
        "segments": describe_topology(network.topology),
        "metadata": dict(metadata or {}),
    }
    tensors = {f"{layer}.weight": array for layer, array in network.weights.items()}
    tensors |= {f"{layer}.bias": array for layer, array in network.biases.items()}
    FLOAT_FILE.write(path, description, tensors)


def load_float_network(path: str | Path) -> tuple[FoldedNetwork, dict[str, Any]]:
    """Return the network that `save_float_network` wrote, and the data about its origin.

    Raises
    ------
    FloatFileError
        If the file is missing, damaged, foreign or newer than this release, or describes an
        illegal network.
    """
    description, tensors = FLOAT_FILE.read(path)
    try:
        topology = topology_of_description(description["segments"])
        layers = [layer for layer in topology.layers if layer.weight_shape is not None]
        network = FoldedNetwork(
            name=description["name"],
            topology=topology,
            weights={
                layer.name: _tensor(layer, "weight", tensors, layer.weight_shape or ())
                for layer in layers
            },
            biases={
                layer.name: _tensor(layer, "bias", tensors, (layer.out_shape[2],))
                for layer in layers
            },
        )
        for layer in layers:
            require_finite(layer.name, network.weights[layer.name], network.biases[layer.name])
        return network, dict(description["metadata"])
    except (TypeError, ValueError, KeyError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise FloatFileError(
            f"Float network file must describe a legal network, not {str(path)!r}: {reason}"
        ) from error


def _tensor(
    layer: Layer, field: str, tensors: Mapping[str, Any], shape: tuple[int, ...]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.array(tensors[f"{layer.name}.{field}"])
    if array.dtype != np.float64 or array.shape != shape:
        raise ValueError(
            f"{field.capitalize()} of {layer.name} must be float64 {shape}, "
            f"not {array.dtype} {array.shape}"
        )
    return array
