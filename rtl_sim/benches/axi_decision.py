"""Bench of the decision unit with buses, against the golden model, with third-party bus models.

Reads the configuration from the environment like the bench of the unit without buses, and

- ``OFFRAMP_BENCH_VECTORS``: vectors under each pair of stalls, 150 unless given.
"""

# mypy: disable-error-code="untyped-decorator"
# cocotb types its decorators in part only

import logging
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, repeat
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

from ...golden.bank import Vector
from ...golden.spec.criteria import Criterion
from ...golden.spec.decision_registers import decision_registers
from ...golden.spec.decision_streams import beat_bytes, logit_bytes, pack, user_fields
from ...golden.spec.registers import WORD_BYTES, WORD_MASK
from ...hw.decision.axi import AxiDecisionUnit
from . import CLOCK_PERIOD_NS
from .bus_watcher import BusWatcher
from .decision import CONFIG
from .stream import STALLS, stalls

UNIT = AxiDecisionUnit(CONFIG)
# of a vector of full length, which takes the longest
LATENCY = UNIT.latency(CONFIG.n_classes)
REGISTERS = decision_registers(CONFIG)
THRESHOLD = REGISTERS["threshold"].field("score")
SETTINGS = [register for register in REGISTERS.registers if register.writable and register.arrays]
"""The registers of the exits."""
N_VECTORS = int(os.environ.get("OFFRAMP_BENCH_VECTORS", "150"))
SHORT = 4 if Criterion.ENTROPY in CONFIG.criteria else 2 * CONFIG.lanes + 1
"""Logits of the shortest vectors that flow without a bubble: those of 3 beats, or of 4."""
N_SAMPLES = 8
"""Tags that vectors have with patience: few, so that samples come again."""

# ten times what the longest test needs: it ends a bench that hangs
WATCHDOG: dict[str, Any] = {
    "timeout_time": 50 * (10 + CONFIG.n_classes) * (3 if Criterion.GATE in CONFIG.criteria else 1),
    "timeout_unit": "us",
}


class TB:
    """The unit between bus models, watched.

    Parameters
    ----------
    dut : simulator handle
    idle, stall : str
        How those pause that offer something, and those that take it; names of `STALLS`.
    """

    def __init__(self, dut: Any, idle: str = "never", stall: str = "never"):
        self.dut = dut
        self.watcher = BusWatcher(dut, CONFIG)
        ends = {"clock": dut.aclk, "reset": dut.aresetn, "reset_active_level": False}
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), **ends)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), **ends)
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), **ends)
        write, read = self.master.write_if, self.master.read_if
        offering = (self.source, write.aw_channel, write.w_channel, read.ar_channel)
        taking = (self.sink, write.b_channel, read.r_channel)
        for model in (self.source, self.sink, *offering[1:], *taking[1:]):
            # a line for each transfer costs more time than the transfer
            model.log.setLevel(logging.WARNING)
        for rate, models in ((idle, offering), (stall, taking)):
            if rate != "never":
                for seed, model in enumerate(models):
                    model.set_pause_generator(stalls(rate, seed))
        write.log.setLevel(logging.WARNING)
        read.log.setLevel(logging.WARNING)
        # samples that have begun since the reset
        self._begun: set[int] = set()

    async def start(self) -> None:
        """Start clock and watcher, and reset the unit."""
        Clock(self.dut.aclk, CLOCK_PERIOD_NS, unit="ns").start()
        cocotb.start_soon(self.watcher.run())
        await self.reset()

    async def reset(self, cycles: int = 2) -> None:
        """Reset the unit and the bus models."""
        self._begun.clear()
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, cycles)
        self.dut.aresetn.value = 1
        await RisingEdge(self.dut.aclk)

    async def write(self, name: str, *index: int, **fields: int) -> None:
        """Write the fields of a register, which must be legal."""
        register = REGISTERS[name]
        word = register.pack(fields)
        answer = await self.master.write(register.address(*index), word.to_bytes(4, "little"))
        assert answer.resp == AxiResp.OKAY, f"{name}{list(index)} must take {fields}"

    async def read(self, name: str, *index: int) -> int:
        """Read a register."""
        answer = await self.master.read(REGISTERS.address(name, *index), WORD_BYTES)
        assert answer.resp == AxiResp.OKAY, f"{name}{list(index)} must be readable"
        return int.from_bytes(answer.data, "little")

    def send(self, vector: Vector) -> None:
        """Queue a vector; what only its last beat carries is wrong in the others.

        With patience a sample begins at exit 0, whatever the vector says: what its memory holds
        after a reset is not defined.
        """
        if Criterion.PATIENCE in CONFIG.criteria and vector.tag not in self._begun:
            vector = replace(vector, exit_index=0)
        self._begun.add(vector.tag)
        n_bytes = logit_bytes(CONFIG)
        data = b"".join(logit.to_bytes(n_bytes, "little", signed=True) for logit in vector.logits)
        user = pack(user_fields(CONFIG), {"exit_index": vector.exit_index, "tag": vector.tag})
        wrong = ~user & ((1 << sum(field.width for field in user_fields(CONFIG))) - 1)
        n_before = (len(vector.logits) - 1) // CONFIG.lanes * CONFIG.lanes * n_bytes
        users = [wrong] * n_before + [user] * (len(data) - n_before)
        keep = [1] * len(data)
        if not vector.keep:
            # with several lanes it may be that what is left is legal: the watcher knows
            keep[(vector.tag + vector.logits[0]) % len(data)] = 0
        if CONFIG.lanes > 1:
            # what is left out would be a label
            missing = beat_bytes(CONFIG) - (len(data) - n_before)
            largest = CONFIG.logit_format.high.to_bytes(n_bytes, "little") * CONFIG.lanes
            data += largest[:missing]
            keep += [0] * missing
            users += [user] * missing
        self.source.send_nowait(AxiStreamFrame(data, tkeep=keep, tuser=users))

    async def wait_for_sweep(self) -> None:
        """Wait until the counters are swept after the reset: no read is answered before."""
        await self.read("seen", 0)

    async def settle(self) -> None:
        """Wait until all that was sent is decided and counted."""
        while not (self.source.idle() and self.watcher.pending == 0):
            await RisingEdge(self.dut.aclk)
        await ClockCycles(self.dut.aclk, LATENCY)
        assert self.watcher.pending == 0

    async def check_all_registers(self) -> None:
        """Read every register; the watcher knows what it must be, and nothing else goes on."""
        for register in REGISTERS.registers:
            for address in register.addresses:
                await self.master.read(address, WORD_BYTES)


