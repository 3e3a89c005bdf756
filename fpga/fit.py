"""What the named engines take of the devices that they are meant for, and how fast they are."""

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..golden.spec.checks import require_choice
from ..golden.spec.engine import ENGINES
from ..hw.engine.delivery import (
    AXI_MODULE_NAME,
    MODULE_NAME,
    axi_engine_verilog,
    engine_verilog,
)
from .components import component_table
from .devices import ENGINE_DEVICES
from .kept import build_with_seeds
from .synth import SynthesisReport
from .tools import ToolError

__all__ = ["BUSES", "FITS", "EngineFit", "engine_fit"]

FITS = {"16": "ecp5-25k", "64": "ecp5-45k", "128": "ecp5-85k"}
"""Engines, and the smallest ECP5 that has room for each."""

BUSES = {"none": (MODULE_NAME, engine_verilog), "axi": (AXI_MODULE_NAME, axi_engine_verilog)}
"""Module and Verilog of the engine by its buses."""


@dataclass(frozen=True, kw_only=True)
class EngineFit:
    """One engine on one device, placed with some seeds.

    Attributes
    ----------
    engine, device, bus : str
    reports : tuple of SynthesisReport
        One for each seed that was routed, at least one.
    unrouted : tuple of int
        Seeds whose routing did not end.
    parts : dict
        What each part takes by itself, see `component_table`.
    """

    engine: str
    device: str
    bus: str
    reports: tuple[SynthesisReport, ...]
    unrouted: tuple[int, ...]
    parts: dict[str, dict[str, int]]

    @property
    def clocks(self) -> list[float]:
        """Fmax of each seed that was routed, in MHz."""
        return [report.fmax_mhz for report in self.reports]

    @property
    def median_mhz(self) -> float:
        """Median of all seeds, in which an unrouted one reached nothing."""
        return statistics.median([*self.clocks, *(0.0 for _ in self.unrouted)])

    @property
    def logic_cells(self) -> int:
        """Median of the seeds: the router passes signals through cells."""
        return int(statistics.median(report.logic_cells for report in self.reports))

    def as_dict(self) -> dict[str, object]:
        """Return the figures as plain values, for JSON."""
        first = asdict(self.reports[0])
        kept = ("lut4", "flip_flops", "carry", "dsp", "block_ram", "tools")
        return {
            "engine": self.engine,
            "device": self.device,
            "bus": self.bus,
            "logic_cells": self.logic_cells,
            **{name: first[name] for name in kept},
            "seeds": [report.seed for report in self.reports],
            "seeds_unrouted": list(self.unrouted),
            "fmax_mhz": self.median_mhz,
            "fmax_mhz_of_each_seed": self.clocks,
            "parts": self.parts,
        }


def engine_fit(
    engine: str,
    device: str,
    *,
    bus: str = "none",
    seeds: Iterable[int] = (1, 2, 3),
    out: Path,
) -> EngineFit:
    """Return what an engine takes on a device, and its clock with each seed.

    Parameters
    ----------
    engine : str
        Name in `ENGINES`.
    device : str
        Name in `ENGINE_DEVICES`.
    bus : str
        "none" or "axi".
    seeds : iterable of int
    out : Path
        Folder for all builds; what is there already is not built again.

    Raises
    ------
    ValueError
        A name is unknown.
    ToolError
        A tool is missing or fails, or no seed is routed.
    """
    part = ENGINE_DEVICES[require_choice("Device", device, ENGINE_DEVICES)]
    module, write = BUSES[require_choice("Bus", bus, BUSES)]
    text = write(ENGINES[require_choice("Engine", engine, ENGINES)], "ecp5")
    unrouted: list[int] = []
    reports = build_with_seeds(
        text, module, device, seeds=seeds, out=out, target_mhz=part.target_mhz, unrouted=unrouted
    )
    if not reports:
        raise ToolError(
            f"Routing of {engine} MACs must end with one of the seeds, "
            f"not with none of {', '.join(map(str, unrouted))}"
        )
    folder = out / f"parts-{engine}-{bus}"
    parts = component_table(text, module, part, out=folder, inside=("engine",))
    return EngineFit(
        engine=engine,
        device=device,
        bus=bus,
        reports=tuple(reports),
        unrouted=tuple(unrouted),
        parts=parts,
    )
