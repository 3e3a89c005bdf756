"""Programs of all networks of the zoo compute what the networks do, layer by layer."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from offramp.golden.network import IntegerNetwork
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.golden.zoo import PREFIX, entries
from offramp.host.compile import compile_network, fitting_engine

from .reference import differing_results, exits_of, layer_outputs, run_and_compare

NAMES = [entry.name for entry in entries()]


@cache
def known(
    name: str,
) -> tuple[IntegerNetwork, NDArray[np.uint8], dict[str, NDArray[np.int64]]]:
    network = load_network(PREFIX + name)
    # noise, and one flat image: they leave at different exits
    images = np.random.default_rng(1).integers(0, 256, (3, *network.input_shape), np.uint8)
    images[0] = 200
    return network, images, layer_outputs(network, images)


@pytest.mark.parametrize("engine", ["16", "64", "128"])
@pytest.mark.parametrize("name", NAMES)
def test_every_layer_of_the_zoo_equals_the_network(name: str, engine: str) -> None:
    network, images, outputs = known(name)
    config = fitting_engine(network, ENGINES[engine], fuse=False)
    compilation = compile_network(network, config, fuse=False)
    found = run_and_compare(compilation, images, outputs, always=True)
    assert found.compared == {layer.name for layer in network.topology.layers}
    assert found.different == []


@pytest.mark.parametrize("engine", ["16", "32", "64", "128"])
@pytest.mark.parametrize("name", NAMES)
def test_results_of_the_zoo_equal_the_network(name: str, engine: str) -> None:
    network, images, outputs = known(name)
    compilation = compile_network(network, fitting_engine(network, ENGINES[engine]))
    found = run_and_compare(compilation, images, outputs, seed=1)
    assert found.different == []
    assert differing_results(found.results, exits_of(network, outputs)) == 0
