"""The measured part of a document about policies: one table and one plot per network."""

from collections.abc import Mapping
from pathlib import Path

from ..golden.files import replacing
from .policies import MATCHED, SCHEDULER, Comparison
from .policy_plot import policy_figure, save_figure

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"
"""What is between these lines is replaced."""


def replace_results(path: Path, comparisons: Mapping[str, Comparison]) -> None:
    """Write tables into the document, and a plot beside it for each network.

    Raises
    ------
    ValueError
        The document has no place for them.
    """
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"Document must have the lines {BEGIN} and {END}, not {str(path)!r}")
    for row, comparison in comparisons.items():
        name = plot_name(path, row)
        save_figure(policy_figure(comparison, row), path.with_name(name))
    with replacing(path) as temporary:
        temporary.write_text(
            f"{before}{BEGIN}\n{results_text(path, comparisons)}{END}{after}",
            encoding="utf-8",
        )


def plot_name(path: Path, row: str) -> str:
    """Return the file name of the plot of a network beside a document."""
    return f"{path.stem}-{row}.svg"


def results_text(path: Path, comparisons: Mapping[str, Comparison]) -> str:
    """Return the tables as Markdown."""
    shares = ", ".join(f"{100 * share:g}" for share in MATCHED)
    head = (
        f"Accuracy in % on the test split at equal mean MACs: {shares} % of the way from the cost "
        f"of the first exit to that of the last one."
    )
    parts = []
    summary = [
        f"| network | best fixed criterion | its mean | `{SCHEDULER}` | `{SCHEDULER}-search` |",
        "|---|---|---|---|---|",
    ]
    for row, comparison in comparisons.items():
        parts.append(_network_text(path, row, comparison))
        best = comparison.best_fixed()
        means = [
            f"{100 * comparison.matched(name).mean():.2f}"
            for name in (best, SCHEDULER, f"{SCHEDULER}-search")
        ]
        summary.append(f"| `{row}` | {best} | {' | '.join(means)} |")
    return "\n".join([f"{head}\n", *summary, "", *parts])


def _network_text(path: Path, row: str, comparison: Comparison) -> str:
    costs = " | ".join(f"{cost:,.0f}" for cost in comparison.matched_costs)
    facts = (
        f"{100 * comparison.accuracy_without_exits:.2f} % without exits at "
        f"{comparison.macs_without_exits:,} MACs; {comparison.calibration_images:,} calibration "
        f"images, {comparison.test_images:,} test images; means over {comparison.n_seeds} seeds."
    )
    lines = [
        f"### {row}",
        "",
        facts,
        "",
        f"| policy | {costs} | mean |",
        "|---" * (len(MATCHED) + 2) + "|",
        *(f"| {' | '.join(cells)} |" for cells in comparison.rows()),
        "",
        f"![accuracy against mean MACs]({plot_name(path, row)})",
        "",
    ]
    return "\n".join(lines)
