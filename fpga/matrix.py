"""Area and clock of the decision unit's core: configurations x devices x seeds, as one table.

``python -m offramp.fpga.matrix --out build/matrix`` prints it.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..golden.spec.decision import PIPELINE_REGISTERS, DecisionConfig
from ..hw.decision.delivery import MODULE_NAME
from ..hw.decision.delivery_ports import decision_latency
from .devices import DEVICES, find_device
from .kept import build_with_seeds
from .subjects import Subject
from .tools import tool_versions

__all__ = ["CASES", "MatrixRow", "format_table", "latency_of", "run_matrix"]

WORKERS = 2
"""Placements at a time; each takes one core and a few hundred megabytes."""

_CORE = DecisionConfig(
    n_classes=128, fraction_bits=4, n_exits=1, tag_width=0, with_score=False
)  # fmt: skip

CASES: dict[str, DecisionConfig] = {
    "F = 4": _CORE,
    "F = 3": replace(_CORE, fraction_bits=3),
    "F = 4, lowest latency": replace(_CORE, registers=()),
    "F = 4, exit not registered": replace(_CORE, registers=("operand", "addend")),
    "F = 4, fewest cells": replace(_CORE, registers=("addend",)),
    "F = 4, highest clock": replace(_CORE, registers=PIPELINE_REGISTERS),
    **{
        f"F = 4, mantissa of {bits} bits": replace(_CORE, mantissa_bits=bits)
        for bits in (4, 5, 6, 8, 9, 10)
    },
    "F = 4, four lanes": replace(_CORE, lanes=4),
    "F = 3, four lanes": replace(_CORE, fraction_bits=3, lanes=4),
}
"""Cores of the table: int8 logits, up to 128 classes, label, run-time threshold, no score."""


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """One core on one device.

    Attributes
    ----------
    case : str
        Name of the configuration.
    device : str
    latency : int or str
        Cycles from the last logit to the decision; a formula in N where they depend on it.
    logic_cells, flip_flops, dsp, block_ram : int
        As in `SynthesisReport`.
    fmax_mhz : tuple of float
        Of each seed, in their order.
    """

    case: str
    device: str
    latency: int | str
    logic_cells: int
    lut4: int
    flip_flops: int
    dsp: int
    block_ram: int
    fmax_mhz: tuple[float, ...]

    @property
    def best_mhz(self) -> float:
        """Fmax of the best seed."""
        return max(self.fmax_mhz)

    def as_dict(self) -> dict[str, object]:
        """Return the row as plain values, for JSON."""
        return {**asdict(self), "best_mhz": self.best_mhz}


def latency_of(config: DecisionConfig) -> int:
    """Return the latency of a core, in cycles from the last logit to the decision."""
    return decision_latency(config)


def run_matrix(
    out: Path,
    *,
    cases: Mapping[str, DecisionConfig] | Mapping[str, Subject] = CASES,
    devices: Sequence[str] = tuple(DEVICES),
    seeds: Iterable[int] = range(1, 6),
    progress: Callable[[str], None] | None = None,
) -> list[MatrixRow]:
    """Build every case for every device, placed with every seed.

    Parameters
    ----------
    out : Path
        Folder for the builds; those that are there already are not built again.
    cases : mapping of name to DecisionConfig or Subject
    devices : sequence of str
    seeds : iterable of int
    progress : callable, optional
        Called with the name of each build as it ends.

    Raises
    ------
    ValueError
        A device is unknown.
    ToolError
        A tool is missing, fails or takes too long.
    """
    chosen = list(seeds)
    for device in devices:
        find_device(device)

    def build(task: tuple[str, DecisionConfig | Subject, str]) -> MatrixRow:
        case, given, device = task
        subject = given if isinstance(given, Subject) else Subject(config=given)
        reports = build_with_seeds(subject.verilog, MODULE_NAME, device, seeds=chosen, out=out)
        if progress:
            progress(f"{case} on {device}")
        first = reports[0]
        return MatrixRow(
            case=case,
            device=device,
            latency=int(subject.latency) if subject.latency.isdigit() else subject.latency,
            logic_cells=first.logic_cells,
            lut4=first.lut4,
            flip_flops=first.flip_flops,
            dsp=first.dsp,
            block_ram=first.block_ram,
            fmax_mhz=tuple(round(report.fmax_mhz, 1) for report in reports),
        )

    tasks = [(case, given, device) for case, given in cases.items() for device in devices]
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(build, tasks))


def format_table(rows: Iterable[MatrixRow]) -> str:
    """Return the rows as a Markdown table under the versions of the tools."""
    versions = ", ".join(f"{name} {number}" for name, number in tool_versions().items())
    lines = [
        versions,
        "",
        "| core | device | cells | FF | DSP | block RAM | latency | Fmax MHz, best | each seed |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        seeds = ", ".join(f"{fmax:.0f}" for fmax in row.fmax_mhz)
        lines.append(
            f"| {row.case} | {row.device} | {row.logic_cells} | {row.flip_flops} | {row.dsp} | "
            f"{row.block_ram} | {row.latency} | {row.best_mhz:.1f} | {seeds} |"
        )
    return "\n".join(lines)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Area and clock of the decision unit's core.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the builds")
    parser.add_argument("--seeds", type=int, default=5, help="placements of each")
    options = parser.parse_args()
    rows = run_matrix(
        options.out,
        seeds=range(1, options.seeds + 1),
        progress=lambda step: print(step, file=sys.stderr),
    )
    print(format_table(rows))


if __name__ == "__main__":
    _main()
