"""Programs of random networks compute what the networks do, on engines of any shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offramp.golden.network import IntegerNetwork
from offramp.golden.random_network import random_integers, random_topology
from offramp.golden.spec.engine import EngineConfig
from offramp.host.compile import compile_network, fitting_engine

from .reference import differing_results, exits_of, layer_outputs, run_and_compare

engines = st.builds(
    EngineConfig,
    in_lanes=st.sampled_from([4, 8, 16]),
    out_lanes=st.sampled_from([4, 8, 16, 32]),
    requantizers=st.sampled_from([1, 2, 4]),
)


def differences(network: IntegerNetwork, config: EngineConfig, fuse: bool, seed: int) -> int:
    """Return how many tensors and results differ."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (2, *network.input_shape), np.uint8)
    thresholds = rng.integers(-10, 60, network.n_exits - 1).tolist()
    network = network.with_thresholds(thresholds)
    outputs = layer_outputs(network, images)
    compilation = compile_network(network, fitting_engine(network, config, fuse=fuse), fuse=fuse)
    found = run_and_compare(compilation, images, outputs, seed=seed, always=True)
    if not fuse:
        assert found.compared == {layer.name for layer in network.topology.layers}
    exits = run_and_compare(compilation, images, outputs, seed=seed + 1)
    wrong = len(found.different) + len(exits.different)
    return wrong + differing_results(exits.results, exits_of(network, outputs))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    data=st.data(), config=engines, fuse=st.booleans(), seed=st.integers(min_value=0, max_value=99)
)
def test_random_networks(data: st.DataObject, config: EngineConfig, fuse: bool, seed: int) -> None:
    topology = random_topology(lambda low, high: data.draw(st.integers(low, high)))
    assert differences(random_integers(topology, seed), config, fuse, seed) == 0


@pytest.mark.parametrize("seed", range(20))
def test_random_networks_of_a_generator(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = random_topology(lambda low, high: int(rng.integers(low, high + 1)))
    config = EngineConfig(
        in_lanes=int(rng.choice([4, 8, 16])),
        out_lanes=int(rng.choice([4, 8, 16, 32])),
        requantizers=int(rng.choice([1, 2, 4])),
    )
    assert differences(random_integers(topology, seed), config, bool(seed % 2), seed) == 0
