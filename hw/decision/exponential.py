"""Second stage: the integer exponential, a small table and a shift."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .running_maximum import Operand

__all__ = ["Addend", "Exponential"]


class Addend(data.StructLayout):
    """What is added to the sum, one a cycle.

    Members
    -------
    value : accumulator_width
        E(x) to be summed; when `closing` ``2**accumulator_width - 1 - E(x)``, so that the carry
        out of the addition says whether the sum is above E(x).
    closing : 1
        As in `Operand`.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"value": config.accumulator_width, "closing": 1})


class Exponential(wiring.Component):
    """Compute ``E(x) = c[x mod 2**F] << (x >> F)``, inverted for the comparison.

    E is 0 below the range of logits and all ones above it.

    Latency: 1 cycle.

    Members
    -------
    operand : In(Operand)
    addend : Out(Addend)
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__({"operand": In(Operand(config)), "addend": Out(Addend(config))})

    def elaborate(self, platform):
        m = Module()
        config = self._config

        x = Signal(config.logit_width)
        mantissa = Signal(config.accumulator_width)
        shifted = Signal(config.accumulator_width)
        m.d.comb += x.eq(self.operand.x)
        with m.Switch(x[: config.fraction_bits]):
            for fraction, entry in enumerate(config.table):
                with m.Case(fraction):
                    m.d.comb += mantissa.eq(entry)
        m.d.comb += shifted.eq(mantissa << x[config.fraction_bits :])

        below = self.operand.x[-1]
        beyond = self.operand.x[-2] & ~below
        m.d.sync += self.addend.closing.eq(self.operand.closing)
        with m.If(self.operand.empty | beyond):
            m.d.sync += self.addend.value.eq(0)
        with m.Elif(below):
            m.d.sync += self.addend.value.eq(~0)
        with m.Else():
            m.d.sync += self.addend.value.eq(Mux(self.operand.closing, ~shifted, shifted))
        return m
