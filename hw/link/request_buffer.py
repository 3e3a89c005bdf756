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
from .payload import FrameEvent, FrameStep, RequestNote, RequestWords

__all__ = ["RequestBuffer"]

OFFSET = REQUEST_CREDIT - REQUEST.size - CRC_BYTES
"""Bytes in front of a body, so that its data begins with a word."""

LONGEST = OFFSET + REQUEST.size + DATA_BYTES_MAX + CRC_BYTES

NOTE_WORDS = REQUEST_CREDIT // WORD_BYTES


class RequestBuffer(wiring.Component):
    """A ring of words in one memory; a frame counts when it has ended and its CRC is right.

    Of a frame that is damaged, finds no room, or is no whole number of words, its first words
    are kept, with a note that says so; one that finds no room for these is lost. One that is
    too short is none.

    Latency: a request is `there` 3 cycles after its end was offered.

    Parameters
    ----------
    buffer_bytes : int
        A power of two, from 512 on.

    Members
    -------
    i : In(stream of FrameEvent)
    o : Out(RequestWords)
    """

    def __init__(self, buffer_bytes: int):
        self._words = buffer_bytes // WORD_BYTES
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
        address = Signal.like(start)
        too_long, no_room, lost = Signal(), Signal(), Signal()
        short = Signal()
        note = self._note(m, place, too_long, no_room)
        # sums and comparisons take most of a cycle: what is written waits for the next
        content, enable = Signal(8), Signal.like(writer.en)
        written = Signal.like(content)
        m.d.comb += writer.data.eq(Cat(written for _ in range(WORD_BYTES)))
        m.d.sync += [writer.addr.eq(address), written.eq(content), writer.en.eq(enable)]
        m.d.comb += short.eq(word < NOTE_WORDS)
        with m.If(self.i.payload.step == FrameStep.BYTE):
            m.d.comb += [
                address.eq(start + word),
                self.i.ready.eq(1),
                content.eq(self.i.payload.byte),
            ]
            with m.If(self.i.valid):
                with m.If(place == LONGEST):
                    m.d.sync += too_long.eq(1)
                with m.Else():
                    m.d.sync += place.eq(place + 1)
                with m.If((address ^ self._words) == read):
                    m.d.sync += [no_room.eq(1), lost.eq(lost | short)]
                with m.Else():
                    m.d.comb += enable.eq(~no_room << lane)
        with m.Else():
            # the bytes of the note are written first; when they can be read the frame counts
            stage = Signal(2)
            closing = Signal()
            kept = Mux(note.status == 0, word, NOTE_WORDS)
            m.d.comb += [
                closing.eq(stage == 2),
                address.eq(start + Mux(closing, kept, 0)),
                self.i.ready.eq(closing),
                content.eq(Mux(stage[0], note.status, note.words)),
            ]
            m.d.sync += stage.eq(Mux(self.i.valid & ~closing, stage + 1, 0))
            with m.If(self.i.valid & ~short & ~lost):
                m.d.comb += enable.eq(Mux(closing, 0, Mux(stage[0], 0b10, 0b01)))
            with m.If(self.i.valid & closing):
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
        # a block RAM is slow to answer, and its words go far
        m.d.sync += self.o.word.eq(reader.data)
        with m.If(self.o.next_word):
            m.d.sync += read.eq(read + 1)
        return read

    def _note(self, m, place, too_long, no_room):
        """Return what is noted of a frame that ends: what is wrong, first things first."""
        note = Signal(RequestNote())
        m.d.comb += note.words.eq(place[2:])
        with m.If((self.i.payload.step == FrameStep.BAD) | too_long):
            m.d.comb += note.status.eq(Status.DAMAGED)
        with m.Elif(no_room):
            m.d.comb += note.status.eq(Status.FULL)
        with m.Elif(place[:2] != 0):
            m.d.comb += note.status.eq(Status.REFUSED)
        return note
