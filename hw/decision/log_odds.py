"""Last stage: the score, the largest threshold at which the vector would have exited."""

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .accumulator import Sum

__all__ = ["LogOdds"]


class LogOdds(wiring.Component):
    """Compute ``score = maximum - min{x : E(x) >= sum}``, by inverting E on the sum.

    The leading one of the sum gives the octave, the bits behind it the place in the table: with
    the sum at ``octave``, x is ``octave * 2**F`` plus the number of table entries below the
    mantissa (its fraction beyond the table's precision included).

    Latency: 2 cycles: the sum is normalized, then looked up.

    Members
    -------
    total : In(Sum)
    maximum : In(logit_width)
        Offset logit of the winner.
    score : Out(signed(logit_width + 1))
        The smallest value of the format if the sum overflowed.
    """

    latency = 2

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "total": In(Sum(config)),
                "maximum": In(config.logit_width),
                "score": Out(signed(config.threshold_format.width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        bits = config.mantissa_bits

        # Every addend is at least c[0], so the leading one lies at bit `bits - 1` or above. It is
        # brought down to that bit in halving steps: whatever has a one in its upper half moves.
        octave = Signal(config.logit_width - config.fraction_bits)
        window = self.total.value
        sticky = Const(0)
        for position in reversed(range(len(octave))):
            step = 1 << position
            narrowed = Signal(bits + step - 1, name=f"window_{step}")
            lost = Signal(name=f"sticky_{step}")
            m.d.comb += octave[position].eq(window[bits + step - 1 :].any())
            with m.If(octave[position]):
                m.d.comb += [narrowed.eq(window >> step), lost.eq(sticky | window[:step].any())]
            with m.Else():
                m.d.comb += [narrowed.eq(window), lost.eq(sticky)]
            window, sticky = narrowed, lost

        mantissa = Signal(data.StructLayout({"value": bits, "sticky": 1}))
        octave_normalized = Signal.like(octave)
        maximum = Signal(config.threshold_format.width)
        overflow = Signal()
        m.d.sync += [
            mantissa.value.eq(window),
            mantissa.sticky.eq(sticky),
            octave_normalized.eq(octave),
            maximum.eq(self.maximum),
            overflow.eq(self.total.overflow),
        ]

        # entries below the mantissa; an equal entry is below it too if ones were shifted out
        width = config.threshold_format.width
        rank = Signal(width)
        with m.Switch(mantissa.value):
            for value in range(1 << (bits - 1), 1 << bits):
                with m.Case(value):
                    below = sum(entry < value for entry in config.table)
                    up_to = sum(entry <= value for entry in config.table)
                    m.d.comb += rank.eq(Mux(mantissa.sticky, up_to, below))
            with m.Default():
                m.d.comb += rank.eq(0)  # before the first vector only: no leading one

        # the difference fits the score; only bits above it are lost
        base = Signal(width)
        x = Signal(width)
        difference = Signal(width)
        m.d.comb += [
            base.eq(octave_normalized << config.fraction_bits),
            x.eq(base + rank),
            difference.eq(maximum - x),
        ]
        with m.If(overflow):
            m.d.sync += self.score.eq(config.threshold_format.low)
        with m.Else():
            m.d.sync += self.score.eq(difference)
        return m
