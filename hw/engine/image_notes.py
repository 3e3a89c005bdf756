"""Which of the images inside are dropped, in their order."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ImageNotes"]


class ImageNotes(wiring.Component):
    """Keep a note of each image, from its last beat to its result.

    Parameters
    ----------
    depth : int
        Most images inside.

    Members
    -------
    room : Out(1)
        For another image.
    push, dropped : In(1)
        An image has come; it is dropped.
    drop_all : In(1)
        All that are left are dropped, one that comes in this cycle too.
    pop : In(1)
        The oldest has its result.
    first, first_dropped : Out(1)
        There is an oldest; it is dropped.
    """

    def __init__(self, depth: int):
        self._depth = depth
        super().__init__(
            {
                "room": Out(1),
                "push": In(1),
                "dropped": In(1),
                "drop_all": In(1),
                "pop": In(1),
                "first": Out(1),
                "first_dropped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # one bit for each that is there, the oldest lowest
        there = Signal(self._depth)
        dropped = Signal(self._depth)
        left = Mux(self.pop, there >> 1, there)
        place = (left << 1 | 1) & ~left
        marks = Mux(self.pop, dropped >> 1, dropped)
        added = Mux(self.push & self.dropped, place, 0)
        cleared = Mux(self.push, place, 0)
        m.d.comb += [
            self.room.eq(~there[-1]),
            self.first.eq(there[0]),
            self.first_dropped.eq(dropped[0]),
        ]
        m.d.sync += [
            there.eq(left | cleared),
            dropped.eq((marks & ~cleared) | added | self.drop_all.replicate(self._depth)),
        ]
        return m
