"""Third stage: the exact sum, and its comparison through the same adder."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .exponential import Addend

__all__ = ["Accumulator", "Sum"]


class Sum(data.StructLayout):
    """The sum of all exponentials of a vector but the winner's.

    Members
    -------
    value : accumulator_width
        The sum, modulo ``2**accumulator_width``.
    overflow : 1
        The sum is larger than that: no threshold lets such a vector exit.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"value": config.accumulator_width, "overflow": 1})


class Accumulator(wiring.Component):
    """Sum exponentials exactly; at a closing addend say whether to exit, and start again at zero.

    Integer sums do not depend on the order of the logits, and no width depends on their number:
    a sum beyond the accumulator is beyond every exponential, so a sticky bit is all that is kept.

    Latency: 1 cycle from the closing addend to `exit` and `total`.

    Members
    -------
    addend : In(Addend)
    closed : Out(1)
        `exit` and `total` belong to a vector whose closing addend came in the cycle before.
    exit : Out(1)
        Whether the sum is at most E(winner - threshold).
    total : Out(Sum)
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "addend": In(Addend(config)),
                "closed": Out(1),
                "exit": Out(1),
                "total": Out(Sum(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = self._config.accumulator_width

        running = Signal(Sum(self._config))
        added = Signal(width + 1)
        above = Signal()
        m.d.comb += [
            added.eq(running.value + self.addend.value),
            above.eq(running.overflow | added[width]),
        ]
        m.d.sync += self.closed.eq(self.addend.closing)
        with m.If(self.addend.closing):
            m.d.sync += [
                running.eq(0),
                self.exit.eq(~above),
                self.total.eq(running),
            ]
        with m.Else():
            m.d.sync += [running.value.eq(added), running.overflow.eq(above)]
        return m
