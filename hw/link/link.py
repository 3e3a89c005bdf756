"""The board's side of the link, between the pins of a UART and the buses of an engine."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...golden.spec.link import STALL_CYCLES, LinkConfig, clocks_per_bit
from .byte_link import ByteLink, bus_members
from .uart_receiver import UartReceiver
from .uart_transmitter import UartTransmitter

__all__ = ["Link"]


class Link(wiring.Component):
    """`ByteLink` between a receiver and a transmitter.

    Parameters
    ----------
    config : LinkConfig
    stall_cycles : int
    family : str
        See `ByteLink`.

    Members
    -------
    rx : In(1)
        The line from the host, 1 when idle; synchronous to nothing.
    tx : Out(1)
        The line to the host.
    registers, image, result, engine_reset
        See `bus_members`.
    """

    def __init__(
        self, config: LinkConfig, *, stall_cycles: int = STALL_CYCLES, family: str = "generic"
    ):
        self.config = config
        self._stall_cycles = stall_cycles
        self._family = family
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), **bus_members()})

    def elaborate(self, platform):
        m = Module()
        clocks = clocks_per_bit(self.config.clock_hz, self.config.baud)
        m.submodules.receiver = receiver = UartReceiver(clocks)
        m.submodules.bytes = link = ByteLink(
            self.config, stall_cycles=self._stall_cycles, family=self._family
        )
        m.submodules.transmitter = transmitter = UartTransmitter(clocks)
        connect(m, receiver.o, link.i)
        connect(m, link.o, transmitter.i)
        connect(m, link.registers, flipped(self.registers))
        connect(m, link.image, flipped(self.image))
        connect(m, flipped(self.result), link.result)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            self.engine_reset.eq(link.engine_reset),
        ]
        return m
