"""First part: split each vector into its maximum and everything else."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
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

    The slot after the last logit is the closing one. With the register "threshold" a closing slot
    sends the maximum on, and `Lowering` subtracts.

    Latency: `latency`, 1 with the register "input", else 0.

    Members
    -------
    logit : In(signed(logit_width))
    last : In(1)
    valid : In(1)
        Whether there is a logit in this slot.
    threshold : In(signed(logit_width + 1))
        Sampled in closing slots. Absent with the register "threshold".
    slot : Out(Slot)
    operand : Out(Operand)
    complement : Out(logit_width)
        Of the winner, in the closing slot.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self.latency = int("input" in config.registers)
        members = {
            "logit": In(signed(config.logit_width)),
            "last": In(1),
            "valid": In(1),
            "slot": Out(Slot()),
            "operand": Out(Operand(config)),
            "complement": Out(config.logit_width),
        }
        if "threshold" not in config.registers:
            members["threshold"] = In(signed(config.threshold_format.width))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        width = self._config.logit_width

        running = Signal()
        closing = Signal()
        m.d.sync += closing.eq(self.valid & self.last)
        m.d.sync += running.eq((running & ~self.valid) | (self.valid & ~self.last))
        best = Signal(width, reset_less=True)
        m.d.comb += self.complement.eq(best)

        if self.latency:
            valid, y_logit, takes = self._compare_late(m, best, running, closing)
        else:
            valid, y_logit, takes = self._compare(m, best, running, closing)

        m.d.comb += self.slot.leads.eq(valid & takes)
        if "threshold" in self._config.registers:
            m.d.comb += [
                self.operand.complement.eq(Mux(takes, best, y_logit)),
                self.operand.void.eq(~valid & ~self.slot.closing),
            ]
            return m

        # W + 1 bits: the highest is set if and only if x is out of range, on either side
        lowered = Signal(width + 1)
        m.d.comb += [
            lowered.eq(best + self.threshold),
            self.operand.complement.eq(
                Mux(takes, Mux(self.slot.closing, lowered[:width], best), y_logit)
            ),
            self.operand.void.eq(Mux(self.slot.closing, lowered[width], ~valid)),
            self.operand.never.eq(self.slot.closing & ~self.threshold[-1]),
        ]
        return m

    def _compare(self, m, best, running, closing):
        """Compare the logit as it comes; return whether there is one, its complement, and `takes`.

        `takes` says that the slot sends `best` on: the logit is larger, or a vector closes.
        """
        width = self._config.logit_width
        # the offset z + 2**(W-1) inverts the sign bit, the complement all bits but the sign
        x_top = ~self.logit[-1]
        y_logit = Signal(width)
        m.d.comb += y_logit.eq(self.logit ^ ((1 << (width - 1)) - 1))

        # The sign bits are added apart: the carry chain has no place for the inverter of x_top.
        low_sum = Signal(width)
        larger = Signal()
        m.d.comb += [
            low_sum.eq(self.logit[:-1] + best[:-1]),
            larger.eq((x_top & best[-1]) | (low_sum[-1] & (x_top | best[-1]))),
        ]
        # one signal for both, so that a slot's operand is chosen by one
        takes = Signal()
        m.d.comb += takes.eq(larger | closing)
        with m.If(self.valid & (~running | takes)):
            m.d.sync += best.eq(y_logit)
        m.d.comb += [self.slot.between.eq(~running), self.slot.closing.eq(closing)]
        return self.valid, y_logit, takes

    def _compare_late(self, m, best, running, closing):
        """Compare the logit of the cycle before, when all else is known already.

        The carry chain has one bit more, that makes `takes` of the comparison: one is set if the
        slot takes the logit or `best` whatever they are, the other if it may.
        """
        width = self._config.logit_width
        valid = Signal()
        x = Signal(width, reset_less=True)
        always = Signal()
        may = Signal()
        m.d.sync += [
            valid.eq(self.valid),
            x.eq(self.logit ^ (1 << (width - 1))),
            always.eq(closing | (self.valid & ~running)),
            may.eq(closing | self.valid),
            self.slot.between.eq(~running),
            self.slot.closing.eq(closing),
        ]
        takes = Signal()
        m.d.comb += takes.eq((Cat(x, always) + Cat(best, may))[-1])
        # A closing slot without a logit leaves what is not used. Written as logic: tools make an
        # enable of a multiplexer, and the way to that is longer.
        every = takes.replicate(width)
        m.d.sync += best.eq((~x & every) | (best & ~every))
        return valid, ~x, takes
