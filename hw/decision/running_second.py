"""The second largest logit, from the stream of all logits but one maximum."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .running_maximum import Operand
from .slot import Slot

__all__ = ["RunningSecond"]


class RunningSecond(wiring.Component):
    """Decide by the margin beside the sum: keep the largest operand, and compare the closing one.

    A closing operand is ``x = maximum - threshold``, and ``margin >= threshold`` is
    ``x >= second``: the comparison that the other slots need too, to replace the second by what
    is not below it. Operands come as complements, ``y = 2**W - 1 - x``, so that it is an addition
    without an inverter: ``x >= second  <=>  y + second < 2**W``.

    The outputs follow the inputs without delay.

    Members
    -------
    operand : In(Operand)
    slot : In(Slot)
    second : Out(logit_width)
        The second largest offset logit, in the closing slot.
    exit : Out(1)
        Whether the margin reaches the threshold, in the closing slot.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "operand": In(Operand(config)),
                "slot": In(Slot()),
                "second": Out(config.logit_width),
                "exit": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = self._config.logit_width
        total = Signal(width + 1)
        reaches = Signal()
        m.d.comb += [
            total.eq(self.operand.complement + self.second),
            reaches.eq(~total[width]),
            # out of range x is negative, or above every logit
            self.exit.eq(Mux(self.operand.void, ~self.operand.never, reaches)),
        ]
        # a vector has two logits or more, so 0 is as good as no second one
        with m.If(self.slot.between):
            m.d.sync += self.second.eq(0)
        with m.Elif(reaches & ~self.operand.void):
            m.d.sync += self.second.eq(~self.operand.complement)
        return m
