"""OrangeCrab r0.2: ECP5-25F of the fastest grade in the shape of a Feather."""

from typing import Any

from amaranth.build import Attrs
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
from amaranth_boards.resources import UARTResource

from ..board import Board
from ..devices import ecp5_device
from ..flow_ecp5 import ECP5, ECP5_CAPACITY

__all__ = ["ORANGECRAB"]


def _platform() -> Any:
    # its USB has no serial port without a core for it: the two pins that a Feather has for UARTs
    platform = OrangeCrabR0_2_25FPlatform()
    uart = UARTResource(0, rx="0", tx="1", conn=("io", 0), attrs=Attrs(IO_TYPE="LVCMOS33"))
    platform.add_resources([uart])
    return platform


ORANGECRAB = Board(
    name="orangecrab",
    title="OrangeCrab r0.2 with LFE5U-25F",
    flow=ECP5,
    device=ecp5_device("25k", "CSFBGA285", 8),
    platform=_platform,
    input_hz=48_000_000,
    first_hz=140_000_000,
    capacity=ECP5_CAPACITY["25k"],
    loader=("-b", "orangeCrab"),
    wiring="header pin 0 receives (N17), pin 1 sends (M18): a USB-UART adapter of 3.3 V",
)