def random_vector(rng: random.Random, *, illegal: float = 0.15) -> Vector:
    """Return a vector of any length, near ties more often than not."""
    length = rng.choice([2, 3, CONFIG.n_classes, rng.randint(2, CONFIG.n_classes)])
    if rng.random() < illegal:
        excess = rng.randint(1, 5 * CONFIG.lanes)
        length = rng.choice([1, CONFIG.n_classes + 1, CONFIG.n_classes + excess])
    bounds = CONFIG.logit_format
    spread = rng.choice([0, 3, 1 << CONFIG.fraction_bits, bounds.high])
    logits = [max(bounds.low, -rng.randint(0, 2 * spread)) for _ in range(length)]
    logits[rng.randrange(length)] = rng.randint(0, bounds.high)
    # the exit index of the bus may go beyond the exits
    legal = rng.random() >= illegal
    exits = CONFIG.n_exits if legal else 1 << CONFIG.exit_index_width
    patient = Criterion.PATIENCE in CONFIG.criteria
    return Vector(
        logits=tuple(logits),
        exit_index=rng.randrange(exits),
        tag=rng.getrandbits(CONFIG.tag_width) % (N_SAMPLES if patient else 1 << CONFIG.tag_width),
        keep=rng.random() >= illegal / 3,
    )


def random_word(rng: random.Random) -> int:
    """Return a word that a register may or may not take."""
    low, high = THRESHOLD.bounds
    small = rng.randint(max(low, -300) - 1, min(high, 300) + 1) & WORD_MASK
    return rng.choice([0, 1, 2, 3, 0x101, small, small, small, rng.getrandbits(32)])


def random_settings(rng: random.Random) -> tuple[int, int]:
    """Return address and word of a legal write to a register of an exit."""
    register = rng.choice(SETTINGS)
    values = {}
    for field in register.fields:
        low, high = field.bounds
        if field.choices:
            values[field.name] = rng.choice(field.choices)
        elif field.name == "enable":
            values[field.name] = int(rng.random() < 0.8)
        else:
            # of a wide range mostly the middle: there the scores are
            reach = rng.choice([1, 10, 300, 1 << 14, max(-low, high)])
            values[field.name] = min(high, max(low, rng.randint(-reach, reach)))
    return rng.choice(list(register.addresses)), register.pack(values)


async def access_at_random(tb: TB, seed: int, count: int) -> None:
    """Read and write, legally or not; the watcher knows the answers."""
    rng = random.Random(seed)
    addresses = [address for register in REGISTERS.registers for address in register.addresses]
    writable = [
        address
        for register in REGISTERS.registers
        for address in register.addresses
        if register.writable
    ]
    for _ in range(count):
        kind = rng.random()
        address = rng.choice(writable if kind < 0.6 else addresses)
        if kind < 0.05:
            address = rng.randrange(0, 1 << REGISTERS.address_width, WORD_BYTES)
        if kind < 0.1:
            # part of a word, or across two
            offset, length = rng.randrange(WORD_BYTES), rng.randrange(1, WORD_BYTES)
            address = min(address + offset, (1 << REGISTERS.address_width) - WORD_BYTES)
            await tb.master.write(address, rng.randbytes(length))
            await tb.master.read(address, length)
        elif kind < 0.3:
            address, word = random_settings(rng)
            await tb.master.write(address, word.to_bytes(4, "little"))
        elif kind < 0.5:
            await tb.master.write(address, random_word(rng).to_bytes(4, "little"))
        else:
            await tb.master.read(address, WORD_BYTES)
        if rng.random() < 0.3:
            # the unit is not disabled for long
            await tb.write("control", enable=1)


