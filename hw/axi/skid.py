"""A buffer that cuts the path from an output's ready to an input's."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SkidBuffer"]


class SkidBuffer(wiring.Component):
    """Pass a stream on; keep the one payload that was under way when the receiver stopped.

    `i.ready` comes from a register. Latency: none while the receiver is ready. Throughput: one
    payload a cycle.

    Parameters
    ----------
    shape : ShapeLike
        Of the payload.

    Members
    -------
    i : In(stream)
    o : Out(stream)
    """

    latency = 0

    def __init__(self, shape):
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        kept = Signal(self._shape)
        full = Signal()
        m.d.comb += [self.i.ready.eq(~full), self.o.valid.eq(full | self.i.valid)]
        with m.If(full):
            m.d.comb += self.o.payload.eq(kept)
        with m.Else():
            m.d.comb += self.o.payload.eq(self.i.payload)
            m.d.sync += kept.eq(self.i.payload)
        m.d.sync += full.eq(self.o.valid & ~self.o.ready)
        return m
