"""Third part of several lanes: the addends of a cycle as one, the sum, and its comparison."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .accumulator import Addend, Sum

__all__ = ["LaneAccumulator", "LaneAdder"]


class LaneAdder(wiring.Component):
    """Add two sums, with a sticky overflow.

    All addends are positive: if a part of a sum is beyond the accumulator, so is the sum. So the
    overflow does not depend on the order in which parts are added.

    Latency: 1 cycle.

    Members
    -------
    a, b : In(Sum)
    without_b : In(1)
        Pass `a` on; to ``b = 0`` an adder that follows the choice costs nothing.
    o : Out(Sum)
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._width = config.accumulator_width
        layout = Sum(config)
        super().__init__({"a": In(layout), "b": In(layout), "without_b": In(1), "o": Out(layout)})

    def elaborate(self, platform):
        m = Module()
        added = Signal(self._width + 1)
        o = Signal.like(self.o, reset_less=True)
        m.d.comb += [added.eq(self.a.value + self.b.value), self.o.eq(o)]
        carries = added[self._width] | self.b.overflow
        m.d.sync += [
            # behind the adder: a LUT before the carry chain would be one more
            o.value.eq(Mux(self.without_b, self.a.value, added)),
            o.overflow.eq(self.a.overflow | (carries & ~self.without_b)),
        ]
        return m


class LaneAccumulator(wiring.Component):
    """Sum the sums of beats, and compare when closing.

    The slot that closes a vector may bring the first beat of the next one, so the comparison has
    an adder of its own, and the sum of the next vector begins with that beat.

    Latency: `latency`, 1 with the register "decision", else 0.

    Members
    -------
    addend : In(Sum)
        Of all logits of a beat but one.
    limit : In(Addend)
        ``2**accumulator_width - 1 - E(winner - threshold)``, for a closing slot.
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
                "addend": In(Sum(config)),
                "limit": In(Addend(config)),
                "between": In(1),
                "exit": Out(1),
                "total": Out(Sum(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = self._config.accumulator_width

        m.submodules.adder = adder = LaneAdder(self._config)
        running = adder.o
        compared = Signal(width + 1)
        exit_taken = Signal()
        m.d.comb += [
            adder.a.eq(self.addend),
            adder.b.eq(running),
            adder.without_b.eq(self.between),
            compared.eq(running.value + self.limit.value),
            exit_taken.eq(~(compared[width] | self.limit.never | running.overflow)),
        ]
        domain = m.d.sync if self.latency else m.d.comb
        exit_kept = Signal(reset_less=True)
        total = Signal(Sum(self._config), reset_less=True)
        domain += [exit_kept.eq(exit_taken), total.eq(running)]
        m.d.comb += [self.exit.eq(exit_kept), self.total.eq(total)]
        return m
