"""The engine out of blocks of iCE40, multipliers and large RAMs as Yosys models them."""

from collections.abc import Iterator

import pytest

from offramp.golden.spec.engine import ENGINES
from offramp.host.engine_check import EngineCheck
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
