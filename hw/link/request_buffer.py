"""Requests that wait, and the one that arrives."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.link import (
    CRC_BYTES,
    DATA_BYTES_MAX,
    REQUEST,
    REQUEST_CREDIT,
    WORD_BYTES,
    Status,
)
from .payload import FrameEvent, FrameStep, RequestWords

__all__ = ["RequestBuffer"]

OFFSET = REQUEST_CREDIT - REQUEST.size - CRC_BYTES
"""Bytes in front of a body, so that its data begins with a word."""

LONGEST = OFFSET + REQUEST.size + DATA_BYTES_MAX + CRC_BYTES

NOTE_WORDS = REQUEST_CREDIT // WORD_BYTES

END_CYCLES = 6
"""Cycles of the end of a frame: twice to settle, the note, and the place behind it."""


class RequestBuffer(wiring.Component):
    """A ring of words in one memory; a frame counts when it has ended and its CRC is right.

    Of a frame that is damaged, finds no room, or is no whole number of words, its first words
    are kept, with a note that says so; one that finds no room for these is lost. One that is
    too short is none.

    Latency: a request is `there` 6 cycles after its end was offered.
    Throughput: a byte in 2 cycles, an end in 6.

    Parameters
    ----------
    buffer_bytes : int
        A power of two, from 512 on.
    family : str
        "ecp5" puts a register behind the memory, whose words come late there.

    Members
    -------
    i : In(stream of FrameEvent)
    o : Out(RequestWords)
    """

    def __init__(self, buffer_bytes: int, family: str = "generic"):
        self._words = buffer_bytes // WORD_BYTES
        self._family = family
        super().__init__(
            {
                "i": In(stream.Signature(FrameEvent())),
                "o": Out(RequestWords()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=data.ArrayLayout(8, WORD_BYTES),
            depth=self._words,
            init=[],
            attrs={"ram_style": "block", "no_rw_check": 1},
        )
        # one more bit than the memory has words: full is not empty
        start = Signal(range(2 * self._words))
        read = self._elaborate_read(m, memory.read_port(), start)
        writer = memory.write_port(granularity=1)

        place = Signal(range(LONGEST + 1), init=OFFSET)
        lane, word = place[:2], place[2:]
        too_long, no_room, lost = Signal(), Signal(), Signal()
        short = Signal()
        stage = Signal(range(END_CYCLES))
        ends = Signal()
        status = self._status(m, lane, too_long, no_room)

        # sums and comparisons take most of a cycle, so they are made in the cycle before
        behind = Signal.like(word)
        address = Signal.like(start)
        with m.Switch(stage):
            with m.Case(0):
                m.d.comb += behind.eq(word)
            with m.Case(END_CYCLES - 2):
                m.d.comb += behind.eq(Mux(status == 0, word, NOTE_WORDS))
        content, enable = Signal(8), Signal.like(writer.en)
        written = Signal.like(content)
        m.d.sync += [address.eq(start + behind), written.eq(content), writer.en.eq(enable)]
        m.d.comb += [
            short.eq(word < NOTE_WORDS),
            writer.addr.eq(address),
            writer.data.eq(Cat(written for _ in range(WORD_BYTES))),
            ends.eq(self.i.valid & (self.i.payload.step != FrameStep.BYTE)),
        ]

        with m.If(~ends):
            # the place behind a byte is there a cycle later
            settled = Signal()
            m.d.sync += settled.eq(~(self.i.valid & settled))
            m.d.comb += [self.i.ready.eq(settled), content.eq(self.i.payload.byte)]
            with m.If(self.i.valid & settled):
                with m.If(place == LONGEST):
                    m.d.sync += too_long.eq(1)
                with m.Else():
                    m.d.sync += place.eq(place + 1)
                with m.If((address ^ self._words) == read):
                    m.d.sync += [no_room.eq(1), lost.eq(lost | short)]
                with m.Else():
                    m.d.comb += enable.eq(~no_room << lane)
        with m.Else():
            # the two bytes of the note are written first; when they can be read the frame counts
            m.d.sync += stage.eq(Mux(self.i.ready, 0, stage + 1))
            m.d.comb += [
                self.i.ready.eq(stage == END_CYCLES - 1),
                content.eq(Mux(stage[0], status, word)),
            ]
            with m.If(~short & ~lost):
                m.d.comb += enable.eq(Cat(stage == 2, stage == 3))
            with m.If(self.i.ready):
                m.d.sync += [place.eq(OFFSET), too_long.eq(0), no_room.eq(0), lost.eq(0)]
                with m.If(~short & ~lost & (self.i.payload.step != FrameStep.DROP)):
                    m.d.sync += start.eq(address)
        return m

    def _elaborate_read(self, m, reader, start):
        """Give words that wait, and return where the next one lies."""
        read = Signal.like(start)
        free = Signal.like(start)
        m.d.comb += [
            self.o.there.eq(start != read),
            reader.addr.eq(read),
            free.eq(read + self._words - start),
            self.o.credit.eq(free * WORD_BYTES),
        ]
        if self._family == "ecp5":
            word = Signal.like(reader.data, reset_less=True)
            m.d.sync += word.eq(reader.data)
            m.d.comb += self.o.word.eq(word)
        else:
            m.d.comb += self.o.word.eq(reader.data)
        with m.If(self.o.next_word):
            m.d.sync += read.eq(read + 1)
        return read

    def _status(self, m, lane, too_long, no_room):
        """Return what is wrong with a frame that ends, first things first, a cycle later."""
        status = Signal(3)
        with m.If((self.i.payload.step == FrameStep.BAD) | too_long):
            m.d.sync += status.eq(Status.DAMAGED)
        with m.Elif(no_room):
            m.d.sync += status.eq(Status.FULL)
        with m.Elif(lane != 0):
            m.d.sync += status.eq(Status.REFUSED)
        with m.Else():
            m.d.sync += status.eq(0)
        return status
