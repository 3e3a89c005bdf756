"""Plot of a comparison of policies: accuracy against mean cost."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from ..golden.files import replacing
from .policies import MATCHED, Comparison

INK, PALE = "#1b2a3a", "#c8d3de"
N_COLOURS = 10
SHOWN_BELOW = 0.6
"""Share of the way from the first exit's cost to the last's that is shown."""


def policy_figure(comparison: Comparison, title: str) -> Figure:
    """Return one curve per policy, the mean over the seeds."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    costs = np.linspace(comparison.macs_at_exit[0], comparison.cost(SHOWN_BELOW), 200)
    for index, (name, curves) in enumerate(comparison.curves.items()):
        rows = [
            np.interp(
                costs,
                [point.macs for point in curve],
                [100 * point.accuracy for point in curve],
                left=np.nan,
            )
            for curve in curves
        ]
        # ten colours, then again with dots
        style = "--" if name == "patience" else "-" if index < N_COLOURS else "-."
        colour = f"C{index % N_COLOURS}"
        axes.plot(costs, np.mean(rows, axis=0), style, lw=1.3, color=colour, label=name)
    axes.axhline(
        100 * comparison.accuracy_without_exits, color=INK, lw=0.8, ls=":", label="no exits"
    )
    for share in MATCHED:
        axes.axvline(comparison.cost(share), color=PALE, lw=0.8, zorder=0)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("mean multiply-accumulates per image (lines: costs of the table)")
    axes.set_ylabel("accuracy on the test split, %")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, the same bytes each time."""
    with mpl.rc_context({"svg.hashsalt": "offramp", "svg.fonttype": "none"}):
        with replacing(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
