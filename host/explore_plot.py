"""Picture of a sweep: how fast designs are against what they take."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from .explore import COSTS, Row, pareto_front

INK, PALE = "#1b2a3a", "#d9e1e8"
MARKERS = "os^Dv<>P*X"
"""One for each device."""


def explore_figure(rows: Sequence[Row], title: str, rate: str) -> Figure:
    """Return the rate against LUTs, DSPs and block RAMs, side by side, those that a design takes.

    A line joins what no other beats in the two that a plot shows; filled marks are those that none
    beats in all four.

    Parameters
    ----------
    rows : sequence of Row
        Those without a report are left out.
    title : str
    rate : str
        What is drawn upwards, and its unit.
    """
    built = [row for row in rows if row.reports]
    named = _varied(rows)
    kinds = list(dict.fromkeys(_kind(row, named) for row in built))
    devices = list(dict.fromkeys(row.candidate.axes["device"] for row in built))
    costs = {cost: name for cost, name in COSTS.items() if any(row.cost(cost) for row in built)}
    layout = ConstrainedLayoutEngine(wspace=0.06)
    figure = Figure(figsize=(3.2 * len(costs) + 1.8, 4.4), layout=layout)
    grid = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    for axes, (cost, name) in zip(grid, costs.items(), strict=True):
        _front(axes, built, cost)
        for row in built:
            colour = f"C{kinds.index(_kind(row, named)) % 10}"
            axes.plot(
                [row.cost(cost) or 0], [row.rate or 0.0], zorder=3, ms=7, color=colour, ls="",
                clip_on=False,
                marker=MARKERS[devices.index(row.candidate.axes["device"]) % len(MARKERS)],
                mfc=colour if row.on_front else "white",
            )  # fmt: skip
        axes.set_xlabel(name)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=PALE, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlim(0, max(1.0, axes.get_xlim()[1]))
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    grid[0].set_ylabel(rate)
    grid[0].yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    for index, kind in enumerate(kinds):
        grid[0].plot([], [], "o", color=f"C{index % 10}", label=kind)
    for index, device in enumerate(devices):
        marker = MARKERS[index % len(MARKERS)]
        grid[0].plot([], [], ls="", marker=marker, color=INK, mfc="white", label=device)
    grid[0].plot([], [], ls="", marker=MARKERS[0], color=INK, label="filled: none beats it")
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _varied(rows: Sequence[Row]) -> list[str]:
    """Return the axes but the device that have more than one value, the first one always."""
    first, *others = (name for name in rows[0].candidate.axes if name != "device")
    return [first] + [
        name for name in others if len({row.candidate.axes[name] for row in rows}) > 1
    ]


def _kind(row: Row, named: Sequence[str]) -> str:
    """Return what a design is but for its device, by the axes that vary."""
    axes = row.candidate.axes
    return ", ".join([axes[named[0]], *(f"{name} {axes[name]}" for name in named[1:])])


def _front(axes: Axes, rows: Sequence[Row], cost: str) -> None:
    points = [(float(row.cost(cost) or 0), -(row.rate or 0.0)) for row in rows]
    front = sorted({point for point, on in zip(points, pareto_front(points), strict=True) if on})
    axes.plot([x for x, _ in front], [-y for _, y in front], "-", color="#9fb0bf", lw=1.2)
