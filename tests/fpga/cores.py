"""Cores of boards that are placed in seconds."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Echo(wiring.Component):
    """Send what was received four cycles before."""

    rx: In(1)
    tx: Out(1)

    def elaborate(self, platform):
        m = Module()
        past = Signal(4)
        m.d.sync += [past.eq(past << 1 | self.rx), self.tx.eq(past[-1])]
        return m
