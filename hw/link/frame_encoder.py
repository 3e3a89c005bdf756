"""Escapes in a stream of bytes that are sent."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.link import ESCAPE, ESCAPE_BIT, FLAG
from .payload import Outgoing

__all__ = ["FrameEncoder"]


class FrameEncoder(wiring.Component):
    """Put an escape before each byte that would be taken for a flag or an escape.

    Latency: 0 cycles.

    Members
    -------
    i : In(stream of Outgoing)
    o : Out(stream of 8)
    """

    def __init__(self):
        super().__init__({"i": In(stream.Signature(Outgoing())), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        byte = self.i.payload.byte
        escaped = Signal()
        special = Signal()
        m.d.comb += [
            special.eq(~self.i.payload.flag & ((byte == FLAG) | (byte == ESCAPE))),
            self.o.valid.eq(self.i.valid),
            self.o.payload.eq(byte),
            self.i.ready.eq(self.o.ready & (escaped | ~special)),
        ]
        with m.If(special):
            m.d.comb += self.o.payload.eq(Mux(escaped, byte ^ ESCAPE_BIT, ESCAPE))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += escaped.eq(special & ~escaped)
        return m
