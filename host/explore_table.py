"""Table of a sweep."""

from collections.abc import Sequence
from typing import Any

from .explore import Row
from .tables import Table


def explore_table(rows: Sequence[Row], title: str, unit: str, seeds: Sequence[int]) -> Table:
    """Return a row for each design, those that were not built with their reason.

    Parameters
    ----------
    rows : sequence of Row
        At least one was built.
    title : str
    unit : str
        What is counted in a second.
    seeds : sequence of int
    """
    with_exits = any(row.candidate.cycles_without is not None for row in rows)
    columns: dict[str, str] = {
        **dict.fromkeys(rows[0].candidate.axes, ""),
        "LUTs": ",",
        "flip-flops": ",",
        "DSP": ",",
        "block RAM": ",",
        "MHz": ".1f",
        "cycles": ",.0f",
        f"{unit}/s": ",.0f",
    }
    if with_exits:
        columns["without exits"] = ",.0f"
    columns |= {"front": "", "note": ""}

    def cells(row: Row) -> list[Any]:
        costs = [row.cost(kind) for kind in ("logic_cells", "flip_flops", "dsp", "block_ram")]
        cycles = row.candidate.cycles if row.reports else None
        values = [*row.candidate.axes.values(), *costs, row.fmax_mhz, cycles, row.rate]
        if with_exits:
            values.append(row.rate_without)
        return [*values, "yes" if row.on_front else "", row.reason]

    tools = {name: number for row in rows for r in row.reports for name, number in r.tools.items()}
    cells_of = dict.fromkeys(report.logic_cell for row in rows for report in row.reports)
    best = f"the best of seeds {', '.join(map(str, seeds))}" if seeds[1:] else f"seed {seeds[0]}"
    return Table(
        title=title,
        columns=columns,
        rows=[cells(row) for row in rows],
        versions=dict(sorted(tools.items())),
        note=(
            f"LUTs are what the router counts ({', '.join(cells_of)}), MHz those of {best}. On the "
            "front: no other is as good in all of speed, LUTs, DSP and block RAM and better in one."
        ),
    )
