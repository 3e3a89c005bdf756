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
        D          kept             to the top       L(D) - L(S)          power, shift, score

    One shifter brings S and D to the top and the power to its place. It moves up to 7 places, so
    that a quotient below 1/128, or of a D below 1/128, counts as 0.

    Latency: `latency` cycles from `start` to the score. Throughput: one score in 4 cycles.

    Members
    -------
    sums : In(SumWindows)
        Sampled with `start`; in the cycle after it they are those of no difference, S = 1.
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
            shape=grid,
            depth=2 << grid,
            init=arithmetic.logarithms + arithmetic.powers,
        )
        read_port = table.read_port()

        # held for all four cycles; written as logic, which takes no enable
        saturated = Signal()
        m.d.sync += saturated.eq((self.start & self.sums.overflow) | (~self.start & saturated))

        # -- one shifter -------------------------------------------------------------------------
        # D and S move up until the leading one is at the top. The power moves down: it enters and
        # leaves with its bits in reverse. D is 0 but in its own cycle, so it needs no choice there;
        # of S, which shows there too, only its 1 must be kept out.
        d = Signal(width, reset_less=True)
        with m.If(self.start):
            m.d.sync += d.eq(self.sums.d)
        with m.Else():
            m.d.sync += d.eq(0)
        s = Signal(width)
        one = width - arithmetic.S_OCTAVES
        m.d.comb += [s.eq(self.sums.s), s[one].eq(self.sums.s[one] & ~s_log_known)]

        # for the power: 15 less the places to move; in other cycles its highest bit is set
        octaves = Signal(4, reset_less=True)
        power = Cat(read_port.data, 1)
        row = Signal(width)
        by_4 = Signal(width)
        by_2 = Signal(width)
        # the score takes it as it is
        by_1_complement = Signal(width)
        by_1 = ~by_1_complement
        moves = Signal(3)
        m.d.comb += [
            row.eq(Mux(self.valid, Cat(0, power[::-1]), s) | d),
            moves[2].eq(Mux(self.valid, ~octaves[2], ~row[-4:].any())),
            by_4.eq(Mux(moves[2], row << 4, row)),
            moves[1].eq(Mux(self.valid, ~octaves[1], ~by_4[-2:].any())),
            by_2.eq(Mux(moves[1], by_4 << 2, by_4)),
            moves[0].eq(Mux(self.valid, ~octaves[0], ~by_2[-1])),
            by_1_complement.eq(~(Mux(moves[0], by_2 << 1, by_2) & octaves[3].replicate(width))),
        ]
        # 7 less the places moved; the leading one may have been out of reach
        exponent = Signal(3, reset_less=True)
        too_small = Signal(reset_less=True)
        m.d.sync += [exponent.eq(~moves), too_small.eq(moves[0] & ~by_2[-2])]

        # -- logarithms, quotient ----------------------------------------------------------------
        # a saturated vector has the largest L(S), 511, and no quotient
        s_log_complement = Signal(grid + 1, reset_less=True)
        with m.If(s_log_known):
            m.d.sync += s_log_complement.eq(~Cat(read_port.data, exponent[0]))
            with m.If(saturated):
                m.d.sync += s_log_complement.eq(0)

        # L(D) - L(S) and 15 octaves: one less than that for each place that the power moves
        quotient_log = Signal(grid + 4)
        m.d.comb += [
            quotient_log.eq(Cat(read_port.data, exponent) + Cat(s_log_complement, Const(3, 3)) + 1),
            read_port.addr.eq(
                Cat(Mux(quotient_known, quotient_log[:grid], by_1[1 : grid + 1]), quotient_known)
            ),
        ]
        m.d.sync += [
            octaves.eq(quotient_log[grid:]),
            octaves[3].eq((quotient_log[-1] & ~too_small & ~saturated) | ~quotient_known),
        ]
        # -1 - L(S) - quotient, always negative
        low_bits = Signal(grid + 2)
        m.d.comb += [
            low_bits.eq(Cat(s_log_complement, 1) + Cat(by_1_complement[:0:-1], 1) + 1),
            self.score.eq(Cat(low_bits, 1).as_signed()),
        ]
        return m
