"""Pictures of the decision bench: what the variants of the unit trade, and decision quality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..golden.files import replacing
from .decision_quality import RATES, ExitQuality

INK, PALE = "#1b2a3a", "#d9e1e8"
COLOURS = {2: "#8d6a9f", 3: "#0b7a75", 4: "#e07a1f", 5: "#4f6d8f", 6: "#b0303f"}
"""Colours by fraction bits."""

CURVES: Mapping[str, tuple[str, str, float]] = {
    "confidence, in hardware": ("#0b7a75", "-", 2.4),
    "softmax, float64": (INK, "--", 1.2),
    "margin, in hardware": ("#e07a1f", "-", 1.4),
    "entropy, in hardware": ("#8d6a9f", "-", 1.4),
    "entropy, float64": ("#8d6a9f", ":", 1.2),
}
"""Colour, line and width by criterion."""


@dataclass(frozen=True)
class Point:
    """One built variant.

    Attributes
    ----------
    label : str
    fraction_bits : int
    cells : int
    value : float
        What is drawn upwards: a clock in MHz, or an error.
    latency : int
        Cycles, 0 where it does not matter.
    """

    label: str
    fraction_bits: int
    cells: int
    value: float
    latency: int = 0


def draw_variants(
    path: Path,
    clocks: Sequence[Point],
    errors: Sequence[Point],
    *,
    clock_device: str,
    cell_device: str,
) -> None:
    """Draw clock against cells by registers, and error against cells by table."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _plain(left)
    for point in clocks:
        on_front = not any(is_better(other, point) for other in clocks)
        left.plot(
            point.cells, point.value, "o", ms=8 if on_front else 6, zorder=3,
            color=COLOURS[point.fraction_bits] if on_front else "#9fb0bf",
        )  # fmt: skip
    _label(left, clocks)
    left.set_xlabel(f"cells ({cell_device})")
    left.set_ylabel(f"highest clock, MHz\n({clock_device})")
    left.set_title(
        "Pipeline registers (F = 4), labelled by latency in cycles\n"
        "grey: another is no worse in cells, clock and latency",
        fontsize=10,
    )
    left.margins(0.12, 0.12)

    _plain(right)
    for bits in sorted({point.fraction_bits for point in errors}):
        series = sorted(
            (point for point in errors if point.fraction_bits == bits), key=lambda p: p.cells
        )
        right.plot(
            [point.cells for point in series], [point.value for point in series],
            "o-", ms=5, lw=1.2, color=COLOURS[bits], label=f"F = {bits}",
        )  # fmt: skip
    _label(right, errors)
    right.set_yscale("log")
    right.set_xlabel(f"cells ({cell_device})")
    right.set_ylabel("bound of error / (T (1 - T))")
    right.set_title("Fraction bits F of the logits, labelled by mantissa bits", fontsize=10)
    right.legend(frameon=False)
    right.margins(0.1, 0.12)
    _save(figure, path)


def draw_quality(path: Path, qualities: Sequence[ExitQuality]) -> None:
    """Draw, for each exit of each network, both accuracies against the exit rate."""
    figure = Figure(figsize=(11, 2.9 * len(qualities) + 0.6), layout="constrained")
    grid = figure.subplots(len(qualities), 2, squeeze=False)
    for (left, right), quality in zip(grid, qualities, strict=True):
        for axes in (left, right):
            _plain(axes)
        low = 100.0
        for name, curve in quality.curves.items():
            colour, line, width = CURVES[name]
            style = {"color": colour, "ls": line, "lw": width, "label": name}
            # of few images one error more is a jump that says nothing
            shown = max(0.05, 20 / quality.images) <= RATES
            left.plot(100 * RATES[shown], 100 * curve.leaving[shown], **style)
            right.plot(100 * RATES, 100 * curve.whole, **style)
            low = min(low, 100 * float(curve.leaving[shown].min()))
        left.set_ylim(low - 0.05 * (100 - low), 100 + 0.05 * (100 - low))
        right.axhline(100 * quality.accuracy_of_final, color=PALE, lw=4, zorder=0)
        left.set_title(
            f"{quality.network}, exit {quality.exit_index + 1}: accuracy of the images that leave",
            fontsize=10,
        )
        right.set_title(
            f"accuracy of all {quality.images:,} images (grey: final classifier)", fontsize=10
        )
        left.set_ylabel("accuracy, %")
        for axes in (left, right):
            axes.set_xlabel("images that leave, %")
    grid[0][0].legend(frameon=False, fontsize=8, loc="lower left")
    _save(figure, path)


def is_better(one: Point, other: Point) -> bool:
    """Return whether one is nowhere worse in cells, clock and latency, and somewhere better."""
    ours = (one.cells, -one.value, one.latency)
    theirs = (other.cells, -other.value, other.latency)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)


def _label(axes: Axes, points: Sequence[Point]) -> None:
    for point in points:
        axes.annotate(
            point.label, (point.cells, point.value), textcoords="offset points", xytext=(6, 5),
            fontsize=7.5, color=INK,
        )  # fmt: skip


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        # no date: the same figures are the same file
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})
