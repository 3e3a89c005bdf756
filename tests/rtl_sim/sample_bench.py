"""A bench that does what its environment says; to test the runner, not a design."""

import os
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Timer

from offramp.rtl_sim.benches import CLOCK_PERIOD_NS

BEHAVIOUR = os.environ.get("SAMPLE_BENCH", "pass")

if BEHAVIOUR == "import error":
    raise RuntimeError("said so")


if BEHAVIOUR != "no test":

    @cocotb.test(skip=BEHAVIOUR == "skip")
    async def counts_clock_cycles(dut: Any) -> None:
        Clock(dut.clk, CLOCK_PERIOD_NS, unit="ns").start()
        await ClockCycles(dut.clk, 100)
        if BEHAVIOUR == "die":
            os._exit(0)
        assert BEHAVIOUR != "fail"

    @cocotb.test(skip=True)
    async def is_skipped(dut: Any) -> None:
        await Timer(1, unit="ns")
