"""iCEBreaker: iCE40 UltraPlus with four RAMs of 32 KB, a serial port over USB (FT2232H)."""

from dataclasses import replace

from amaranth_boards.icebreaker import ICEBreakerPlatform

from ..board import Board
from ..devices import DEVICES
from ..flow_ice40 import ICE40, ICE40_CAPACITY

__all__ = ["ICEBREAKER"]

ICEBREAKER = Board(
    name="icebreaker",
    title="1BitSquared iCEBreaker with iCE40UP5K",
    flow=ICE40,
    # what is a multiplier or a large RAM is said in the design
    device=replace(DEVICES["up5k"], synthesis="synth_ice40 -device u"),
    platform=ICEBreakerPlatform,
    input_hz=12_000_000,
    first_hz=24_000_000,
    capacity=ICE40_CAPACITY["up5k"],
    loader=("-b", "ice40_generic"),
    wiring="USB connector: the second serial port of its FT2232H, nothing to wire",
)
