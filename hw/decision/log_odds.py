"""Last stage: the score, the largest threshold at which the vector would have exited."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import SCORE_LATENCY, DecisionConfig
from .accumulator import Sum

__all__ = ["LogOdds"]


class LogOdds(wiring.Component):
    """Compute ``score = maximum - min{x : E(x) >= sum}``, by inverting E on the sum.

    The leading one of the sum gives the octave, the bits behind it the place in the table: with
    the sum at ``octave``, x is ``octave * 2**F`` plus the number of table entries below the
    mantissa (its fraction beyond the table's precision included).

    Latency: `latency` cycles: the sum is normalized in two, looked up, and subtracted.

    Members
    -------
    total : In(Sum)
    maximum : In(logit_width)
        Offset logit of the winner.
    score : Out(signed(logit_width + 1))
        The smallest value of the format if the sum overflowed.
    """

    latency = SCORE_LATENCY

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
        octave_width = config.logit_width - config.fraction_bits
        octave, window, sticky = [], self.total.value, Const(0)
        for position in reversed(range(octave_width)):
            if position == (octave_width - 1) // 2:
                window, sticky = _registered(m, window, "window"), _registered(m, sticky, "sticky")
                octave = [_registered(m, bit, f"{bit.name}_held") for bit in octave]
            step = 1 << position
            narrowed = Signal(bits + step - 1, name=f"window_{step}")
            lost = Signal(name=f"sticky_{step}")
            moves = Signal(name=f"octave_bit_{position}")
            m.d.comb += moves.eq(window[bits + step - 1 :].any())
            with m.If(moves):
                m.d.comb += [narrowed.eq(window >> step), lost.eq(sticky | window[:step].any())]
            with m.Else():
                m.d.comb += [narrowed.eq(window), lost.eq(sticky)]
            window, sticky = narrowed, lost
            octave.append(moves)
        mantissa, sticky = _registered(m, window, "mantissa"), _registered(m, sticky, "beyond")
        octave = _registered(m, Cat(reversed(octave)), "octave")

        # entries below the mantissa; an equal entry is below it too if ones were shifted out
        width = config.threshold_format.width
        rank = Signal(config.fraction_bits + 1)
        with m.Switch(mantissa):
            for value in range(1 << (bits - 1), 1 << bits):
                with m.Case(value):
                    below = sum(entry < value for entry in config.table)
                    up_to = sum(entry <= value for entry in config.table)
                    m.d.sync += rank.eq(Mux(sticky, up_to, below))
            with m.Default():
                m.d.sync += rank.eq(0)  # before the first vector only: no leading one

        maximum, overflow = self.maximum, self.total.overflow
        for cycle in range(self.latency - 1):
            maximum = _registered(m, maximum, f"maximum_{cycle}")
            overflow = _registered(m, overflow, f"overflow_{cycle}")
        # the difference fits the score; only bits above it are lost
        base = Signal(width)
        difference = Signal(width)
        m.d.comb += [
            base.eq(_registered(m, octave, "octave_ranked") << config.fraction_bits),
            difference.eq(maximum - base - rank),
        ]
        with m.If(overflow):
            m.d.sync += self.score.eq(config.threshold_format.low)
        with m.Else():
            m.d.sync += self.score.eq(difference)
        return m


def _registered(m, value, name):
    register = Signal(len(value), name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register
