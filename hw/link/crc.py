"""The CRC of frames, a bit a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RESIDUE", "SerialCrc"]

POLYNOMIAL = 0xEDB88320
"""Of CRC-32 of IEEE 802.3; the highest power in the lowest bit, as its bits are sent."""

RESIDUE = 0xDEBB20E3
"""What the register holds behind any data that is followed by its CRC."""


class SerialCrc(wiring.Component):
    """Take a bit a cycle.

    Members
    -------
    begin : In(1)
        Begin anew.
    enable : In(1)
    bit : In(1)
        The lowest of a byte comes first.
    feedback : In(1)
        It is a bit of the data; else one of a CRC as it is sent, shifted in as it stands.
    value : Out(32)
        The CRC as it is sent: its lowest byte first.
    """

    def __init__(self):
        super().__init__(
            {
                "begin": In(1),
                "enable": In(1),
                "bit": In(1),
                "feedback": In(1),
                "value": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        state = Signal(32, init=0xFFFFFFFF)
        fed = Signal()
        taps = Signal(32)
        m.d.comb += [
            self.value.eq(~state),
            fed.eq(self.feedback & (state[0] ^ self.bit)),
            taps.eq(Mux(fed, POLYNOMIAL, 0)),
        ]
        with m.If(self.begin):
            m.d.sync += state.eq(0xFFFFFFFF)
        with m.Elif(self.enable):
            # without feedback the inverted bit goes in, as CRCs are sent inverted
            entering = Mux(self.feedback, 0, ~self.bit)
            m.d.sync += state.eq(Cat(state[1:], entering) ^ taps)
        return m
