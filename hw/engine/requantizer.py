"""From an accumulator to eight bits, and once more for a residual addition."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import ACCUMULATOR_WIDTH
from ...golden.spec.numbers import MULTIPLIER_WIDTH
from .delay import Delay
from .multiplier import Multiplier
from .payload import ACCUMULATOR
from .round_shift import RoundShift

__all__ = ["ChannelLine", "Requantizer"]

LOW_WIDTH = 15
"""Bits of the lower part of a number that is multiplied in two parts, each of up to 16 bits."""


class ChannelLine(data.StructLayout):
    """Two words of a channel in the channel memory, for one pass.

    In the second pass the lowest 16 bits of the bias are the other operand's multiplier.
    """

    def __init__(self):
        super().__init__(
            {"bias": signed(32), "multiplier": 16, "shift_less_one": 6, "logit": 1, "unused": 9}
        )


class Requantizer(wiring.Component):
    """Compute ``clamp(floor(((acc + bias) * multiplier + 2**(shift - 1)) / 2**shift))``.

    Or, `again`, ``clamp(floor((value * multiplier + other * n + 2**(shift - 1)) / 2**shift))``
    with the value that comes out in the same cycle: both need two products, and a residual
    addition has time for two passes.

    Latency: `latency` cycles. Throughput: one a cycle.

    Members
    -------
    accumulator : In(signed)
    other : In(signed(9))
    scale : In(ChannelLine)
    again : In(1)
    is_signed : In(1)
        Clamp to int8 instead of uint8.
    value : Out(signed(9))
    logit : Out(1)
        As the scale said.
    """

    latency = 2 + Multiplier.latency + 2 + RoundShift.latency

    def __init__(self, family: str = "generic"):
        self._family = family
        super().__init__(
            {
                "accumulator": In(ACCUMULATOR),
                "other": In(signed(9)),
                "scale": In(ChannelLine()),
                "again": In(1),
                "is_signed": In(1),
                "value": Out(signed(9)),
                "logit": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        high_width = ACCUMULATOR_WIDTH - LOW_WIDTH
        low = Multiplier(signed(LOW_WIDTH + 1), unsigned(MULTIPLIER_WIDTH), self._family)
        high = Multiplier(signed(high_width), unsigned(MULTIPLIER_WIDTH), self._family)
        m.submodules.low, m.submodules.high = low, high

        # -- cycle 1: the bias --------------------------------------------------------------------
        total = Signal(ACCUMULATOR, reset_less=True)
        value = Signal(signed(9), name="value_again", reset_less=True)
        other = Signal(signed(9), name="other_again", reset_less=True)
        scale = Signal(ChannelLine(), reset_less=True)
        m.d.sync += [
            total.eq(self.accumulator + self.scale.bias),
            value.eq(self.value),
            other.eq(self.other),
            scale.eq(self.scale),
        ]

        # what a product needs comes with it
        pass_of = data.StructLayout({"shift_less_one": 6, "logit": 1, "again": 1, "is_signed": 1})
        begun, added = (Signal(pass_of, name=name, reset_less=True) for name in ("begun", "added"))
        multiplied = Delay(pass_of, 1 + Multiplier.latency + 1, self._family)
        m.submodules.multiplied = multiplied
        m.d.sync += [
            begun.shift_less_one.eq(self.scale.shift_less_one),
            begun.logit.eq(self.scale.logit),
            begun.again.eq(self.again),
            begun.is_signed.eq(self.is_signed),
            added.eq(multiplied.o),
        ]
        m.d.comb += multiplied.i.eq(begun)

        # -- cycle 2: what is multiplied ----------------------------------------------------------
        again = begun.again
        low_operand = Signal(signed(LOW_WIDTH + 1), reset_less=True)
        high_operand = Signal(signed(high_width), reset_less=True)
        low_factor = Signal(MULTIPLIER_WIDTH, reset_less=True)
        high_factor = Signal(MULTIPLIER_WIDTH, reset_less=True)
        m.d.sync += [
            low_factor.eq(scale.multiplier),
            high_factor.eq(Mux(again, scale.bias[:MULTIPLIER_WIDTH], scale.multiplier)),
            low_operand.eq(Mux(again, value, total[:LOW_WIDTH])),
            high_operand.eq(Mux(again, other, total[LOW_WIDTH:].as_signed())),
        ]
        m.d.comb += [
            low.a.eq(low_operand),
            high.a.eq(high_operand),
            low.b.eq(low_factor),
            high.b.eq(high_factor),
        ]

        # -- a register behind the multipliers, which may lie far away; their sum ------------------
        low_product = Signal.like(low.product, name="low_product", reset_less=True)
        high_product = Signal.like(high.product, name="high_product", reset_less=True)
        product = Signal(signed(ACCUMULATOR_WIDTH + MULTIPLIER_WIDTH), reset_less=True)
        beside, above = high_product, high_product << LOW_WIDTH
        m.d.sync += [
            low_product.eq(low.product),
            high_product.eq(high.product),
            product.eq(low_product + Mux(multiplied.o.again, beside, above)),
        ]

        m.submodules.round_shift = round_shift = RoundShift(len(product))
        m.d.comb += [
            round_shift.x.eq(product),
            round_shift.shift_less_one.eq(added.shift_less_one),
            round_shift.is_signed.eq(added.is_signed),
            self.value.eq(round_shift.y),
        ]
        logit = added.logit
        for cycle in range(RoundShift.latency):
            before, logit = logit, Signal(name=f"logit_{cycle}", reset_less=True)
            m.d.sync += logit.eq(before)
        m.d.comb += self.logit.eq(logit)
        return m
