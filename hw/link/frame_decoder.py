"""Frames in a stream of bytes."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.link import ESCAPE, ESCAPE_BIT, FLAG
from .crc import RESIDUE, SerialCrc
from .payload import FrameEvent, FrameStep

__all__ = ["FrameDecoder"]


class FrameDecoder(wiring.Component):
    """Find flags, take escapes away, and check CRCs.

    Each flag ends a frame, be it empty. The CRC counts as the last four bytes of the body, which
    the receiver of `o` must tell from the others.

    Latency: a byte is offered in its cycle 7, counted from 0; a flag in its cycle 1.
    Throughput: a byte in 8 cycles, if `o` is taken at once.

    Members
    -------
    i : In(stream of 8)
    o : Out(stream of FrameEvent)
    """

    cycles = 8

    def __init__(self):
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(FrameEvent()))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = SerialCrc()
        byte = self.i.payload
        escaped = Signal()
        count = Signal(3)
        flag, escape, last = Signal(), Signal(), Signal()
        body = Signal(8)
        good, settled = Signal(), Signal()
        # the CRC is compared a cycle before a flag is offered: it takes most of a cycle
        m.d.sync += [
            good.eq(crc.value == 0xFFFFFFFF ^ RESIDUE),
            settled.eq(self.i.valid & flag & ~self.i.ready),
        ]
        m.d.comb += [
            flag.eq(byte == FLAG),
            escape.eq((byte == ESCAPE) & ~escaped),
            last.eq(count == self.cycles - 1),
            body.eq(byte ^ Mux(escaped, ESCAPE_BIT, 0)),
            crc.bit.eq(body.bit_select(count, 1)),
            crc.feedback.eq(1),
            self.o.payload.byte.eq(body),
        ]
        with m.If(flag):
            step = Mux(escaped, FrameStep.DROP, Mux(good, FrameStep.GOOD, FrameStep.BAD))
            m.d.comb += [
                self.o.valid.eq(self.i.valid & settled),
                self.o.payload.step.eq(step),
                self.i.ready.eq(self.o.ready & settled),
                crc.begin.eq(self.i.valid & self.i.ready),
            ]
        with m.Elif(escape):
            m.d.comb += self.i.ready.eq(1)
        with m.Else():
            m.d.comb += [
                self.o.valid.eq(self.i.valid & last),
                self.o.payload.step.eq(FrameStep.BYTE),
                self.i.ready.eq(self.o.ready & last),
                crc.enable.eq(self.i.valid & (~last | self.o.ready)),
            ]
            m.d.sync += count.eq(count + crc.enable)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += escaped.eq(escape)
        return m
