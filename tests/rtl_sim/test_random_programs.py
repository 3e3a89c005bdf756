"""The engine's RTL on random networks: every layer, result and cycle is that of the interpreter."""

from collections.abc import Iterator

import numpy as np
import pytest

from offramp.golden.engine import read_tensor, run_program
from offramp.golden.random_network import random_integers, random_topology
from offramp.golden.spec.engine import ENGINES
from offramp.host.compile import compile_network, predict_cycles
from offramp.rtl_sim.emulator.accelerator import EngineEmulator


@pytest.fixture(scope="module")
def emulator() -> Iterator[EngineEmulator]:
    with EngineEmulator(ENGINES["16"]) as engine:
        yield engine


@pytest.mark.parametrize("seed", range(20))
def test_random_networks_equal_the_interpreter(emulator: EngineEmulator, seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = random_topology(lambda low, high: int(rng.integers(low, high + 1)))
    network = random_integers(topology, seed)
    network = network.with_thresholds(rng.integers(-10, 60, network.n_exits - 1).tolist())
    compilation = compile_network(network, emulator.config, fuse=bool(seed % 3))
    program = compilation.program
    images = rng.integers(0, 256, (6, *network.input_shape), np.uint8)
    emulator.load(program)

    golden = run_program(program, images)
    results = emulator.run(images)
    assert np.array_equal(results.label, golden.label)
    assert np.array_equal(results.exit_index, golden.exit)
    assert np.array_equal(results.score, golden.score)
    cycles = predict_cycles(program).exits
    assert results.cycles.tolist() == [cycles[exit_index] for exit_index in golden.exit]

    expected = []
    run_program(
        program, images[:1], watch=lambda _number, _left, memory: expected.append(memory.copy())
    )
    memories = emulator.memory_after_operations(images[0])
    assert len(memories) == len(expected) - 1
    for note, found, memory in zip(compilation.notes, memories, expected, strict=False):
        layers = read_tensor(found[None], note.writes), read_tensor(memory, note.writes)
        assert np.array_equal(*layers), note.layers