async def started(dut: Any, idle: str = "never", stall: str = "never") -> TB:
    tb = TB(dut, idle, stall)
    await tb.start()
    return tb


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(idle=list(STALLS), stall=list(STALLS))
async def random_traffic_equals_golden(dut: Any, idle: str, stall: str) -> None:
    tb = await started(dut, idle, stall)
    rng = random.Random(f"{idle} {stall}")
    for _ in range(N_VECTORS):
        tb.send(random_vector(rng))
    await access_at_random(tb, seed=3, count=N_VECTORS)
    await tb.write("control", enable=1)
    await tb.settle()
    await tb.check_all_registers()
    assert tb.watcher.decisions == tb.watcher.vectors == N_VECTORS
    assert tb.watcher.errors > 0


@cocotb.test(**WATCHDOG)
async def thresholds_race_with_vectors(dut: Any) -> None:
    tb = await started(dut)
    # as near to each other as they come: each vector's exit depends on the value in that cycle
    await tb.write("control", enable=1)
    await tb.wait_for_sweep()
    for _ in range(200):
        tb.send(Vector(logits=(1 << CONFIG.fraction_bits, 0, -1)[: CONFIG.n_classes]))
    for place in range(40):
        await tb.write("threshold", 0, score=THRESHOLD.bounds[place % 2])
        await ClockCycles(dut.aclk, place % 5)
    await tb.settle()
    await tb.check_all_registers()
    exited = await tb.read("exited", 0)
    # some before each write, some after
    assert 0 < exited < 200


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(cycles=sorted({*range(1, 8), LATENCY, LATENCY + 1, LATENCY + 2, 30}))
async def reset_in_mid_vector_leaves_nothing_behind(dut: Any, cycles: int) -> None:
    tb = await started(dut, stall="random")
    for first in (True, False):
        await tb.write("control", enable=1)
        await tb.write("threshold", 0, score=THRESHOLD.bounds[0])
        rng = random.Random(cycles)
        for _ in range(12):
            tb.send(random_vector(rng))
        if first:
            # some accesses and decisions are under way; the models drop what they have begun
            accesses = cocotb.start_soon(access_at_random(tb, seed=cycles, count=100))
            await ClockCycles(dut.aclk, cycles)
            accesses.cancel()
            tb.source.clear()
            await tb.reset()
            await ClockCycles(dut.aclk, 2 * LATENCY)
            # the control register says so, too
            assert await tb.read("control") == 0
            assert tb.watcher.pending == 0
    await tb.settle()
    await tb.check_all_registers()


@cocotb.test(**WATCHDOG)
async def every_address_answers_as_golden(dut: Any) -> None:
    tb = await started(dut)
    rng = random.Random(9)
    for address in range(0, 1 << REGISTERS.address_width, WORD_BYTES):
        # the registers, what lies next to them, and some of the rest
        known = REGISTERS.find(address) or REGISTERS.find(address - WORD_BYTES)
        if known is None and rng.random() < 0.9:
            continue
        await tb.master.read(address, WORD_BYTES)
        for word in (0, WORD_MASK, random_word(rng)):
            await tb.master.write(address, word.to_bytes(4, "little"))
        await tb.master.read(address, WORD_BYTES)
    assert tb.watcher.errors > 50
    await tb.check_all_registers()


@cocotb.test(**WATCHDOG)
async def disabled_unit_finishes_a_vector_and_begins_none(dut: Any) -> None:
    tb = await started(dut)
    vector = Vector(logits=(0,) * CONFIG.n_classes)
    tb.send(vector)
    await ClockCycles(dut.aclk, 30)
    assert tb.watcher.taken == []
    await tb.write("control", enable=1)
    for _ in range(50):
        tb.send(vector)
    await tb.write("control", enable=0)
    await ClockCycles(dut.aclk, 100 + 2 * CONFIG.n_classes)
    begun = tb.watcher.vectors
    assert 0 < begun < 50
    assert tb.watcher.pending == 0
    cycles = await tb.read("cycles_low")
    assert await tb.read("cycles_low") == cycles > 0
    await tb.write("control", enable=1)
    await tb.settle()
    assert tb.watcher.vectors == 51


