"""The engine out of blocks of iCE40, multipliers and large RAMs as Yosys models them."""

from collections.abc import Iterator

import numpy as np
import pytest

from offramp.golden.engine import run_program
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.host.accelerator import engine_for
from offramp.host.compile import compile_network
from offramp.host.engine_check import EngineCheck
from offramp.host.workflow import splits_of_network
from offramp.hw.engine.delivery import engine_verilog
from offramp.rtl_sim.emulator.accelerator import EngineEmulator
from offramp.rtl_sim.ice40_models import with_ice40_models

CONFIG = ENGINES["8"]


@pytest.fixture(scope="module")
def check() -> Iterator[EngineCheck]:
    verilog = engine_verilog(CONFIG, "ice40")
    # what is not instantiated would be checked elsewhere
    assert verilog.count("\n  SB_MAC16 #(") == CONFIG.macs // 2 + 2
    assert verilog.count("\n  SB_SPRAM256KA ") == 4
    with EngineEmulator(CONFIG, with_ice40_models(verilog), waveform=True) as engine:
        yield EngineCheck(engine)


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_random_operations_equal_the_interpreter(check: EngineCheck, first: int) -> None:
    assert [check.program(seed) for seed in range(first, first + 20)] == [[]] * 20


def test_network_of_the_icebreaker_equals_golden(check: EngineCheck) -> None:
    network = load_network("zoo:blenet-mnist")
    assert engine_for(network, "8") == CONFIG
    digits = splits_of_network(load_network("zoo:digits"), None).test.images[:20]
    # 28 x 28 of 8 x 8
    images = np.pad(digits.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2), (0, 0)))
    compilation = compile_network(network, CONFIG)
    left = run_program(compilation.program, images).exit
    # all operations of the first, whose layers are compared
    chosen = [*np.flatnonzero(left == 1)[:1], *np.flatnonzero(left == 0)[:2]]
    assert left[chosen].tolist() == [1, 0, 0]
    assert check.compilation(compilation, images[chosen]) == []
