"""Third part: the exact sum, and its comparison through the same adder."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig

__all__ = ["Accumulator", "Addend", "Sum"]


class Addend(data.StructLayout):
    """What is added to the sum in a slot.

    Members
    -------
    value : accumulator_width
        As of `Exponential`; 0 for a void operand, which exits for every sum when closing.
    never : 1
        No sum lets the vector exit.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"value": config.accumulator_width, "never": 1})


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
    """Sum exponentials exactly, from zero after each slot between vectors; compare when closing.

    Integer sums do not depend on the order of the logits, and no width depends on their number:
    a sum beyond the accumulator is beyond every exponential, so a sticky bit is all that is kept.

    Latency: `latency`, 1 with the register "decision", else 0.

    Members
    -------
    addend : In(Addend)
    between : In(1)
        As of `Slot`.
    exit : Out(1)
        For a closing slot: whether the sum is at most E(winner - threshold).
    total : Out(Sum)
        For a closing slot.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self.latency = int("decision" in config.registers)
        super().__init__(
            {
                "addend": In(Addend(config)),
                "between": In(1),
                "exit": Out(1),
                "total": Out(Sum(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = self._config.accumulator_width

        running = Signal(width, reset_less=True)
        added = Signal(width + 1)
        m.d.comb += added.eq(running + self.addend.value)
        m.d.sync += running.eq(added)
        with m.If(self.between):
            m.d.sync += running.eq(0)

        # One bit is the sticky overflow of the running sum and, after a closing slot, the
        # decision: in the slot after one between vectors it says nothing of the sum.
        fits = Signal(reset_less=True)
        fresh = Signal()
        above = Signal()
        m.d.comb += above.eq(added[width] | self.addend.never | (~fits & ~fresh))
        m.d.sync += [fits.eq(~above), fresh.eq(self.between)]

        if self.latency:
            total = Signal(Sum(self._config), reset_less=True)
            m.d.sync += [total.value.eq(running), total.overflow.eq(~fits & ~fresh)]
            m.d.comb += [self.exit.eq(fits), self.total.eq(total)]
        else:
            m.d.comb += [
                self.exit.eq(~above),
                self.total.value.eq(running),
                self.total.overflow.eq(~fits & ~fresh),
            ]
        return m
