"""Shift right, round half up, clamp: the last step of every requantization."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RoundShift"]


class RoundShift(wiring.Component):
    """Compute ``clamp(floor((x + 2**(shift - 1)) / 2**shift))``.

    As ``floor((floor(x / 2**(shift - 1)) + 1) / 2)``: shifted by ``shift - 1`` in two cycles, then
    clamped to a few bits more than needed, then rounded and clamped.

    Latency: `latency` cycles. Throughput: one a cycle.

    Parameters
    ----------
    width : int
        Bits of x.

    Members
    -------
    x : In(signed(width))
    shift_less_one : In(6)
    is_signed : In(1)
        Clamp to int8 instead of uint8.
    y : Out(signed(9))
    """

    latency = 4

    def __init__(self, width: int):
        super().__init__(
            {
                "x": In(signed(width)),
                "shift_less_one": In(6),
                "is_signed": In(1),
                "y": Out(signed(9)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        is_signed = [self.is_signed]
        for cycle in range(self.latency - 1):
            is_signed.append(Signal(name=f"is_signed_{cycle}", reset_less=True))
            m.d.sync += is_signed[-1].eq(is_signed[-2])
        coarse = Signal.like(self.x, reset_less=True)
        fine_shift = Signal(3, reset_less=True)
        m.d.sync += [
            coarse.eq(self.x >> (self.shift_less_one[3:] << 3)),
            fine_shift.eq(self.shift_less_one[:3]),
        ]
        shifted = Signal.like(self.x, reset_less=True)
        m.d.sync += shifted.eq(coarse >> fine_shift)

        # beyond -1024..1023 the result is clamped, whatever follows
        short = Signal(signed(11), reset_less=True)
        upper = shifted[10:]
        with m.If(upper.all() | ~upper.any()):
            m.d.sync += short.eq(shifted[:11].as_signed())
        with m.Else():
            m.d.sync += short.eq(Mux(shifted[-1], -1024, 1023))

        rounded = Signal(signed(11))
        low, high = Mux(is_signed[-1], -128, 0), Mux(is_signed[-1], 127, 255)
        m.d.comb += rounded.eq((short + 1) >> 1)
        m.d.sync += self.y.eq(Mux(rounded < low, low, Mux(rounded > high, high, rounded)))
        return m
