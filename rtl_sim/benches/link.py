"""Bench of the engine behind a UART, at its pins: clocks that differ, noise, glitches, resets.

Times are exact to a picosecond, so that bits of the line fall anywhere between clock edges.
Reads ``OFFRAMP_LINK_CLOCKS_PER_BIT``.
"""

# mypy: disable-error-code="untyped-decorator"
# cocotb types its decorators in part only

import os
import random
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, Timer

from ...golden.spec.engine_registers import MAGIC
from ...golden.spec.link import (
    FIXED,
    FLAG,
    BoardStatus,
    Kind,
    Request,
    Response,
    Status,
    encode_frame,
    response_reader,
)
from . import CLOCK_PERIOD_NS

CLOCKS_PER_BIT_VARIABLE = "OFFRAMP_LINK_CLOCKS_PER_BIT"

BIT_PS = 1000 * CLOCK_PERIOD_NS * int(os.environ.get(CLOCKS_PER_BIT_VARIABLE, "8"))
"""A bit of the board, in picoseconds."""

PATIENCE_BITS = 4000
"""In which any answer is whole."""

# ten times what the longest test needs: it ends a bench that hangs
WATCHDOG: dict[str, Any] = {"timeout_time": 40, "timeout_unit": "ms"}


class TB:
    """A UART at the pins.

    Parameters
    ----------
    dut : simulator handle
    skew : float
        How much longer a bit of the host is than one of the board.
    gaps : bool
        Leave random times between bytes, of no whole number of clock cycles.
    """

    def __init__(self, dut: Any, *, skew: float = 0.0, gaps: bool = False):
        self.dut = dut
        self.random = random.Random(f"{skew} {gaps}")
        self.bit_ps = round(BIT_PS * (1 + skew))
        self._gaps = gaps
        self._reader = response_reader()
        self._sequence = 0
        self.answers: list[Response] = []

    async def start(self) -> None:
        """Start the clock, reset the board, and listen."""
        self.dut.rx.value = 1
        Clock(self.dut.clk, CLOCK_PERIOD_NS, unit="ns").start()
        await self.reset()
        self.listen()

    def listen(self) -> None:
        """Take what the board sends from now on."""
        self._listening = cocotb.start_soon(self._listen())

    async def reset(self) -> None:
        """Reset the board."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 3)
        self.dut.rst.value = 0
        self._sequence = 0

    def stop(self) -> None:
        """Listen no more."""
        self._listening.cancel()

    async def line(self, level: int, bits: float) -> None:
        """Hold the line at a level for so many bits."""
        self.dut.rx.value = level
        await Timer(max(1, round(bits * self.bit_ps)), "ps")

    async def send(self, data: bytes) -> None:
        """Put bytes on the line, one behind the other unless there are gaps."""
        for byte in data:
            for bit in (0, *(byte >> k & 1 for k in range(8)), 1):
                await self.line(bit, 1)
            if self._gaps:
                await self.line(1, self.random.choice((0, 0.3, 1.7, 20)) * self.random.random())

    async def _listen(self) -> None:
        while True:
            await FallingEdge(self.dut.tx)
            await Timer(self.bit_ps // 2, "ps")
            assert not self.dut.tx.value, "start bit of the board must be 0"
            byte = 0
            for k in range(8):
                await Timer(self.bit_ps, "ps")
                byte |= int(self.dut.tx.value) << k
            await Timer(self.bit_ps, "ps")
            assert self.dut.tx.value, "stop bit of the board must be 1"
            for body in self._reader.feed(bytes([byte])):
                assert body is not None, "CRC of an answer must be right"
                self.answers.append(Response.unpack(body))

    async def answer(self) -> Response:
        """Wait for an answer and return it."""
        for _ in range(PATIENCE_BITS // 20):
            if self.answers:
                return self.answers.pop(0)
            await Timer(20 * BIT_PS, "ps")
        raise AssertionError("a request must be answered")

    async def quiet(self, bits: int = 220) -> list[Response]:
        """Let the board answer what it will, and return that."""
        await Timer(bits * BIT_PS, "ps")
        found, self.answers = self.answers, []
        return found

    async def ask(self, kind: int, address: int = 0, count: int = 0, data: bytes = b"") -> Response:
        """Send the next request of the sequence, and return its answer, which must be one."""
        request = Request(kind, self._sequence, address, count, data)
        await self.send(encode_frame(request.pack()))
        answer = await self.answer()
        assert (answer.kind, answer.sequence) == (kind, self._sequence)
        self._sequence = answer.expected
        return answer

    async def works(self) -> None:
        """Check that the board identifies itself and executes requests."""
        # what is on the line is ended
        await self.send(bytes([FLAG]))
        await self.quiet()
        status = BoardStatus.unpack((await self.ask(Kind.STATUS)).data)
        assert status.magic == b"OFRL"
        answer = await self.ask(Kind.READ, FIXED, 1)
        assert answer.status == Status.DONE
        assert answer.data == MAGIC.to_bytes(4, "little")


async def started(dut: Any, **options: Any) -> TB:
    tb = TB(dut, **options)
    await tb.start()
    return tb


def words(tb: TB, n: int) -> bytes:
    """Return random words, many of them with bytes that are escaped."""
    return bytes(tb.random.choice((FLAG, 0x7D, tb.random.randrange(256))) for _ in range(4 * n))


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(skew=[-0.02, 0.02], gaps=[False, True])
async def requests_are_executed_whatever_the_clocks(dut: Any, skew: float, gaps: bool) -> None:
    tb = await started(dut, skew=skew, gaps=gaps)
    await tb.works()
    watchdog = 0x030
    for n in (1, 8):
        data = words(tb, n)
        answer = await tb.ask(Kind.WRITE, FIXED | watchdog, n, data)
        assert (answer.status, answer.data) == (Status.DONE, n.to_bytes(2, "little"))
        answer = await tb.ask(Kind.READ, watchdog, 1)
        assert answer.data == data[-4:]


@cocotb.test(**WATCHDOG)
async def glitches_between_bytes_are_no_bits(dut: Any) -> None:
    tb = await started(dut)
    frame = encode_frame(Request(Kind.READ, 0, FIXED, 2).pack())
    for byte in frame:
        for length in (0.05, 0.2, 0.3):
            await tb.line(0, length)
            await tb.line(1, 1 + tb.random.random())
        await tb.send(bytes([byte]))
    answer = await tb.answer()
    assert (answer.status, len(answer.data)) == (Status.DONE, 8)


@cocotb.test(**WATCHDOG)
async def glitches_in_bytes_lose_frames_at_most(dut: Any) -> None:
    tb = await started(dut)
    await tb.works()
    expected = (await tb.ask(Kind.READ, FIXED, 1)).expected
    for number in range(6):
        frame = encode_frame(Request(Kind.READ, expected, FIXED, 1).pack())
        sending = cocotb.start_soon(tb.send(frame))
        await Timer(round((number + tb.random.random()) * 16 * tb.bit_ps), "ps")
        level = int(dut.rx.value)
        dut.rx.value = 1 - level
        await Timer(round(tb.random.choice((0.1, 0.7)) * tb.bit_ps), "ps")
        dut.rx.value = level
        await sending
        await tb.send(bytes([FLAG]))
        for answer in await tb.quiet():
            assert answer.status in (Status.DONE, Status.DAMAGED)
            if answer.status == Status.DONE:
                assert answer.data == MAGIC.to_bytes(4, "little")
                expected = answer.expected
    await tb.works()


def noise(tb: TB, n: int) -> Iterator[float]:
    """Return the lengths of levels, in bits, of a line that says nothing."""
    for _ in range(n):
        yield tb.random.choice((0.1, 0.5, 1, 3, 12)) * tb.random.random()


@cocotb.test(**WATCHDOG)
async def noise_changes_nothing(dut: Any) -> None:
    tb = await started(dut)
    await tb.ask(Kind.OPEN, 0x1234)
    for _ in range(2):
        for length in noise(tb, 300):
            await tb.line(tb.random.randrange(2), length)
        # a break, and bytes by chance
        await tb.line(0, 30)
        await tb.line(1, 12)
        await tb.send(bytes(tb.random.randrange(256) for _ in range(30)))
        await tb.works()
        status = BoardStatus.unpack((await tb.ask(Kind.STATUS)).data)
        assert (status.session, status.images) == (0x1234, 0)


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(bits=[47, 200])
async def reset_leaves_nothing_behind(dut: Any, bits: int) -> None:
    tb = await started(dut)
    await tb.ask(Kind.OPEN, 7)
    frame = encode_frame(Request(Kind.READ, 8, FIXED, 8).pack())
    sending = cocotb.start_soon(tb.send(2 * frame))
    await Timer(bits * BIT_PS, "ps")
    sending.cancel()
    dut.rx.value = 1
    tb.stop()
    await tb.reset()
    fresh = TB(dut)
    fresh.listen()
    status = BoardStatus.unpack((await fresh.ask(Kind.STATUS)).data)
    assert status.session == 0
    await fresh.works()
