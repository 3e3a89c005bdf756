"""The watchdog: an image must be decided within so many cycles."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Watchdog"]


class Watchdog(wiring.Component):
    """Count the cycles of each image down.

    Members
    -------
    limit : In(32)
        Sampled while no image is at work.
    working : In(1)
        An image is at work.
    counting : In(1)
        The cycle counts.
    expired : Out(1)
        In the second cycle behind `limit` counted ones, if it counts too, and those behind it.
    """

    def __init__(self):
        super().__init__({"limit": In(32), "working": In(1), "counting": In(1), "expired": Out(1)})

    def elaborate(self, platform):
        m = Module()
        left = Signal(32)
        over = Signal()
        m.d.comb += self.expired.eq(over & self.counting)
        with m.If(~self.working):
            m.d.sync += [left.eq(self.limit), over.eq(0)]
        with m.Else():
            m.d.sync += over.eq(left == 0)
            with m.If(self.counting & (left != 0)):
                m.d.sync += left.eq(left - 1)
        return m
