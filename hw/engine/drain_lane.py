"""One lane of the drain: an accumulator becomes eight bits."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .payload import ACCUMULATOR
from .requantizer import Requantizer, RequantizerLine, ResidualAdder, ResidualLine
from .wide_memory import WideMemory

__all__ = ["DrainLane"]


class DrainLane(wiring.Component):
    """Requantize an accumulator, and add the other operand if there is one.

    Latency: from `accumulator` to `scale` `SCALE` cycles, to `residual_scale` and `other`
    `REQUANTIZED` cycles, to `value` `ADDED` cycles. Throughput: one a cycle.

    Members
    -------
    accumulator : In(signed)
    scale : In(RequantizerLine)
    residual_scale : In(ResidualLine)
    other : In(8)
    residual : In(1)
        Whether there is another operand; this and the following must not change while something
        is inside.
    out_signed, other_signed, sum_signed : In(1)
        Formats, as in `Operation`.
    value : Out(signed(9))
    """

    SCALE = WideMemory.latency
    REQUANTIZED = SCALE + Requantizer.latency
    ADDED = REQUANTIZED + ResidualAdder.latency

    def __init__(self, family: str = "generic"):
        self._family = family
        super().__init__(
            {
                "accumulator": In(ACCUMULATOR),
                "scale": In(RequantizerLine()),
                "residual_scale": In(ResidualLine()),
                "other": In(8),
                "residual": In(1),
                "out_signed": In(1),
                "other_signed": In(1),
                "sum_signed": In(1),
                "value": Out(signed(9)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.requantizer = requantizer = Requantizer(self._family)
        m.submodules.residual_adder = adder = ResidualAdder(self._family)
        m.d.comb += [
            requantizer.accumulator.eq(_delayed(m, self.accumulator, self.SCALE)),
            requantizer.bias.eq(self.scale.bias),
            requantizer.multiplier.eq(self.scale.multiplier),
            requantizer.shift_less_one.eq(self.scale.shift_less_one),
            requantizer.is_signed.eq(self.out_signed),
            adder.value.eq(requantizer.value),
            adder.other.eq(Cat(self.other, self.other[7] & self.other_signed).as_signed()),
            adder.value_multiplier.eq(self.residual_scale.first_multiplier),
            adder.other_multiplier.eq(self.residual_scale.other_multiplier),
            adder.shift_less_one.eq(self.residual_scale.residual_shift_less_one),
            adder.is_signed.eq(self.sum_signed),
        ]
        alone = _delayed(m, requantizer.value, ResidualAdder.latency)
        m.d.comb += self.value.eq(Mux(self.residual, adder.total, alone))
        return m


def _delayed(m, value, cycles):
    """Return what `value` was some cycles before."""
    for cycle in range(cycles):
        delayed = Signal.like(value, name=f"{value.name}_{cycle}", reset_less=True)
        m.d.sync += delayed.eq(value)
        value = delayed
    return value
