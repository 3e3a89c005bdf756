"""The sending end of a UART."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["UartTransmitter"]


class UartTransmitter(wiring.Component):
    """Put bytes on a line: a start bit 0, 8 bits, the lowest first, a stop bit 1.

    Throughput: a byte in 10 bits.

    Parameters
    ----------
    clocks_per_bit : int

    Members
    -------
    i : In(stream of 8)
    tx : Out(1)
        The line, 1 when idle; straight from a flip-flop.
    """

    def __init__(self, clocks_per_bit: int):
        self._clocks = clocks_per_bit
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        # the lowest is on the line; the stop bit is the last 1
        bits = Signal(10, init=1)
        count = Signal(range(self._clocks), init=self._clocks - 1)
        bit_ends = Signal()
        byte_ends = Signal()
        m.d.comb += [
            self.tx.eq(bits[0]),
            bit_ends.eq(count == self._clocks - 1),
            byte_ends.eq(bits[1:] == 0),
            self.i.ready.eq(bit_ends & byte_ends),
        ]
        with m.If(~bit_ends):
            m.d.sync += count.eq(count + 1)
        with m.Elif(~byte_ends | self.i.valid):
            m.d.sync += count.eq(0)
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += bits.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1)))
        with m.Elif(bit_ends & ~byte_ends):
            m.d.sync += bits.eq(bits >> 1)
        return m
