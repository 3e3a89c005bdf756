"""Entropy of the sums, by logarithms: no divider, no multiplier."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import EntropyArithmetic
from .entropy_sums import SumWindows

__all__ = ["LogQuotient"]


class LogQuotient(wiring.Component):
    """Compute ``score = -1 - (L(S) + 2**(L(D) - L(S)))``, the entropy negated.

    ``L(x) = log2 x``: the leading one is brought to the top, the bits behind it address a table.
    One memory holds this table and that of the power; they are asked in turn::

        cycle      0                1                2                    3
        S          to the top       L(S)
        D          by 8 steps       to the top       L(D) - L(S)          power, shift, score

    Latency: `latency` cycles from `start` to the score. Throughput: one score in 4 cycles.

    Members
    -------
    sums : In(SumWindows)
        Sampled with `start`.
    start : In(1)
    valid : Out(1)
    score : Out(signed)
        In 1/256 bit; valid for one cycle.
    """

    latency = 3

    def __init__(self, arithmetic: EntropyArithmetic):
        self._arithmetic = arithmetic
        super().__init__(
            {
                "sums": In(SumWindows(arithmetic)),
                "start": In(1),
                "valid": Out(1),
                "score": Out(signed(arithmetic.SCORE_FORMAT.width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        arithmetic = self._arithmetic
        grid = arithmetic.GRID_BITS
        d_width = arithmetic.WINDOW_FRACTION_BITS + arithmetic.D_OCTAVES

        s_log_known = Signal()
        quotient_known = Signal()
        m.d.sync += [
            s_log_known.eq(self.start),
            quotient_known.eq(s_log_known),
            self.valid.eq(quotient_known),
        ]

        m.submodules.table = table = Memory(
            shape=grid, depth=2 << grid, init=arithmetic.logarithms + arithmetic.powers
        )
        read_port = table.read_port()

        # -- leading one to the top --------------------------------------------------------------
        # whatever has none in its upper part moves up; `exponent` counts down from the top
        by_8 = Signal(d_width)
        moved_8 = Signal()
        with m.If(self.sums.d[-8:] == 0):
            m.d.sync += [by_8.eq(self.sums.d << 8), moved_8.eq(1)]
        with m.Else():
            m.d.sync += [by_8.eq(self.sums.d), moved_8.eq(0)]
        by_4 = Signal(d_width)
        moved_4 = Signal()
        m.d.comb += [
            moved_4.eq(by_8[-4:] == 0),
            by_4.eq(Mux(moved_4, by_8 << 4, by_8)),
        ]
        by_2 = Signal(d_width)
        moved_2 = Signal()
        m.d.comb += [
            moved_2.eq(by_4[-2:] == 0),
            by_2.eq(Mux(moved_2, by_4 << 2, by_4)),
        ]
        # S is 1 to 4: its leading one is one of the two below the top of D
        either = Signal(d_width)
        moved_1 = Signal()
        mantissa = Signal(grid)
        m.d.comb += [
            either.eq(Mux(self.start, self.sums.s << 1, by_2)),
            moved_1.eq(~either[-1]),
            mantissa.eq(Mux(moved_1, either << 1, either)[d_width - 1 - grid : d_width - 1]),
        ]
        exponent = Signal(4)
        m.d.sync += exponent.eq(~Cat(moved_1, moved_2, moved_4, moved_8))

        # -- logarithms, quotient ----------------------------------------------------------------
        overflow = Signal()
        overflow_kept = Signal()
        m.d.sync += [overflow.eq(self.sums.overflow), overflow_kept.eq(overflow)]

        # complement of L(S); exponent 0 is that of 1, the top is that of 4
        s_log_complement = Signal(grid + 1)
        s_log = Signal(grid + 1)
        quotient_log = Signal(signed(grid + 5))
        saturated = Signal()
        m.d.comb += [
            s_log.eq(~s_log_complement),
            # exponent 15 is that of 4
            quotient_log.eq(Cat(read_port.data, exponent) - (13 << grid) - s_log),
            saturated.eq(overflow_kept | (quotient_log >= 1 << grid)),
            read_port.addr.eq(
                Cat(Mux(quotient_known, quotient_log[:grid], mantissa), quotient_known)
            ),
        ]
        with m.If(s_log_known):
            m.d.sync += s_log_complement.eq(~Cat(read_port.data, exponent[0]))
        with m.If(quotient_known & saturated):
            m.d.sync += s_log_complement.eq(0)

        right = Signal(4)
        full = Signal()
        m.d.sync += [right.eq(-(quotient_log >> grid)), full.eq(saturated)]
        quotient = Signal(grid + 1)
        m.d.comb += [
            quotient.eq(Mux(full, ~0, Cat(read_port.data, 1) >> right)),
            self.score.eq(Cat(s_log_complement, 1, 1).as_signed() - quotient),
        ]
        return m
