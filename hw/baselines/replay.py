"""A vector is read back while the next one is written."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Replay"]


class Replay(wiring.Component):
    """Give every vector again, from its first element on, once its last one is in.

    Two banks of memory: one is written while the other is read. Latency: the first element comes 2
    cycles after the last one was written. Throughput: one element a cycle; the last one of a vector
    waits while `ready_for_last` is low, that is, while an earlier vector is read.

    Parameters
    ----------
    width : int
        Bits of an element.
    depth_log2 : int
        Bits of the number of an element in its vector.

    Members
    -------
    value : In(width)
        Sampled when `valid`.
    last, valid : In(1)
    ready_for_last : Out(1)
        A last element can be written in this cycle. Does not depend on `valid`.
    o_value : Out(width)
    o_last, o_valid : Out(1)
    """

    def __init__(self, width: int, depth_log2: int):
        self._width = width
        self._depth_log2 = depth_log2
        super().__init__(
            {
                "value": In(width),
                "last": In(1),
                "valid": In(1),
                "ready_for_last": Out(1),
                "o_value": Out(width),
                "o_last": Out(1),
                "o_valid": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=self._width,
            depth=2 << self._depth_log2,
            init=[],
            # the two ports are never in one bank
            attrs={"no_rw_check": 1},
        )
        write_port = memory.write_port()
        read_port = memory.read_port()

        bank = Signal()
        place = Signal(self._depth_log2)
        reading = Signal()
        read_place = Signal(self._depth_log2)
        read_end = Signal(self._depth_log2)
        at_end = Signal()
        m.d.comb += [
            write_port.en.eq(self.valid),
            write_port.addr.eq(Cat(place, bank)),
            write_port.data.eq(self.value),
            read_port.addr.eq(Cat(read_place, ~bank)),
            at_end.eq(read_place == read_end),
            self.ready_for_last.eq(~reading | at_end),
            self.o_value.eq(read_port.data),
        ]
        m.d.sync += [self.o_valid.eq(reading), self.o_last.eq(at_end)]
        with m.If(reading):
            m.d.sync += read_place.eq(read_place + 1)
            with m.If(at_end):
                m.d.sync += [reading.eq(0), read_place.eq(0)]
        with m.If(self.valid):
            m.d.sync += place.eq(place + 1)
            with m.If(self.last):
                m.d.sync += [place.eq(0), bank.eq(~bank), reading.eq(1), read_end.eq(place)]
        return m
