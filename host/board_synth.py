"""From a network to a board: engine, bitstream, and a report about both."""

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..fpga.board_build import BoardBuild, Progress, build_board
from ..fpga.boards import Board
from ..fpga.components import component_table
from ..fpga.linked import MODULE_NAME, LinkedCore
from ..fpga.programming import program_command
from ..golden.files import replacing
from ..golden.network import IntegerNetwork
from ..golden.spec.checks import require_int
from ..golden.spec.engine import EngineConfig
from ..golden.spec.link import BAUD_MAX, BAUD_MIN, clocks_per_bit
from .board_engine import Speed, choose_engine, predict_speed
from .tables import Table

__all__ = ["BoardReport", "synthesize_board"]

INSIDE = ("engine",)
"""Parts of the core that are listed by their own parts."""


@dataclass(frozen=True, kw_only=True)
class BoardReport:
    """A bitstream and what it does.

    Attributes
    ----------
    network : str
    config : EngineConfig
    baud : int
    build : BoardBuild
    build_hash : int
        What the link reads back.
    parts : mapping of str to dict
        See `component_table`.
    speed : Speed
    """

    network: str
    config: EngineConfig
    baud: int
    build: BoardBuild
    build_hash: int
    parts: Mapping[str, dict[str, int]]
    speed: Speed

    @property
    def command(self) -> str:
        """What programs the board."""
        return shlex.join(program_command(self.build.board, self.build.bitstream))

    @property
    def tools(self) -> dict[str, str]:
        """Versions of all that had a part in it."""
        ours = {package: version(package) for package in ("offramp", "amaranth")}
        return ours | self.build.tools

    def figures(self) -> dict[str, Any]:
        """Return what is shown in two columns."""
        attempt, routed, speed = self.build.attempt, self.build.routed, self.speed
        values: dict[str, Any] = {
            "board": self.build.board.name,
            "device": self.build.board.device.title,
            "network": self.network,
            "macs": self.config.macs,
            "clock_mhz": attempt.clock_hz / 1e6,
            "fmax_mhz": attempt.reached_hz / 1e6,
            "slack_ns": attempt.slack_ns,
            "seed": attempt.seed,
            "placements": len(self.build.attempts),
        }
        for name, used in routed.used.items():
            values[name] = f"{used:,} of {routed.available[name]:,}"
        values |= {
            "images_per_second_whole": speed.at_exits[-1],
            "images_per_second_without_exits": speed.without_exits,
            "images_per_second_with_exits": speed.with_exits,
            "images_per_second_over_link": speed.over_link,
            "baud": self.baud,
            "build_hash": f"{self.build_hash:08x}",
            "bitstream_bytes": self.build.bitstream.stat().st_size,
            "uart": self.build.board.wiring,
            "program_with": self.command,
        }
        return values

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        build = self.build
        return {
            **self.figures(),
            "cells": {
                name: {"used": used, "available": build.routed.available[name]}
                for name, used in build.routed.used.items()
            },
            "parts": dict(self.parts),
            "engine": self.config.describe(),
            "images_per_second_at_exits": list(self.speed.at_exits),
            "attempts": [
                {**asdict(attempt), "slack_ns": attempt.slack_ns} for attempt in build.attempts
            ],
            "files": {ending: str(path) for ending, path in build.files.items()},
            "tools": self.tools,
        }

    def parts_table(self) -> Table:
        """Return what each part takes."""
        return Table(
            title="Parts, each mapped by itself",
            columns={"part": "", "LUT4": ",", "flip-flops": ",", "DSP": ",", "block RAM": ","},
            rows=[(name or "(wiring)", *row.values()) for name, row in self.parts.items()],
            versions=self.tools,
        )

    def markdown(self) -> str:
        """Return the report as a document."""
        figures = Table(
            title="Figures",
            columns={"": "", "value": ".5g"},
            rows=[(name.replace("_", " "), value) for name, value in self.figures().items()],
            versions=self.tools,
            note="Images a second: cycles by the compiler's exact prediction, shares of exits as "
            "measured on the network's test split; over the link: what its UART carries at most.",
        )
        placements = Table(
            title="Placements",
            columns={"asked for, MHz": "g", "seed": "d", "reached, MHz": ".2f"},
            rows=[(a.clock_hz / 1e6, a.seed, a.reached_hz / 1e6) for a in self.build.attempts],
            versions=self.build.tools,
        )
        head = f"# {self.network} on {self.build.board.name}\n\n"
        tables = (figures, self.parts_table(), placements)
        return head + "\n".join(table.markdown() for table in tables)


def synthesize_board(
    title: str,
    network: IntegerNetwork,
    board: Board,
    *,
    out: Path,
    engine: str | None = None,
    clock_hz: int | None = None,
    seeds: Iterable[int] = (1, 2, 3),
    baud: int | None = None,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> BoardReport:
    """Build the engine for a network and a board, and write the report beside the bitstream.

    Parameters
    ----------
    title : str
        Of the network, for the report.
    network : IntegerNetwork
        Calibrated.
    board : Board
    out : Path
        Folder for all files.
    engine : str, optional
        One of `ENGINES`; the largest that fits unless given.
    clock_hz : int, optional
        The highest that closes unless given.
    seeds : iterable of int
    baud : int, optional
        Of the link; the board's unless given.
    kept : Path, optional
        Where builds are kept, ``out/builds`` unless given.
    progress : callable, optional
        Called with the name of each step.

    Raises
    ------
    ValueError
        Network, engine, clock or baud do not suit the board; see also `build_board`.
    ToolError
        A tool is missing, fails or takes too long.
    """
    config = choose_engine(network, board, engine)
    rate = board.baud if baud is None else baud
    require_int("Baud rate", rate, BAUD_MIN, BAUD_MAX)
    if clock_hz is not None:
        clocks_per_bit(clock_hz, rate)
    kept = out / "builds" if kept is None else kept
    core = LinkedCore(board, config, rate)
    build = build_board(
        board,
        core,
        out=out,
        clock_hz=clock_hz,
        suits=lambda clock: _gives_baud(clock, rate),
        seeds=seeds,
        kept=kept,
        progress=progress,
    )
    clock_hz = build.attempt.clock_hz
    parts = _parts(board, core.verilog(clock_hz), kept, progress)
    result = BoardReport(
        network=title,
        config=config,
        baud=rate,
        build=build,
        build_hash=core.build_hash(clock_hz),
        parts=parts,
        speed=predict_speed(network, config, clock_hz, rate),
    )
    name = build.bitstream.stem
    for ending, text in (
        (".report.json", json.dumps(result.as_dict(), indent=2) + "\n"),
        (".report.md", result.markdown()),
    ):
        with replacing(out / f"{name}{ending}") as temporary:
            temporary.write_text(text, encoding="utf-8")
    return result


def _gives_baud(clock_hz: int, baud: int) -> bool:
    try:
        clocks_per_bit(clock_hz, baud)
    except ValueError:
        return False
    return True


def _parts(
    board: Board, verilog: str, kept: Path, progress: Progress | None
) -> dict[str, dict[str, int]]:
    """Return what each part takes, mapped now or before."""
    folder = kept / f"parts-{hashlib.sha256(verilog.encode()).hexdigest()[:20]}"
    record = folder / "kept.json"
    try:
        parts: dict[str, dict[str, int]] = json.loads(record.read_text())
    except (OSError, ValueError):
        if progress:
            progress("resources part by part")
        parts = component_table(verilog, MODULE_NAME, board.device, out=folder, inside=INSIDE)
        with replacing(record) as temporary:
            temporary.write_text(json.dumps(parts))
    return parts
