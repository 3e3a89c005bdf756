"""Entropy of the sums, by logarithms: no divider, no multiplier."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
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
        width = arithmetic.WINDOW_WIDTH

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
        # What has none in its upper part moves up. `exponent` is 15 less the places moved.
        exponent = Signal(4)
        by_8 = Signal(width)
        stays_8 = Signal()
        m.d.sync += stays_8.eq(self.sums.d[-8:].any())
        with m.If(self.sums.d[-8:].any()):
            m.d.sync += by_8.eq(self.sums.d)
        with m.Else():
            m.d.sync += by_8.eq(self.sums.d << 8)
        # S is 1 to 4, its leading one at the top or next to it: two steps are enough for it
        by_4 = Signal(width)
        stays_4 = Signal()
        either = Signal(width)
        m.d.comb += [
            stays_4.eq(by_8[-4:].any()),
            by_4.eq(Mux(stays_4, by_8, by_8 << 4)),
            either.eq(Mux(self.start, self.sums.s, by_4)),
        ]
        by_2 = Signal(width)
        stays_2 = Signal()
        mantissa = Signal(grid)
        m.d.comb += [
            stays_2.eq(either[-2:].any()),
            by_2.eq(Mux(stays_2, either, either << 2)),
            mantissa.eq(Mux(by_2[-1], by_2, by_2 << 1)[width - 1 - grid : width - 1]),
        ]
        m.d.sync += [
            exponent[0].eq(by_2[-1]),
            # D = 0 has no leading one: not too small an exponent, lest the difference wraps
            exponent[1].eq(stays_2 | (~stays_8 & ~stays_4)),
            exponent[2].eq(stays_4),
            exponent[3].eq(stays_8),
        ]

        # -- logarithms, quotient ----------------------------------------------------------------
        overflow = Signal()
        m.d.sync += overflow.eq(self.sums.overflow)

        # a saturated vector has the largest L(S), 511, and no quotient
        s_log_complement = Signal(grid + 1)
        saturated = Signal()
        with m.If(s_log_known):
            m.d.sync += [
                s_log_complement.eq(~Cat(read_port.data, exponent[0])),
                saturated.eq(overflow),
            ]
            with m.If(overflow):
                m.d.sync += s_log_complement.eq(0)

        # L(D) - L(S), its exponent in terms of `exponent`: 15 for a quotient of 1 to 2
        quotient_log = Signal(grid + 4)
        quotient_exponent = Signal(4)
        m.d.comb += [
            quotient_log.eq(Cat(read_port.data, exponent) + Cat(s_log_complement, Const(7, 3)) + 1),
            read_port.addr.eq(
                Cat(Mux(quotient_known, quotient_log[:grid], mantissa), quotient_known)
            ),
        ]
        m.d.sync += quotient_exponent.eq(quotient_log[grid:])
        with m.If(saturated):
            m.d.sync += quotient_exponent.eq(0)  # so far to the right that nothing is left

        quotient = Signal(grid + 1)
        shifted = Cat(read_port.data, 1)
        for position in reversed(range(4)):
            step = 1 << position
            lower = Signal(grid + 1, name=f"quotient_{step}")
            m.d.comb += lower.eq(Mux(quotient_exponent[position], shifted, shifted >> step))
            shifted = lower
        # -1 - L(S) - quotient, always negative
        low_bits = Signal(grid + 2)
        m.d.comb += [
            quotient.eq(shifted),
            low_bits.eq(Cat(s_log_complement, 1) + Cat(~quotient, 1) + 1),
            self.score.eq(Cat(low_bits, 1).as_signed()),
        ]
        return m
