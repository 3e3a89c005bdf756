"""One page about a run: what exits save, where images leave, and which ones."""

import io
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..golden.data import Dataset
from ..golden.files import replacing
from ..golden.spec.decision import DecisionConfig
from .evaluation import Evaluation
from .policies import Comparison
from .policy_plot import policy_figure

INK, PALE, ACCENT, WRONG = "#1b2a3a", "#c8d3de", "#0b7a75", "#d1495b"
EXIT_COLOURS = ("#0b7a75", "#6aa84f", "#e9a23b", "#8d6a9f", "#4f6d8f")
IMAGES_SHOWN = 12
"""Easiest images of each exit, and as many of the hardest."""
CONFIDENCES_MARKED = (0.99, 0.9, 0.7, 0.5)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b2a3a; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.15rem; margin-top: 2.2rem }
p.lead { margin-top: .3rem; color: #51606f }
table { border-collapse: collapse } td { padding: .25rem 1.2rem .25rem 0;
        border-bottom: 1px solid #e3e9ef } td:last-child { font-variant-numeric: tabular-nums }
img { max-width: 100% }
footer { margin-top: 2.5rem; color: #51606f; font-size: .85rem }
"""


def write_report(
    path: str | Path,
    evaluation: Evaluation,
    dataset: Dataset,
    *,
    config: DecisionConfig,
    figures: Mapping[str, str],
    provenance: Mapping[str, str],
    policies: Comparison | None = None,
) -> None:
    """Write a self-contained HTML page.

    Parameters
    ----------
    path : path
        File to write; replaced whole.
    evaluation : Evaluation
    dataset : Dataset
        The images that were run, in order.
    config : DecisionConfig
        Of the unit that decided.
    figures : mapping
        The table: name to value, as text.
    provenance : mapping
        Data set, split, seed, versions: what the figures depend on.
    policies : Comparison, optional
        Other ways to choose when images leave, on the same network.
    """
    rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in figures.items())
    facts = " · ".join(f"{escape(k)} {escape(v)}" for k, v in provenance.items())
    lead = (
        f"{len(dataset)} test images of {escape(dataset.name)}: "
        f"{evaluation.macs_saved:.0%} of the multiply-accumulates saved, accuracy "
        f"{evaluation.accuracy_with_exits:.2%} with exits and "
        f"{evaluation.accuracy_without_exits:.2%} without."
    )
    sections = [
        ("Accuracy against cost", _curve_figure(evaluation, config)),
        ("Where images leave", _exits_figure(evaluation, dataset)),
        ("Easiest and hardest images of each exit", _images_figure(evaluation, dataset)),
    ]
    if policies is not None:
        sections.insert(1, ("Exit policies at equal cost", policy_figure(policies, dataset.name)))
    body = "".join(
        f'<h2>{title}</h2><img alt="{title}" src="{_embed(figure)}">' for title, figure in sections
    )
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Offramp report</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f'<h1>A CNN that stops when it is sure</h1><p class="lead">{lead}</p>'
        f"<table>{rows}</table>{body}<footer>{facts}</footer></html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _embed(figure: Figure) -> str:
    # one file that can be mailed; the salt keeps the text the same from run to run
    with mpl.rc_context({"svg.hashsalt": "offramp", "svg.fonttype": "path"}):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{b64encode(buffer.getvalue()).decode()}"


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _curve_figure(evaluation: Evaluation, config: DecisionConfig) -> Figure:
    figure, axes = _axes(8, 4)
    curve = evaluation.curve
    axes.plot(
        [point.mean_macs for point in curve],
        [100 * point.accuracy for point in curve],
        color=ACCENT,
        zorder=2,
        label="one threshold at all exits",
    )
    for wanted in CONFIDENCES_MARKED:
        threshold = config.threshold_of_confidence(wanted)
        point = min(curve, key=lambda figures: abs(figures.thresholds[0] - threshold))
        place = (point.mean_macs, 100 * point.accuracy)
        axes.plot(*place, "o", ms=4, color=ACCENT, zorder=3)
        axes.annotate(
            f"{wanted:.0%}",
            place,
            textcoords="offset points",
            xytext=(0, -14),
            ha="center",
            fontsize=8,
            color=INK,
        )
    axes.plot(
        evaluation.results.mean_macs(),
        100 * evaluation.accuracy_with_exits,
        "*",
        ms=15,
        color=WRONG,
        zorder=4,
        label="calibrated thresholds",
    )
    axes.plot(
        evaluation.macs_without_exits,
        100 * evaluation.accuracy_without_exits,
        "s",
        ms=8,
        color=INK,
        zorder=4,
        label="no exits",
    )
    axes.set_xscale("log")  # exits differ by factors, not by sums
    top = max(point.accuracy for point in curve)
    low = min(point.accuracy for point in curve)
    # at least three points high: a tenth of a point is less than one image
    axes.set_ylim(100 * min(low, top - 0.03) - 0.5, 100 * top + 0.5)
    axes.set_xlabel("mean multiply-accumulates per image (marked: confidence threshold)")
    axes.set_ylabel("accuracy on the test split, %")
    axes.grid(color=PALE, linewidth=0.5)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _exits_figure(evaluation: Evaluation, dataset: Dataset) -> Figure:
    figure, axes = _axes(8, 0.35 * dataset.n_classes + 1.4)
    results = evaluation.results
    left = np.zeros(dataset.n_classes + 1)
    groups = [dataset.labels == label for label in range(dataset.n_classes)]
    groups.append(np.ones(len(dataset), dtype=bool))
    names = [*dataset.class_names, "all"]
    last = results.n_exits - 1
    for exit_index in range(results.n_exits):
        share = np.array(
            [100 * np.mean(results.exit_index[group] == exit_index) for group in groups]
        )
        label = "final classifier" if exit_index == last else f"exit {exit_index + 1}"
        colour = EXIT_COLOURS[exit_index % len(EXIT_COLOURS)]
        axes.barh(names, share, left=left, color=colour, label=label)
        left += share
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("images that left, %, by class")
    axes.legend(frameon=False, ncols=results.n_exits, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def _images_figure(evaluation: Evaluation, dataset: Dataset) -> Figure:
    """Return two rows of images per exit: the surest of those that left there, the least sure."""
    results = evaluation.results
    figure = Figure(figsize=(8, 1.95 * results.n_exits + 0.2), layout="constrained")
    grid = figure.subplots(2 * results.n_exits, IMAGES_SHOWN, squeeze=False)
    for number, row in enumerate(grid):
        exit_index, hardest = divmod(number, 2)
        members = np.flatnonzero(results.exit_index == exit_index)
        order = np.argsort(results.score[members], kind="stable")
        chosen = members[order if hardest else order[::-1]]
        for axes in row:
            axes.set_axis_off()
        for axes, index in zip(row, chosen, strict=False):
            right = results.label[index] == dataset.labels[index]
            axes.imshow(dataset.images[index].squeeze(), cmap="gray_r")
            axes.set_title(
                dataset.class_names[results.label[index]],
                fontsize=7,
                color=INK if right else WRONG,
                pad=2,
            )
        name = "final" if exit_index == results.n_exits - 1 else f"exit {exit_index + 1}"
        row[0].text(
            -0.35,
            0.5,
            f"{name}\n{'hardest' if hardest else 'easiest'}",
            transform=row[0].transAxes,
            rotation=90,
            va="center",
            ha="center",
            fontsize=8,
            color=INK,
        )
    return figure