@cocotb.test(**WATCHDOG)
async def latency_is_as_stated(dut: Any) -> None:
    tb = await started(dut)
    await tb.write("control", enable=1)
    await tb.wait_for_sweep()
    for length in {2, CONFIG.n_classes // 2 + 1, CONFIG.n_classes}:
        tb.send(Vector(logits=(0,) * length))
        await tb.settle()
        assert tb.watcher.offered[-1] - tb.watcher.taken[-1] == UNIT.latency(length)


@cocotb.test(skip=CONFIG.n_classes < SHORT, **WATCHDOG)
async def short_vectors_flow_without_a_bubble(dut: Any) -> None:
    tb = await started(dut)
    await tb.write("control", enable=1)
    await tb.write("threshold", 0, score=THRESHOLD.bounds[0])
    await tb.wait_for_sweep()
    # sure by every criterion
    bounds = CONFIG.logit_format
    for _ in range(100):
        tb.send(Vector(logits=(bounds.high, *(bounds.low,) * (SHORT - 1))))
    await tb.settle()
    assert tb.watcher.idle == 0
    assert await tb.read("exited", 0) == 100


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(length=range(2, min(10, CONFIG.n_classes) + 1))
async def reads_go_between_decisions(dut: Any, length: int) -> None:
    tb = await started(dut)
    await tb.write("control", enable=1)
    await tb.write("threshold", 0, score=THRESHOLD.bounds[0])
    await tb.wait_for_sweep()
    for _ in range(150):
        tb.send(Vector(logits=(0,) * length))
    before = tb.watcher.reads
    place = tb.watcher.golden.take(Vector(logits=(0,) * length)).bin
    counters: list[tuple[str, tuple[int, ...]]] = [
        ("seen", (0,)),
        ("exited", (0,)),
        ("histogram", (0, place)),
    ]
    while not tb.source.idle():
        for name, index in counters:
            await tb.read(name, *index)
            # so that reads meet decisions at each step of theirs
            await ClockCycles(dut.aclk, tb.watcher.reads % 4)
    # however dense the decisions, no read waits for more than one of them
    assert tb.watcher.reads - before > 10 * -(-length // CONFIG.lanes)
    await tb.settle()
    await tb.check_all_registers()


@cocotb.test(**WATCHDOG)
async def clearing_status_races_with_errors(dut: Any) -> None:
    tb = await started(dut)
    await tb.write("control", enable=1)
    flags = {field.name: 1 for field in REGISTERS["status"].fields}
    for place in range(60):
        tb.send(Vector(logits=(0,) * (1 if place % 3 else CONFIG.n_classes + 1), keep=False))
        await ClockCycles(dut.aclk, place % 7)
        await tb.write("status", **flags)
        await tb.read("status")
    await tb.settle()
    await tb.check_all_registers()


@cocotb.test(**WATCHDOG)
async def partial_writes_change_nothing(dut: Any) -> None:
    tb = await started(dut)
    for register in REGISTERS.registers:
        if not register.writable:
            continue
        address = next(iter(register.addresses))
        for offset in range(WORD_BYTES):
            for length in range(1, WORD_BYTES + 1 - offset):
                word = register.reset.to_bytes(WORD_BYTES, "little")
                answer = await tb.master.write(address + offset, word[:length])
                whole = (offset, length) == (0, WORD_BYTES)
                assert answer.resp == (AxiResp.OKAY if whole else AxiResp.SLVERR)
            if offset:
                answer = await tb.master.read(address + offset, WORD_BYTES - offset)
                assert answer.resp == AxiResp.SLVERR
        await tb.check_all_registers()


@cocotb.test(**WATCHDOG)
async def clearing_races_with_decisions(dut: Any) -> None:
    tb = await started(dut, stall="random")
    await tb.write("control", enable=1)
    rng = random.Random(11)
    for place in range(30):
        for _ in range(rng.randrange(8)):
            tb.send(random_vector(rng))
        await ClockCycles(dut.aclk, place)
        await tb.write("control", enable=1, clear_counters=1)
        await tb.read("seen", rng.randrange(CONFIG.n_exits))
        if place % 5 == 0:
            await tb.settle()
            await tb.check_all_registers()
    await tb.settle()
    await tb.check_all_registers()


@cocotb.test(**WATCHDOG)
async def decision_is_offered_before_ready_and_held(dut: Any) -> None:
    tb = await started(dut)
    await tb.write("control", enable=1)
    held: Iterator[bool] = chain(repeat(True, 4 * LATENCY + 4 * CONFIG.n_classes), repeat(False))
    tb.sink.set_pause_generator(held)
    rng = random.Random(6)
    for _ in range(20):
        tb.send(random_vector(rng))
    # the watcher asserts that it is held; here, that it had to be
    await tb.settle()
    assert tb.watcher.idle > 0
