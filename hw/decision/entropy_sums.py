"""The two sums of which the entropy is made."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import EntropyArithmetic

__all__ = ["EntropySums", "SumWindows"]


class SumWindows(data.StructLayout):
    """The sums as far as they are needed.

    Members
    -------
    s, d : WINDOW_WIDTH
        S and D, their highest bits.
    overflow : 1
        S has reached ``2**S_OCTAVES`` or D ``2**D_OCTAVES``.
    """

    def __init__(self, arithmetic: EntropyArithmetic):
        super().__init__(
            {"s": arithmetic.WINDOW_WIDTH, "d": arithmetic.WINDOW_WIDTH, "overflow": 1}
        )


class EntropySums(wiring.Component):
    """Sum ``S = 1 + sum 2**-d`` and ``D = sum d 2**-d`` over the differences of a vector.

    Both are looked up in one memory; the 1 is that of the maximum itself.

    Latency: 2 cycles from a difference to the sums with it.

    Members
    -------
    difference : In(logit_width)
        In logit LSBs.
    valid : In(1)
        Without a gap for all differences of a vector.
    sums : Out(SumWindows)
        Whole two cycles after the last difference, for this cycle; then they are those of no
        difference.
    """

    latency = 2

    def __init__(self, arithmetic: EntropyArithmetic):
        self._arithmetic = arithmetic
        super().__init__(
            {
                "difference": In(arithmetic.logit_width),
                "valid": In(1),
                "sums": Out(SumWindows(arithmetic)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        arithmetic = self._arithmetic
        fraction = arithmetic.sum_fraction_bits

        entry = data.StructLayout({"exponential": fraction, "moment": fraction})
        rows = zip(arithmetic.exponentials, arithmetic.moments, strict=True)
        m.submodules.table = table = Memory(
            shape=entry,
            depth=1 << arithmetic.address_width,
            init=[{"exponential": s, "moment": d} for s, d in rows],
        )
        read_port = table.read_port()
        # beyond the table's range all addends are 0, as its last one is
        beyond = self.difference[arithmetic.address_width :].any()
        m.d.comb += read_port.addr.eq(Mux(beyond, ~0, self.difference[: arithmetic.address_width]))

        s = Signal(fraction + arithmetic.S_OCTAVES, reset_less=True)
        d = Signal(fraction + arithmetic.D_OCTAVES, reset_less=True)
        s_next = Signal(len(s) + 1)
        d_next = Signal(len(d) + 1)
        s_beyond = Signal(reset_less=True)
        d_beyond = Signal(reset_less=True)
        adding = Signal()
        m.d.comb += [
            s_next.eq(s + read_port.data.exponential),
            d_next.eq(d + read_port.data.moment),
        ]
        m.d.sync += adding.eq(self.valid)
        with m.If(adding):
            m.d.sync += [
                s.eq(s_next),
                d.eq(d_next),
                s_beyond.eq(s_beyond | s_next[-1]),
                d_beyond.eq(d_beyond | d_next[-1]),
            ]
        with m.Else():
            m.d.sync += [s.eq(1 << fraction), d.eq(0), s_beyond.eq(0), d_beyond.eq(0)]

        m.d.comb += [
            self.sums.s.eq(s[-arithmetic.WINDOW_WIDTH :]),
            self.sums.d.eq(d[-arithmetic.WINDOW_WIDTH :]),
            self.sums.overflow.eq(s_beyond | d_beyond),
        ]
        return m
