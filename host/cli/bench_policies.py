"""Exit policies against each other: offramp bench policies."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from ...golden.files import replacing
from ...golden.network_file import load_network
from ...golden.policies import POLICIES
from ...golden.zoo import PREFIX
from ..policies import Comparison, compare_policies, comparison_of_dict
from ..policy_document import replace_results
from ..policy_plot import policy_figure, save_figure
from ..workflow import splits_of_network
from .bench_golden import NETWORKS
from .output import data_dir_option, json_option, output_folder, progress_bar, report, report_rows


@click.command("policies")
@click.argument("networks", nargs=-1)
@data_dir_option
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "-o",
    "--output",
    default="out/policies",
    show_default=True,
    help="Folder for plots and figures.",
)
@click.option(
    "--document",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Markdown file whose table of results is replaced; the plots go beside it.",
)
@json_option
def bench_policies(
    networks: tuple[str, ...],
    data_dir: Path | None,
    seeds: int,
    output: str,
    document: Path | None,
    as_json: bool,
) -> None:
    r"""Compare exit policies at matched mean cost on the test split.

    Each is fitted on calibration images alone, for some budgets. A seed draws four fifths of them,
    and the first weights of what learns; figures are means over the seeds. The output folder keeps
    the figures: networks that are not named stay in the document as they were measured there.

    \b
    Example: offramp bench policies --data-dir data --document docs/policies.md
             offramp bench policies zoo:digits --seeds 1
    """
    folder = output_folder(output)
    result = folder / "policies.json"
    kept = _kept(result)
    found: dict[str, Comparison] = {}
    for name in networks or NETWORKS:
        network = load_network(name)
        splits = splits_of_network(network, data_dir)
        with progress_bar(f"Fitting {name}", seeds * len(POLICIES), quiet=as_json) as bar:
            compared = compare_policies(
                network, splits, seeds=seeds, names=tuple(POLICIES), progress=bar.show
            )
        row = Path(name.removeprefix(PREFIX)).stem
        found[row] = compared
        save_figure(policy_figure(compared, row), folder / f"{row}.svg")
    kept |= {row: compared.as_dict() for row, compared in found.items()}
    values: dict[str, Any] = {"offramp": version("offramp"), "networks": kept}
    with replacing(result) as temporary:
        temporary.write_text(json.dumps(values, indent=1))
    if document is not None:
        replace_results(document, {row: comparison_of_dict(kept[row]) for row in kept})
        result = document
    if as_json:
        report(values, as_json=True, result=result)
        return
    for row, compared in found.items():
        head = ("policy", *(f"{cost:,.0f}" for cost in compared.matched_costs), "mean")
        report_rows(f"{row}: accuracy in % at mean MACs", head, compared.rows())
    report({}, as_json=False, result=result)


def _kept(path: Path) -> dict[str, Any]:
    """Return the figures of networks that were measured before, by row."""
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text())["networks"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"Figures must be those of bench policies, not {str(path)!r}; remove it to start anew"
        ) from error
