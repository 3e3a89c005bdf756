"""From an accumulator to eight bits, and the residual addition behind it."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import ACCUMULATOR_WIDTH
from ...golden.spec.numbers import MULTIPLIER_WIDTH
from .multiplier import Multiplier
from .payload import ACCUMULATOR
from .round_shift import RoundShift

__all__ = ["Requantizer", "RequantizerLine", "ResidualAdder", "ResidualLine"]

LOW_WIDTH = 17
"""Bits of the lower part of a number that is multiplied in two parts."""


class RequantizerLine(data.StructLayout):
    """The first two words of a channel in the channel memory."""

    def __init__(self):
        super().__init__({"bias": signed(32), "multiplier": 16, "shift_less_one": 6, "unused": 10})


class ResidualLine(data.StructLayout):
    """The other two words of a channel in the channel memory."""

    def __init__(self):
        super().__init__(
            {
                "first_multiplier": 16,
                "other_multiplier": 16,
                "residual_shift_less_one": 6,
                "unused": 26,
            }
        )


class Requantizer(wiring.Component):
    """Compute ``clamp(floor(((acc + bias) * multiplier + 2**(shift - 1)) / 2**shift))``.

    Latency: `latency` cycles. Throughput: one a cycle.

    Members
    -------
    accumulator : In(signed)
    bias : In(signed(32))
    multiplier : In(16)
    shift_less_one : In(6)
    is_signed : In(1)
        Clamp to int8 instead of uint8; must not change while something is inside.
    value : Out(signed(9))
    """

    latency = 1 + Multiplier.latency + 1 + RoundShift.latency

    def __init__(self, family: str = "generic"):
        self._family = family
        super().__init__(
            {
                "accumulator": In(ACCUMULATOR),
                "bias": In(signed(32)),
                "multiplier": In(MULTIPLIER_WIDTH),
                "shift_less_one": In(6),
                "is_signed": In(1),
                "value": Out(signed(9)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        total = Signal(ACCUMULATOR, reset_less=True)
        factor = Signal(MULTIPLIER_WIDTH, reset_less=True)
        m.d.sync += [total.eq(self.accumulator + self.bias), factor.eq(self.multiplier)]

        positive = Cat(factor, Const(0, 1)).as_signed()
        low = Multiplier(LOW_WIDTH + 1, MULTIPLIER_WIDTH + 1, self._family)
        high = Multiplier(ACCUMULATOR_WIDTH - LOW_WIDTH, MULTIPLIER_WIDTH + 1, self._family)
        m.submodules.low, m.submodules.high = low, high
        m.d.comb += [
            low.a.eq(total[:LOW_WIDTH]),
            high.a.eq(total[LOW_WIDTH:].as_signed()),
            low.b.eq(positive),
            high.b.eq(positive),
        ]
        product = Signal(signed(ACCUMULATOR_WIDTH + MULTIPLIER_WIDTH), reset_less=True)
        m.d.sync += product.eq(low.product + (high.product << LOW_WIDTH))

        m.submodules.round_shift = round_shift = RoundShift(len(product))
        shift = [self.shift_less_one]
        for cycle in range(1 + Multiplier.latency + 1):
            shift.append(Signal(6, name=f"shift_{cycle}", reset_less=True))
            m.d.sync += shift[-1].eq(shift[-2])
        m.d.comb += [
            round_shift.x.eq(product),
            round_shift.shift_less_one.eq(shift[-1]),
            round_shift.is_signed.eq(self.is_signed),
            self.value.eq(round_shift.y),
        ]
        return m


class ResidualAdder(wiring.Component):
    """Compute ``clamp(floor((a * m + b * n + 2**(shift - 1)) / 2**shift))``.

    Latency: `latency` cycles. Throughput: one a cycle.

    Members
    -------
    value, other : In(signed(9))
        a and b.
    value_multiplier, other_multiplier : In(16)
        m and n.
    shift_less_one : In(6)
    is_signed : In(1)
        Clamp to int8 instead of uint8; must not change while something is inside.
    total : Out(signed(9))
    """

    latency = Multiplier.latency + 1 + RoundShift.latency

    def __init__(self, family: str = "generic"):
        self._family = family
        super().__init__(
            {
                "value": In(signed(9)),
                "other": In(signed(9)),
                "value_multiplier": In(MULTIPLIER_WIDTH),
                "other_multiplier": In(MULTIPLIER_WIDTH),
                "shift_less_one": In(6),
                "is_signed": In(1),
                "total": Out(signed(9)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        products = []
        for name in ("value", "other"):
            multiplier = Multiplier(9, MULTIPLIER_WIDTH + 1, self._family)
            m.submodules[name] = multiplier
            factor = getattr(self, f"{name}_multiplier")
            m.d.comb += [
                multiplier.a.eq(getattr(self, name)),
                multiplier.b.eq(Cat(factor, Const(0, 1)).as_signed()),
            ]
            products.append(multiplier.product)
        total = Signal(signed(len(products[0]) + 1), reset_less=True)
        m.d.sync += total.eq(products[0] + products[1])

        m.submodules.round_shift = round_shift = RoundShift(len(total))
        shift = [self.shift_less_one]
        for cycle in range(Multiplier.latency + 1):
            shift.append(Signal(6, name=f"shift_{cycle}", reset_less=True))
            m.d.sync += shift[-1].eq(shift[-2])
        m.d.comb += [
            round_shift.x.eq(total),
            round_shift.shift_less_one.eq(shift[-1]),
            round_shift.is_signed.eq(self.is_signed),
            self.total.eq(round_shift.y),
        ]
        return m
