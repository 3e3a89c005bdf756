"""AXI4-Lite in front of a register port."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .signature import AxiLite, RegisterPort, Response

__all__ = ["AxiLiteSlave"]


class AxiLiteSlave(wiring.Component):
    """Turn AXI4-Lite into accesses of a register port, one write and one read at a time.

    Address and data of a write may come in any order; both are taken in one cycle, when both are
    there, so neither is stored. No output depends on an input in the same cycle. An access to
    an address that is no multiple of 4, a write without all strobes, and what the port refuses,
    answer SLVERR; the first two do not reach the port. AxPROT is ignored.

    Latency: a write takes effect at the clock edge that raises BVALID, 2 cycles after both AWVALID
    and WVALID were seen; RVALID comes 2 cycles after ARVALID, plus the cycles of `read` before
    `read_done`. Throughput: a write every 3 cycles, a read every 3 plus these.

    Parameters
    ----------
    address_width : int
        Bits of a byte address.

    Members
    -------
    bus : In(AxiLite)
    port : Out(RegisterPort)
    """

    def __init__(self, address_width: int):
        self._address_width = address_width
        super().__init__(
            {"bus": In(AxiLite(address_width)), "port": Out(RegisterPort(address_width))}
        )

    def elaborate(self, platform):
        m = Module()
        self._elaborate_write(m)
        self._elaborate_read(m)
        return m

    def _elaborate_write(self, m):
        bus, port = self.bus, self.port
        accept = Signal()
        legal = Signal()
        m.d.comb += [
            bus.awready.eq(accept),
            bus.wready.eq(accept),
            legal.eq((bus.awaddr[:2] == 0) & bus.wstrb.all()),
            port.write.eq(accept & legal),
            port.write_address.eq(bus.awaddr[2:]),
            port.write_data.eq(bus.wdata),
        ]
        m.d.sync += accept.eq(bus.awvalid & bus.wvalid & ~accept & ~bus.bvalid)
        with m.If(accept):
            m.d.sync += [
                bus.bvalid.eq(1),
                bus.bresp.eq(Mux(legal & ~port.write_error, Response.OKAY, Response.SLVERR)),
            ]
        with m.Elif(bus.bready):
            m.d.sync += bus.bvalid.eq(0)

    def _elaborate_read(self, m):
        bus, port = self.bus, self.port
        aligned = Signal()
        wanted = Signal()
        # the word is looked up while ARADDR waits for ARREADY, so it is not stored either
        m.d.comb += [
            aligned.eq(bus.araddr[:2] == 0),
            wanted.eq(bus.arvalid & ~bus.arready & ~bus.rvalid),
            port.read.eq(wanted & aligned),
            port.read_address.eq(bus.araddr[2:]),
        ]
        m.d.sync += bus.arready.eq(wanted & (port.read_done | ~aligned))
        # whether the port is done or not: it stays once ARREADY is up
        with m.If(~bus.arready & ~bus.rvalid):
            failed = ~aligned | port.read_error
            m.d.sync += [
                bus.rdata.eq(port.read_data),
                bus.rresp.eq(Mux(failed, Response.SLVERR, Response.OKAY)),
            ]
        with m.If(bus.arready):
            m.d.sync += bus.rvalid.eq(1)
        with m.Elif(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
