"""One lane of the drain: an accumulator becomes eight bits."""

from amaranth.hdl import Cat, Module, Mux, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .channel_memory import ChannelMemory
from .delay import Delay
from .payload import ACCUMULATOR
from .requantizer import ChannelLine, Requantizer

__all__ = ["DrainLane"]


class DrainLane(wiring.Component):
    """Requantize an accumulator, and then add the other operand if there is one.

    Latency: from `accumulator` to `scale` `SCALE` cycles, to `value` `REQUANTIZED` cycles. With
    another operand that value, `other`, `again` and the second `scale` meet in one cycle, and the
    sum is there as `value` `ADDED` cycles from the accumulator. Throughput: one a cycle, or one in
    two with another operand.

    Members
    -------
    accumulator : In(signed)
    scale : In(ChannelLine)
    other : In(8)
    again : In(1)
    out_signed, other_signed, sum_signed : In(1)
        Formats, as in `Operation`; must not change while something is inside.
    value : Out(signed(9))
    logit : Out(1)
        With `value`: whether it is one, if the operation has any.
    """

    SCALE = ChannelMemory.latency
    REQUANTIZED = SCALE + Requantizer.latency
    ADDED = REQUANTIZED + Requantizer.latency

    def __init__(self, family: str = "generic"):
        self._family = family
        super().__init__(
            {
                "accumulator": In(ACCUMULATOR),
                "scale": In(ChannelLine()),
                "other": In(8),
                "again": In(1),
                "out_signed": In(1),
                "other_signed": In(1),
                "sum_signed": In(1),
                "value": Out(signed(9)),
                "logit": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.requantizer = requantizer = Requantizer(self._family)
        m.submodules.waiting = waiting = Delay(ACCUMULATOR, self.SCALE, self._family)
        m.d.comb += [
            waiting.i.eq(self.accumulator),
            requantizer.accumulator.eq(waiting.o),
            requantizer.scale.eq(self.scale),
            requantizer.again.eq(self.again),
            requantizer.is_signed.eq(Mux(self.again, self.sum_signed, self.out_signed)),
            requantizer.other.eq(Cat(self.other, self.other[7] & self.other_signed).as_signed()),
            self.value.eq(requantizer.value),
            self.logit.eq(requantizer.logit),
        ]
        return m
