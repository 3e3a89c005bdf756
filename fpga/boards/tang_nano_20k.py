"""Tang Nano 20K: Gowin GW2AR-18, a serial port over USB (BL616)."""

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.vendor import GowinPlatform
from amaranth_boards.resources import UARTResource

from ..board import Board
from ..devices import gowin_device
from ..flow_gowin import GOWIN, GOWIN_CAPACITY

__all__ = ["TANG_NANO_20K"]


class TangNano20kPlatform(GowinPlatform):  # type: ignore[misc]  # Amaranth has no types
    """Clock and UART of the board, which amaranth-boards does not have.

    Source: Sipeed's schematic of the board; the same pins as in litex-boards.
    """

    part = "GW2AR-LV18QN88C8/I7"
    family = "GW2AR-18C"
    default_clk = "clk27"
    resources = (
        Resource("clk27", 0, Pins("4", dir="i"), Clock(27e6), Attrs(IO_TYPE="LVCMOS33")),
        UARTResource(0, rx="70", tx="69", attrs=Attrs(PULL_MODE="UP", IO_TYPE="LVCMOS33")),
    )
    connectors = ()


TANG_NANO_20K = Board(
    name="tang-nano-20k",
    title="Sipeed Tang Nano 20K with GW2AR-18",
    flow=GOWIN,
    device=gowin_device(TangNano20kPlatform.part),
    platform=TangNano20kPlatform,
    input_hz=27_000_000,
    first_hz=72_000_000,
    capacity=GOWIN_CAPACITY["gw2a-18"],
    loader=("-b", "tangnano20k"),
    wiring="USB connector: the second serial port of its BL616, nothing to wire",
)
