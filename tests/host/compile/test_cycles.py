"""Predicted cycles against a walk over all tiles, and the figures that the documents quote."""

from itertools import product

import numpy as np
import pytest

from offramp.golden.network_file import load_network
from offramp.golden.random_network import random_integers, random_topology
from offramp.golden.spec.engine import ENGINES, EngineConfig
from offramp.golden.spec.operation import Operation
from offramp.host.compile import compile_network, fitting_engine, predict_cycles
from offramp.host.compile.cycles import FETCH_CYCLES, issue_cycles


def walk(operation: Operation) -> int:
    """Count the cycles from the first step to the last, tile by tile, kernel row by kernel row."""
    op = operation
    total, wait = 0, 0
    for _, out_row, _, window_row, _ in product(
        *map(range, (op.groups, op.out_rows, op.out_columns, op.window_rows, op.window_columns))
    ):
        cycles = 0
        for kernel_row in range(op.kernel_rows):
            row = op.row_start + out_row * op.out_row_step + window_row * op.window_row_step
            inside = 0 <= row + kernel_row * op.kernel_row_step < op.row_limit
            cycles += op.kernel_columns * op.run_steps if inside else 1
        # a tile ends when the drain of the one before is over
        total += max(cycles, wait)
        wait = op.tile_spacing
    return total


@pytest.mark.parametrize("seed", range(10))
def test_cycles_of_an_operation_are_those_of_its_tiles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = random_topology(lambda low, high: int(rng.integers(low, high + 1)))
    network = random_integers(topology, seed).with_thresholds([0] * (topology.n_exits - 1))
    config = fitting_engine(network, EngineConfig(in_lanes=int(rng.choice([4, 8]))))
    program = compile_network(network, config).program
    for operation in program.operations:
        assert issue_cycles(operation) == walk(operation)


def test_cycles_of_an_exit_are_those_of_the_operations_up_to_it() -> None:
    network = load_network("zoo:blenet-mnist")
    program = compile_network(network, ENGINES["16"]).program
    cycles = predict_cycles(program)
    assert list(cycles.exits) == [0, 1]
    assert cycles.exits[1] == cycles.whole == FETCH_CYCLES + sum(cycles.operations)
    early = next(index for index, operation in enumerate(program.operations) if operation.logits)
    assert 0 < FETCH_CYCLES + sum(cycles.operations[: early + 1]) - cycles.exits[0] < 50


@pytest.mark.parametrize(
    ("name", "engine", "percent"),
    [
        ("resnet8-cifar10", "16", 97),
        ("resnet8-cifar10", "64", 96),
        ("resnet8-cifar10", "128", 91),
        ("blenet-mnist", "16", 65),
        ("lenet3-fashion_mnist", "16", 85),
        ("lenet3-fashion_mnist", "64", 85),
    ],
)
def test_the_array_is_busy(name: str, engine: str, percent: float) -> None:
    network = load_network(f"zoo:{name}")
    config = fitting_engine(network, ENGINES[engine])
    cycles = predict_cycles(compile_network(network, config, branches=False).program).whole
    assert 100 * network.macs_total / (cycles * config.macs) >= percent
