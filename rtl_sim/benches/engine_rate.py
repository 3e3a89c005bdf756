"""How fast cocotb runs the engine, and how soon the next image begins behind a decision.

Reads a case from the file that the environment names, and writes what it finds to another.
"""

# mypy: disable-error-code="untyped-decorator"
# cocotb types its decorators in part only

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

from ..engine_case import EngineCase
from . import CLOCK_PERIOD_NS
from .stream import cycle_now

CASE = EngineCase.read(Path(os.environ["OFFRAMP_ENGINE_CASE"]))
FOUND = Path(os.environ["OFFRAMP_ENGINE_RATE"])
PROGRAM = CASE.program

# some times what loading and images take on the largest engine
WATCHDOG: dict[str, Any] = {"timeout_time": 5, "timeout_unit": "ms"}


async def load(dut: Any) -> None:
    """Reset the engine and write the program into its memories."""
    Clock(dut.clk, CLOCK_PERIOD_NS, unit="ns").start()
    for name in ("i_valid", "i_spoiled", "o_ready", "hold", "enable", "load_enable"):
        getattr(dut, name).value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    dut.image_base.value = PROGRAM.image_base
    dut.image_stride.value = PROGRAM.image_stride
    dut.image_words.value = PROGRAM.image_words
    for exit_index, threshold in enumerate(PROGRAM.thresholds):
        port = getattr(dut, f"threshold_{exit_index}")
        port.value = threshold & ((1 << len(port)) - 1)
    dut.load_enable.value = 1
    for memory, words in enumerate(CASE.memories):
        dut.load_memory.value = memory
        for address, word in enumerate(words):
            dut.load_address.value = address
            dut.load_data.value = word
            await RisingEdge(dut.clk)
    dut.load_enable.value = 0
    dut.enable.value = 1
    dut.o_ready.value = 1


async def send(dut: Any, images: Sequence[bytes]) -> None:
    """Offer images, from the next rising edge on, and wait for nothing else than the engine."""
    await RisingEdge(dut.clk)
    for image in images:
        for start in range(0, len(image), 4):
            dut.i_valid.value = 1
            dut.i_data.value = int.from_bytes(image[start : start + 4], "little")
            dut.i_last.value = start + 4 == len(image)
            await FallingEdge(dut.clk)
            if not dut.i_ready.value:
                await RisingEdge(dut.i_ready)
            await RisingEdge(dut.clk)
    dut.i_valid.value = 0


@cocotb.test(**WATCHDOG)
async def images_run_at_cocotbs_speed(dut: Any) -> None:
    await load(dut)
    first, start = cycle_now(), time.process_time()
    cocotb.start_soon(send(dut, CASE.images))
    for right in CASE.results:
        await RisingEdge(dut.o_valid)
        await FallingEdge(dut.clk)
        found = [int(getattr(dut, f"o_{name}").value) for name in ("label", "exit_index", "cycles")]
        assert found == [right.label, right.exit_index, right.cycles]
    spent = {"cycles": cycle_now() - first, "seconds": time.process_time() - start}

    # again, looking at every cycle: from the decision that takes an exit to the first operands
    cocotb.start_soon(send(dut, CASE.images))
    restarts: list[int] = []
    decided, results = None, 0
    while len(restarts) < len(CASE.images) - 1:
        await FallingEdge(dut.clk)
        if dut.core.decision_unit.o__valid.value:
            decided = cycle_now()
        if results > len(restarts) and dut.core.mac_array.valid.value:
            assert decided is not None
            restarts.append(cycle_now() - decided)
        results += bool(dut.o_valid.value)
    FOUND.write_text(json.dumps({**spent, "restarts": restarts}))
