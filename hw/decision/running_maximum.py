"""First part: split each vector into its maximum and everything else."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .slot import Slot

__all__ = ["Operand", "RunningMaximum"]


class Operand(data.StructLayout):
    """What the exponential is taken of in a slot: a logit, or winner less threshold if `closing`.

    Members
    -------
    complement : logit_width
        ``2**W - 1 - x`` of the offset logit ``x = z + 2**(W-1)``.
    void : 1
        There is no logit; if `closing`, x is outside the range of logits.
    never : 1
        If `closing` and `void`, x is negative and not too large: no sum is below E(x).
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"complement": config.logit_width, "void": 1, "never": 1})


class RunningMaximum(wiring.Component):
    """Keep the larger of logit and maximum, and send the smaller on to be summed.

    So everything but one maximum reaches the sum, whatever the order. A closing slot sends on
    ``x = maximum - threshold``.

    The maximum is stored as its complement ``y = 2**W - 1 - x``, so that both comparison and
    subtraction are additions without an inverter before the carry chain::

        x_i > x_max             <=>  x_i + y_max >= 2**W
        2**W - 1 - (x_max - lam)  =  y_max + lam

    The outputs follow the inputs without delay; the slot after the last logit is the closing one.

    Members
    -------
    logit : In(signed(logit_width))
    last : In(1)
    valid : In(1)
        Whether there is a logit in this slot.
    threshold : In(signed(logit_width + 1))
        Sampled in closing slots.
    slot : Out(Slot)
    operand : Out(Operand)
    complement : Out(logit_width)
        Of the winner, in the closing slot.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "logit": In(signed(config.logit_width)),
                "last": In(1),
                "valid": In(1),
                "threshold": In(signed(config.threshold_format.width)),
                "slot": Out(Slot()),
                "operand": Out(Operand(config)),
                "complement": Out(config.logit_width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = self._config.logit_width

        running = Signal()
        closing = Signal()
        m.d.sync += closing.eq(self.valid & self.last)
        m.d.sync += running.eq((running & ~self.valid) | (self.valid & ~self.last))

        # the offset z + 2**(W-1) inverts the sign bit, the complement all bits but the sign
        x_top = ~self.logit[-1]
        y_logit = Signal(width)
        m.d.comb += y_logit.eq(self.logit ^ ((1 << (width - 1)) - 1))

        # The sign bits are added apart: the carry chain has no place for the inverter of x_top.
        best = Signal(width, reset_less=True)
        low_sum = Signal(width)
        larger = Signal()
        m.d.comb += [
            low_sum.eq(self.logit[:-1] + best[:-1]),
            larger.eq((x_top & best[-1]) | (low_sum[-1] & (x_top | best[-1]))),
        ]
        # one signal for both, so that a slot's operand is chosen by one
        take_best = Signal()
        m.d.comb += take_best.eq(larger | closing)
        with m.If(self.valid & (~running | take_best)):
            m.d.sync += best.eq(y_logit)

        # W + 1 bits: the highest is set if and only if x is out of range, on either side
        lowered = Signal(width + 1)
        m.d.comb += [
            lowered.eq(best + self.threshold),
            self.operand.complement.eq(
                Mux(take_best, Mux(closing, lowered[:width], best), y_logit)
            ),
            self.operand.void.eq(Mux(closing, lowered[width], ~self.valid)),
            self.operand.never.eq(closing & ~self.threshold[-1]),
            self.slot.between.eq(~running),
            self.slot.closing.eq(closing),
            self.slot.leads.eq(self.valid & take_best),
            self.complement.eq(best),
        ]
        return m
