"""ULX3S: ECP5 in all sizes, USB with a serial port of its own (FT231X)."""

from amaranth_boards.ulx3s import ULX3S_25F_Platform, ULX3S_85F_Platform

from ..board import Board
from ..devices import ecp5_device
from ..flow_ecp5 import ECP5, ECP5_CAPACITY

__all__ = ["ULX3S_25F", "ULX3S_85F"]

_WIRING = "USB connector US1: its serial port, nothing to wire"

ULX3S_25F = Board(
    name="ulx3s-25f",
    title="Radiona ULX3S with LFE5U-25F",
    flow=ECP5,
    device=ecp5_device("25k", "CABGA381", 6),
    platform=ULX3S_25F_Platform,
    input_hz=25_000_000,
    first_hz=110_000_000,
    capacity=ECP5_CAPACITY["25k"],
    loader=("-b", "ulx3s"),
    wiring=_WIRING,
)

ULX3S_85F = Board(
    name="ulx3s-85f",
    title="Radiona ULX3S with LFE5U-85F",
    flow=ECP5,
    device=ecp5_device("85k", "CABGA381", 6),
    platform=ULX3S_85F_Platform,
    input_hz=25_000_000,
    first_hz=100_000_000,
    capacity=ECP5_CAPACITY["85k"],
    loader=("-b", "ulx3s"),
    wiring=_WIRING,
)
