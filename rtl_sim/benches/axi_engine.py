"""Bench of the engine with buses, with third-party bus models that stall.

Reads the case from the file that the environment names: a program, images, the right results.
Memories keep what they hold from test to test.
"""

# mypy: disable-error-code="untyped-decorator"
# cocotb types its decorators in part only

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from ...golden.spec.decision_streams import unpack
from ...golden.spec.engine_registers import (
    FLAGS,
    MAGIC,
    MEMORIES,
    WATCHDOG_CYCLES,
    engine_registers,
    load_words,
)
from ...golden.spec.engine_streams import RESULT_FIELDS
from ...golden.spec.operation import WORDS, Operation
from ...golden.spec.registers import WORD_BYTES
from ..engine_case import EngineCase
from . import CLOCK_PERIOD_NS
from .stream import stalls

CASE = EngineCase.read(Path(os.environ["OFFRAMP_ENGINE_CASE"]))
PROGRAM = CASE.program
CONFIG = PROGRAM.config
REGISTERS = engine_registers(CONFIG)
QUICK = sorted(range(len(CASE.images)), key=lambda k: CASE.results[k].cycles)
"""Images, those first that leave early."""
LONGEST = max(result.cycles for result in CASE.results)

# ten times what the longest test needs: it ends a bench that hangs
WATCHDOG: dict[str, Any] = {"timeout_time": 2, "timeout_unit": "ms"}


