"""Interfaces by the names of the AXI standard, and the port between bus and registers."""

from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.registers import WORD_BITS, WORD_BYTES

__all__ = ["AxiLite", "AxiStream", "RegisterPort", "Response"]


class Response(enum.Enum, shape=2):
    """What BRESP and RRESP may say here."""

    OKAY = 0b00
    SLVERR = 0b10


class AxiLite(wiring.Signature):
    """AXI4-Lite with 32-bit data, as the master drives it.

    Parameters
    ----------
    address_width : int
        Bits of a byte address.
    """

    def __init__(self, address_width: int):
        self.address_width = address_width
        super().__init__(
            {
                "awaddr": Out(address_width),
                "awprot": Out(3),
                "awvalid": Out(1),
                "awready": In(1),
                "wdata": Out(WORD_BITS),
                "wstrb": Out(WORD_BYTES),
                "wvalid": Out(1),
                "wready": In(1),
                "bresp": In(Response),
                "bvalid": In(1),
                "bready": Out(1),
                "araddr": Out(address_width),
                "arprot": Out(3),
                "arvalid": Out(1),
                "arready": In(1),
                "rdata": In(WORD_BITS),
                "rresp": In(Response),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )


class AxiStream(wiring.Signature):
    """AXI4-Stream with TKEEP, TLAST and, if it has bits, TUSER, as the transmitter drives it.

    Parameters
    ----------
    data_bytes : int
        Bytes of TDATA.
    user_width : int
        Bits of TUSER.
    """

    def __init__(self, data_bytes: int, user_width: int = 0):
        self.data_bytes = data_bytes
        self.user_width = user_width
        user = {"tuser": Out(user_width)} if user_width else {}
        super().__init__(
            {
                "tdata": Out(8 * data_bytes),
                "tkeep": Out(data_bytes),
                "tlast": Out(1),
                **user,
                "tvalid": Out(1),
                "tready": In(1),
            }
        )


class RegisterPort(wiring.Signature):
    """Accesses of whole aligned words, as the bus side drives them; writes and reads are apart.

    Parameters
    ----------
    address_width : int
        Bits of a byte address; the port carries the word address, two bits less.

    Members
    -------
    write : Out(1)
        Write in this cycle.
    write_address, write_data : Out
        Of that write; the same in the cycle before, too.
    write_error : In(1)
        The write is refused; in the cycle of the write.
    read : Out(1)
        Held until `read_done`.
    read_address : Out
        Stable while `read`.
    read_done : In(1)
        `read_data` and `read_error` are valid in this cycle; never without `read`.
    read_data, read_error : In
        The data of an error is 0, and so it is without `read`.
    """

    def __init__(self, address_width: int):
        self.address_width = address_width
        super().__init__(
            {
                "write": Out(1),
                "write_address": Out(address_width - 2),
                "write_data": Out(WORD_BITS),
                "write_error": In(1),
                "read": Out(1),
                "read_address": Out(address_width - 2),
                "read_done": In(1),
                "read_data": In(WORD_BITS),
                "read_error": In(1),
            }
        )
