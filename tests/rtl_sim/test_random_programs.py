"""The engine's RTL on random networks and operations: it is the interpreter, byte by byte."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from offramp.golden.spec.engine import ENGINES
from offramp.golden.spec.program import Program
from offramp.host.engine_check import EngineCheck
from offramp.rtl_sim.emulator.accelerator import EngineEmulator


@pytest.fixture(scope="module")
def check() -> Iterator[EngineCheck]:
    with EngineEmulator(ENGINES["16"]) as engine:
        yield EngineCheck(engine)


@pytest.mark.parametrize("seed", range(20))
def test_random_networks_equal_the_interpreter(check: EngineCheck, seed: int) -> None:
    assert check.network(seed) == []


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_random_operations_equal_the_interpreter(check: EngineCheck, first: int) -> None:
    assert [check.program(seed) for seed in range(first, first + 20)] == [[]] * 20


class WrongWeights(EngineEmulator):
    def load(self, program: Program) -> None:
        weights = bytes([program.weights[0] ^ 1, *program.weights[1:]])
        super().load(replace(program, weights=weights))


def test_wrong_bit_of_a_weight_is_seen() -> None:
    with WrongWeights(ENGINES["16"]) as engine:
        wrong = EngineCheck(engine)
        # the first line does not count in all programs
        assert any(wrong.program(seed) for seed in range(20))
        assert any(wrong.network(seed) for seed in range(5))
