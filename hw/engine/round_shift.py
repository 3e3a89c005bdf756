"""Shift right, round half up, clamp: the last step of every requantization."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RoundShift"]


OCTET = 8
"""What the coarse shift goes by."""

NARROW = 11
"""Bits to which a number is clamped before it is rounded: more than a result has."""


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
        # -- by octets: NARROW bits, and those that the fine shift drops --------------------------
        coarse = Signal(signed(NARROW + OCTET - 1), reset_less=True)
        octets = Array(self.x >> OCTET * octet for octet in range(8))
        m.d.sync += coarse.eq(octets[self.shift_less_one[3:]])
        # of the bits above, whether each octet is nothing but sign
        starts = range(len(coarse) - 1, len(self.x), OCTET)
        plain = Signal(len(starts), reset_less=True)
        for octet, start in enumerate(starts):
            bits = self.x[start : start + OCTET]
            m.d.sync += plain[octet].eq(Mux(self.x[-1], bits.all(), ~bits.any()))
        shift = Signal.like(self.shift_less_one, name="shift_coarse", reset_less=True)
        negative = [Signal(name=f"negative_{cycle}", reset_less=True) for cycle in range(2)]
        m.d.sync += [
            shift.eq(self.shift_less_one),
            negative[0].eq(self.x[-1]),
            negative[1].eq(negative[0]),
        ]

        # -- the rest of the shift; are all octets plain that are still above? --------------------
        shifted = Signal.like(coarse, reset_less=True)
        fits = Signal(reset_less=True)
        shifted_out = [shift[3:] > octet for octet in range(len(plain))]
        m.d.sync += [
            shifted.eq(coarse >> shift[:3]),
            fits.eq((plain | Cat(shifted_out)).all()),
        ]

        # beyond -1024..1023 the result is clamped, whatever follows
        short = Signal(signed(NARROW), reset_less=True)
        above = shifted[NARROW - 1 :]
        with m.If(fits & (above.all() | ~above.any())):
            m.d.sync += short.eq(shifted)
        with m.Else():
            m.d.sync += short.eq(Mux(negative[1], -1 << (NARROW - 1), (1 << (NARROW - 1)) - 1))

        rounded = Signal(signed(11))
        low, high = Mux(is_signed[-1], -128, 0), Mux(is_signed[-1], 127, 255)
        m.d.comb += rounded.eq((short + 1) >> 1)
        m.d.sync += self.y.eq(Mux(rounded < low, low, Mux(rounded > high, high, rounded)))
        return m