class TB:
    """The engine between bus models.

    Parameters
    ----------
    dut : simulator handle
    idle, stall : str
        How those pause that offer something, and those that take it; names of `STALLS`.
    """

    loaded = False
    """Whether the memories hold the program, from whatever test."""

    def __init__(self, dut: Any, idle: str = "never", stall: str = "never"):
        self.dut = dut
        ends = {"clock": dut.aclk, "reset": dut.aresetn, "reset_active_level": False}
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), **ends)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), **ends)
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), **ends)
        write, read = self.master.write_if, self.master.read_if
        offering = (self.source, write.aw_channel, write.w_channel, read.ar_channel)
        taking = (self.sink, write.b_channel, read.r_channel)
        for model in (*offering, *taking, write, read):
            # a line for each transfer costs more time than the transfer
            model.log.setLevel(logging.WARNING)
        for rate, models in ((idle, offering), (stall, taking)):
            if rate != "never":
                for seed, model in enumerate(models):
                    model.set_pause_generator(stalls(rate, seed))

    async def start(self) -> None:
        """Start the clock, reset the engine, load and enable it."""
        Clock(self.dut.aclk, CLOCK_PERIOD_NS, unit="ns").start()
        await self.reset()
        if not TB.loaded:
            await self.load_program()
            await self.load("channels", PROGRAM.channels)
            await self.load("weights", words_of(PROGRAM.weights))
            TB.loaded = True
        await self.configure()
        await self.write("control", enable=1)

    async def reset(self, cycles: int = 2) -> None:
        """Reset the engine and the bus models."""
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, cycles)
        self.dut.aresetn.value = 1
        await RisingEdge(self.dut.aclk)

    async def configure(self) -> None:
        """Write the settings of the program."""
        await self.write("image_base", word=PROGRAM.image_base // WORD_BYTES)
        await self.write("image_stride", word=PROGRAM.image_stride // WORD_BYTES)
        await self.write("image_words", words=PROGRAM.image_words)
        for exit_index, threshold in enumerate(PROGRAM.thresholds):
            await self.write("threshold", exit_index, score=threshold)
        await self.write("interrupt_enable", **dict.fromkeys(FLAGS, 1))

    async def load(self, memory: str, words: Iterable[int], address: int = 0) -> None:
        """Write words into a memory."""
        await self.write("load_address", memory=MEMORIES.index(memory), word=address)
        for word in words:
            await self.write("load_data", word=word)

    async def load_program(self, number: int | None = None, **changes: Any) -> None:
        """Write the program, or one operation of it with some fields changed."""
        if number is None:
            await self.load("program", PROGRAM.words)
            return
        operation: Operation = replace(PROGRAM.operations[number], **changes)
        await self.load("program", operation.encode(), number * len(WORDS))

    async def try_write(self, name: str, *index: int, **fields: int) -> bool:
        """Write the fields of a register; return whether it took them."""
        register = REGISTERS[name]
        word = register.pack(fields).to_bytes(WORD_BYTES, "little")
        answer = await self.master.write(register.address(*index), word)
        return bool(answer.resp == AxiResp.OKAY)

    async def write(self, name: str, *index: int, **fields: int) -> None:
        """Write the fields of a register, which must take them."""
        assert await self.try_write(name, *index, **fields), f"{name} must take {fields}"

    async def read(self, name: str, *index: int) -> int:
        """Read a register."""
        answer = await self.master.read(REGISTERS.address(name, *index), WORD_BYTES)
        assert answer.resp == AxiResp.OKAY, f"{name}{list(index)} must be readable"
        return int.from_bytes(answer.data, "little")

    async def status(self) -> dict[str, int]:
        """Read the fields of the status."""
        return REGISTERS["status"].unpack(await self.read("status"))

    def send(self, *numbers: int) -> None:
        """Queue images."""
        for number in numbers:
            self.source.send_nowait(AxiStreamFrame(CASE.images[number]))

    async def receive(self) -> dict[str, int]:
        """Wait for a result and return its fields."""
        frame = await self.sink.recv()
        assert len(frame.tdata) == 8
        return unpack(RESULT_FIELDS, int.from_bytes(frame.tdata, "little"))

    async def expect(self, *numbers: int | None) -> None:
        """Wait for the right results of images; None stands for one that is dropped."""
        for number in numbers:
            result = await self.receive()
            if number is None:
                assert result["error"], f"image must be dropped, but gave {result}"
                continue
            right = {"error": 0, **CASE.results[number].__dict__}
            assert result == right, f"result of image {number} must be {right}, not {result}"

    async def errors(self) -> set[str]:
        """Return the flags that are set, and clear them."""
        word = await self.read("errors")
        assert bool(self.dut.irq.value) == bool(word)
        flags = REGISTERS["errors"].unpack(word)
        await self.write("errors", **flags)
        await ClockCycles(self.dut.aclk, 2)
        assert not self.dut.irq.value
        return {name for name, value in flags.items() if value}

    async def settle(self) -> None:
        """Wait until nothing is inside."""
        while (await self.status())["working"]:
            pass


def words_of(content: bytes) -> list[int]:
    """Return bytes as words."""
    return [
        int.from_bytes(content[k : k + WORD_BYTES], "little")
        for k in range(0, len(content), WORD_BYTES)
    ]


def frame_of(content: bytes, missing: Sequence[int] = ()) -> AxiStreamFrame:
    """Return an image with TKEEP at 0 for some bytes."""
    keep = [int(place not in missing) for place in range(len(content))]
    return AxiStreamFrame(content, tkeep=keep)


async def started(dut: Any, idle: str = "never", stall: str = "never") -> TB:
    tb = TB(dut, idle, stall)
    await tb.start()
    return tb


@cocotb.test(**WATCHDOG)
async def registers_say_what_is_there(dut: Any) -> None:
    tb = await started(dut)
    assert await tb.read("magic") == MAGIC
    assert await tb.read("watchdog") == WATCHDOG_CYCLES
    for name in ("version", "array", "decision", "activation_bytes", "program_words"):
        assert await tb.read(name) == REGISTERS[name].reset
    answer = await tb.master.read(0xFFC, WORD_BYTES)
    assert answer.resp == AxiResp.SLVERR


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(idle=["never", "random"], stall=["never", "mostly"])
async def results_are_right(dut: Any, idle: str, stall: str) -> None:
    tb = await started(dut, idle, stall)
    numbers = QUICK if idle == stall == "never" else QUICK[:4]
    tb.send(*numbers)
    # the bus of the registers is busy meanwhile
    while (await tb.read("images")) < len(numbers):
        await tb.read("left", 0)
    await tb.expect(*numbers)
    await tb.settle()
    assert await tb.errors() == set()
    right = [CASE.results[number] for number in numbers]
    for exit_index in range(CONFIG.decision.n_exits):
        expected = sum(result.exit_index == exit_index for result in right)
        assert await tb.read("left", exit_index) == expected
    assert await tb.read("dropped") == 0
    # the first cycle of an image is its cycle 0
    cycles = await tb.read("cycles_low")
    assert cycles == sum(result.cycles + 1 for result in right)
    assert await tb.read("cycles_high") == 0
    await tb.write("control", enable=1, clear_counters=1)
    assert [await tb.read(name) for name in ("images", "dropped", "cycles_low")] == [0, 0, 0]
    assert await tb.read("left", 0) == 0


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(cycles=[3, 40, 300, CASE.results[QUICK[0]].cycles + 30])
async def reset_leaves_nothing_behind(dut: Any, cycles: int) -> None:
    tb = await started(dut, idle="random")
    tb.send(*QUICK[:3])
    await ClockCycles(dut.aclk, cycles)
    tb.source.clear()
    await tb.reset()
    assert await tb.status() == {"working": 0, "held": 0, "receiving": 0}
    tb.sink.clear()
    await tb.configure()
    await tb.write("control", enable=1)
    tb.send(*QUICK[:2])
    await tb.expect(*QUICK[:2])


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(cycles=[1, 9, 60, 200, CASE.results[QUICK[0]].cycles + 45])
async def abort_drops_what_is_inside(dut: Any, cycles: int) -> None:
    tb = await started(dut)
    tb.send(*QUICK[:3])
    await ClockCycles(dut.aclk, cycles)
    before = await tb.read("images") + (await tb.status())["receiving"]
    given = tb.sink.count()
    await tb.write("control", enable=0, abort=1)
    # what has come is answered, some of it perhaps before the abort
    tb.source.clear()
    await tb.settle()
    # an image whose first beat is offered stays so
    waiting = [] if tb.source.idle() else [QUICK[await tb.read("images")]]
    results = [await tb.receive() for _ in range(await tb.read("images"))]
    assert len(results) >= before
    assert all(result["error"] for result in results[given + 1 :])
    assert results[-1]["error"]
    dropped = sum(result["error"] for result in results)
    assert await tb.read("dropped") == dropped
    # a whole program anew, and the next image
    await tb.load_program()
    await tb.write("control", enable=1)
    tb.send(*QUICK[:2])
    await tb.expect(*waiting, *QUICK[:2])
    assert await tb.errors() == set()


@cocotb.test(**WATCHDOG)
async def results_wait_for_the_receiver(dut: Any) -> None:
    tb = await started(dut)
    tb.sink.pause = True
    tb.send(*QUICK[:2] * 3)
    # those that fit are inside; their watchdog does not count while they wait
    await tb.write("watchdog", cycles=CASE.results[QUICK[1]].cycles)
    await ClockCycles(dut.aclk, 8 * CASE.results[QUICK[1]].cycles)
    assert dut.m_axis_tvalid.value
    assert await tb.read("images") < 6
    tb.sink.pause = False
    await tb.expect(*QUICK[:2] * 3)
    assert await tb.errors() == set()


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(stall=["never", "mostly"])
async def images_of_another_size_are_dropped_alone(dut: Any, stall: str) -> None:
    tb = await started(dut, stall=stall)
    first, second = QUICK[:2]
    image = CASE.images[first]
    for content, flag in (
        (image[:-4], "image_short"),
        (image[:4], "image_short"),
        (image + bytes(4), "image_long"),
        (image + bytes(40), "image_long"),
    ):
        tb.send(first)
        tb.source.send_nowait(AxiStreamFrame(content))
        tb.source.send_nowait(AxiStreamFrame(content))
        tb.send(second)
        await tb.expect(first, None, None, second)
        assert await tb.errors() == {flag}
    for missing in ([0], [5], [len(image) - 2], [len(image) - 4]):
        tb.source.send_nowait(frame_of(image, missing))
        tb.send(second)
        await tb.expect(None, second)
        assert await tb.errors() == {"image_keep"}
    # the last bytes of an image may lack: they mean nothing where it ends in mid-word
    tb.source.send_nowait(frame_of(image[:-1] + b"\xa5", [len(image) - 1]))
    assert not (await tb.receive())["error"]
    assert await tb.read("dropped") == 12


@cocotb.test(**WATCHDOG)
async def illegal_programs_are_reported_and_the_next_image_is_right(dut: Any) -> None:
    tb = await started(dut)
    classifier = next(k for k, op in enumerate(PROGRAM.operations) if op.logits)
    more_groups = PROGRAM.operations[classifier].groups + CONFIG.decision.n_classes
    bad: list[tuple[str, int, dict[str, int]]] = [
        ("descriptor", 0, {"out_base": CONFIG.activation_bytes}),
        ("read", 0, {"source_base": CONFIG.activation_bytes - 1}),
        ("write", 0, {"out_base": CONFIG.activation_bytes - CONFIG.requantizers}),
        ("weights", 0, {"weight_base": CONFIG.weight_lines - 1}),
        ("channels", 0, {"channel_base": CONFIG.channel_lines - 1}),
        # more logits than classes, and one alone
        ("classes", classifier, {"groups": more_groups}),
        ("classes", classifier, {"groups": 1, "last_group_steps": 1}),
    ]
    for flag, number, changes in bad:
        await tb.load_program(number, **changes)
        tb.send(*QUICK[:3])
        await tb.expect(None, None, None)
        assert await tb.errors() == {flag}
        # the images may still be in their buffers: none is worked on
        await tb.settle()
        await tb.load_program(number)
        tb.send(*QUICK[:2])
        await tb.expect(*QUICK[:2])
        assert await tb.errors() == set()


@cocotb.test(**WATCHDOG)
async def a_program_without_end_is_reported(dut: Any) -> None:
    tb = await started(dut)
    last = len(PROGRAM.operations)
    # the same operation, which does little, up to the end of the memory
    small = replace(
        PROGRAM.operations[0], out_rows=1, out_columns=1, groups=1, kernel_rows=1, pool=False,
        window_rows=1, window_columns=1,
    )  # fmt: skip
    n_words = CONFIG.program_words
    filler = small.encode() * (n_words // len(WORDS) + 1)
    await tb.load("program", filler[:n_words])
    tb.send(QUICK[0])
    await tb.expect(None)
    assert await tb.errors() == {"program"}
    await tb.load("program", [*PROGRAM.words, *[0] * (n_words - last * len(WORDS))])
    tb.send(QUICK[0])
    await tb.expect(QUICK[0])


@cocotb.test(**WATCHDOG)
async def watchdog_is_exact(dut: Any) -> None:
    tb = await started(dut)
    number = QUICK[0]
    cycles = CASE.results[number].cycles
    for limit, dropped in ((cycles, False), (cycles - 1, True), (1, True), (cycles, False)):
        await tb.settle()
        await tb.write("watchdog", cycles=limit)
        tb.send(number)
        await tb.expect(None if dropped else number)
        assert await tb.errors() == ({"watchdog"} if dropped else set())
    assert not await tb.try_write("watchdog", cycles=0)


@cocotb.test(**WATCHDOG)
async def a_held_engine_shows_its_memory(dut: Any) -> None:
    tb = await started(dut)
    await tb.write("control", enable=1, hold=1)
    await tb.write("watchdog", cycles=CASE.results[QUICK[0]].cycles)
    tb.send(QUICK[0])
    while not (await tb.status())["held"]:
        pass
    await ClockCycles(dut.aclk, 1000)
    await tb.write("peek_address", word=PROGRAM.image_base // WORD_BYTES)
    seen = [await tb.read("peek_data") for _ in range(PROGRAM.image_words)]
    assert seen == words_of(CASE.images[QUICK[0]])
    await tb.write("control", enable=1)
    frame = await tb.receive()
    right = CASE.results[QUICK[0]]
    assert (frame["error"], frame["label"], frame["score"]) == (0, right.label, right.score)
    # its cycles count on, the watchdog's do not
    assert frame["cycles"] > right.cycles + 1000
    assert await tb.errors() == set()


@cocotb.test(**WATCHDOG)
async def loading_waits_for_an_idle_engine(dut: Any) -> None:
    tb = await started(dut)
    tb.send(*QUICK[:2])
    await ClockCycles(dut.aclk, 60)
    assert not await tb.try_write("load_address", word=0)
    assert not await tb.try_write("load_data", word=0)
    assert not await tb.try_write("image_base", word=0)
    assert not await tb.try_write("image_words", words=1)
    await tb.expect(*QUICK[:2])
    for memory, n_words in zip(MEMORIES, load_words(CONFIG), strict=True):
        await tb.load(memory, [0], n_words - 1)
        assert await tb.errors() == set()
        await tb.write("load_data", word=1)
        assert await tb.errors() == {"load"}
    tb.send(QUICK[0])
    await tb.expect(QUICK[0])


@cocotb.test(**WATCHDOG)
async def a_disabled_engine_finishes_images_and_begins_none(dut: Any) -> None:
    tb = await started(dut)
    tb.send(*QUICK[:3])
    while not dut.s_axis_tready.value or not dut.s_axis_tvalid.value:
        await RisingEdge(dut.aclk)
    await tb.write("control", enable=0)
    await tb.settle()
    n = await tb.read("images")
    assert 0 < n < 3
    await tb.expect(*QUICK[:n])
    await ClockCycles(dut.aclk, 200)
    assert await tb.read("images") == n
    await tb.write("control", enable=1)
    await tb.expect(*QUICK[n:3])


@cocotb.test(**WATCHDOG)
async def interrupts_are_enabled_one_by_one(dut: Any) -> None:
    tb = await started(dut)
    await tb.write("interrupt_enable", image_long=1)
    tb.source.send_nowait(AxiStreamFrame(CASE.images[0][:4]))
    await tb.expect(None)
    await ClockCycles(dut.aclk, 3)
    assert not dut.irq.value
    await tb.write("interrupt_enable", image_short=1)
    await ClockCycles(dut.aclk, 3)
    assert await tb.errors() == {"image_short"}
