"""What was there some cycles before."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Delay"]

BITS_MIN = 40
"""Registers of fewer bits take less than the ring's counter does."""


class Delay(wiring.Component):
    """Give what came in `cycles` cycles before; at first anything.

    Parameters
    ----------
    shape : ShapeLike
    cycles : int
    family : str
        "ice40" uses a block RAM as a ring instead of a register for each bit and cycle, which
        would each take a logic cell.

    Members
    -------
    i : In
    o : Out
    """

    def __init__(self, shape, cycles: int, family: str = "generic"):
        self._shape, self._cycles, self._family = shape, cycles, family
        super().__init__({"i": In(shape), "o": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        bits = self._cycles * Shape.cast(self._shape).width
        if self._family == "ice40" and self._cycles > 1 and bits >= BITS_MIN:
            self._elaborate_ring(m)
            return m
        value = self.i
        for cycle in range(self._cycles):
            delayed = Signal(self._shape, name=f"value_{cycle}", reset_less=True)
            m.d.sync += delayed.eq(value)
            value = delayed
        m.d.comb += self.o.eq(value)
        return m

    def _elaborate_ring(self, m):
        depth = 1 << (self._cycles - 1).bit_length()
        m.submodules.ring = ring = Memory(
            shape=self._shape,
            depth=depth,
            init=[],
            # a place is never read in the cycle in which it is written
            attrs={"no_rw_check": 1, "ram_style": "block"},
        )
        writer, reader = ring.write_port(), ring.read_port()
        place = Signal(range(depth))
        m.d.sync += place.eq(place + 1)
        m.d.comb += [
            writer.addr.eq(place),
            writer.data.eq(self.i),
            writer.en.eq(1),
            # the memory's own register is the last of the cycles
            reader.addr.eq(place - (self._cycles - 1)),
            self.o.eq(reader.data),
        ]
