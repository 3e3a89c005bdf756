"""The receiving end of a UART."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["UartReceiver"]


class UartReceiver(wiring.Component):
    """Take bytes from a line: 8 bits, the lowest first, between a start bit 0 and a stop bit 1.

    A bit is sampled once, in its middle, counted from the falling edge of the start bit; a start
    bit that is not 0 in its middle was none. A byte whose stop bit is 0 is dropped.

    A byte is offered from the middle of its stop bit on, and must be taken before the first bit
    of the next is sampled: 2 bits later, less what the other end is faster.

    Latency: `latency` cycles from the level of the line to its sample.

    Parameters
    ----------
    clocks_per_bit : int

    Members
    -------
    rx : In(1)
        The line, 1 when idle; synchronous to nothing.
    o : Out(stream of 8)
    """

    latency = 2

    def __init__(self, clocks_per_bit: int):
        self._clocks = clocks_per_bit
        super().__init__({"rx": In(1), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        metastable = Signal(init=1)
        level, before = Signal(init=1), Signal(init=1)
        m.d.sync += [metastable.eq(self.rx), level.eq(metastable), before.eq(level)]

        receiving, starting, first = Signal(), Signal(), Signal()
        count = Signal(range(self._clocks))
        # a 1 in front of the bits: when it has come to the end all of them are there
        bits = Signal(9)
        m.d.comb += self.o.payload.eq(bits[1:])
        with m.If(~receiving | (count == self._clocks - 1)):
            m.d.sync += count.eq(0)
        with m.Else():
            m.d.sync += count.eq(count + 1)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(~receiving):
            m.d.sync += [starting.eq(1), first.eq(1)]
            with m.If(before & ~level):
                m.d.sync += receiving.eq(1)
        with m.Elif(count == self._clocks // 2 - 1):
            m.d.sync += starting.eq(0)
            with m.If(starting):
                m.d.sync += receiving.eq(~level)
            with m.Elif(first):
                # only now: the byte before was to be taken until here
                m.d.sync += [first.eq(0), bits.eq(Cat(Const(1 << 7, 8), level))]
            with m.Elif(bits[0]):
                m.d.sync += [receiving.eq(0), self.o.valid.eq(level)]
            with m.Else():
                m.d.sync += bits.eq(Cat(bits[1:], level))
        return m
