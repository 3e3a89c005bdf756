"""How fast simulators run the engine: the emulator, cocotb on Verilator, Amaranth's own.

Each counts the cycles of images alone, their program being loaded, by the CPU time of its process.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.sim import Simulator

from ..hw.engine.delivery import MODULE_NAME, engine_verilog
from ..hw.engine.engine import Engine
from .emulator.accelerator import EngineEmulator
from .engine_case import EngineCase
from .runner import BenchError, run_bench

# by name: what only the simulator's process needs stays out of this one
_BENCH = "offramp.rtl_sim.benches.engine_rate"

EMULATOR_SECONDS = 2
"""The emulator runs the images again and again for so long."""


@dataclass(frozen=True)
class EngineSpeed:
    """Cycles a second of CPU time.

    Attributes
    ----------
    emulator, cocotb, amaranth : float
    restarts : tuple of int
        Cycles from the decision that takes an exit to the first operands of the next image in the
        array, that image being there.
    """

    emulator: float
    cocotb: float
    amaranth: float
    restarts: tuple[int, ...]


def measure_engine_speed(case: EngineCase, *, work: Path) -> EngineSpeed:
    """Run the images of a case on all simulators; Amaranth's own runs the first one only.

    Parameters
    ----------
    case : EngineCase
        Two images at least.
    work : Path
        Folder for cocotb's build, logs and results.

    Raises
    ------
    BenchError
        A result is not the right one.
    """
    work.mkdir(parents=True, exist_ok=True)
    path, found = (work / "case.json").resolve(), (work / "rate.json").resolve()
    case.write(path)
    run_bench(
        _BENCH,
        engine_verilog(case.program.config),
        MODULE_NAME,
        work=work,
        environment={"OFFRAMP_ENGINE_CASE": str(path), "OFFRAMP_ENGINE_RATE": str(found)},
    )
    cocotb = json.loads(found.read_text())
    return EngineSpeed(
        emulator=_emulator_rate(case),
        cocotb=cocotb["cycles"] / cocotb["seconds"],
        amaranth=_amaranth_rate(case),
        restarts=tuple(cocotb["restarts"]),
    )


def _emulator_rate(case: EngineCase) -> float:
    images = np.stack([np.frombuffer(image, np.uint8) for image in case.images])
    right = [result.cycles for result in case.results]
    with EngineEmulator(case.program.config) as emulator:
        emulator.load(case.program)
        first, start = emulator.cycles, time.process_time()
        while (spent := time.process_time() - start) < EMULATOR_SECONDS:
            _require(emulator.run(images).cycles.tolist(), right, "the emulator")
        return (emulator.cycles - first) / spent


def _amaranth_rate(case: EngineCase) -> float:
    program, image = case.program, case.images[0]
    engine = Engine(program.config)
    rates = []

    async def bench(ctx):  # type: ignore[no-untyped-def]
        ctx.set(engine.load_enable, 1)
        for memory, words in enumerate(case.memories):
            ctx.set(engine.load.memory, memory)
            for address, word in enumerate(words):
                ctx.set(engine.load.address, address)
                ctx.set(engine.load.data, word)
                await ctx.tick()
        ctx.set(engine.load_enable, 0)
        ctx.set(engine.image_base, program.image_base)
        ctx.set(engine.image_stride, program.image_stride)
        ctx.set(engine.image_words, program.image_words)
        for port, threshold in zip(engine.thresholds, program.thresholds, strict=False):
            ctx.set(port, threshold)
        ctx.set(engine.enable, 1)
        cycles, start = 0, time.process_time()
        for k in range(0, len(image), 4):
            ctx.set(engine.i.valid, 1)
            for lane in range(4):
                ctx.set(engine.i.payload.data[lane], image[k + lane])
            ctx.set(engine.i.payload.last, k + 4 == len(image))
            # both buffers are empty
            _require(ctx.get(engine.i.ready), 1, "Amaranth's simulator")
            await ctx.tick()
            cycles += 1
        ctx.set(engine.i.valid, 0)
        async for _clock, _reset, offered in ctx.tick().sample(engine.o.valid):
            cycles += 1
            if offered:
                break
        seconds = time.process_time() - start
        found = [ctx.get(engine.o.payload.label), ctx.get(engine.o.payload.cycles)]
        right = case.results[0]
        _require(found, [right.label, right.cycles], "Amaranth's simulator")
        rates.append(cycles / seconds)

    simulator = Simulator(engine)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return rates[0]


def _require(found: object, right: object, where: str) -> None:
    if found != right:
        raise BenchError(f"Results of {where} must be {right}, not {found}")
