"""One page about a network: `offramp report`."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from ...golden.network_file import load_network
from ...golden.policies import POLICIES
from ..devices import DEVICES, open_device
from ..evaluation import evaluate
from ..pipeline import unit_config
from ..policies import compare_policies
from ..report import write_report
from ..workflow import splits_of_network
from .output import data_dir_option, json_option, output_file, progress_bar, show
from .output import report as print_report


@click.command()
@click.argument("network")
@data_dir_option
@click.option("--device", default="golden", show_default=True, help=" or ".join(DEVICES) + ".")
@click.option(
    "--seeds",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Of the comparison of policies; 0 leaves it out.",
)
@click.option("-o", "--output", default="out/report.html", show_default=True, help="File to write.")
@json_option
def report(
    network: str, data_dir: Path | None, device: str, seeds: int, output: str, as_json: bool
) -> None:
    r"""Write one page about a calibrated network on its test split.

    Accuracy against mean cost under each exit policy, where the images of each class leave, and
    the easiest and hardest images of each exit.

    \b
    Example: offramp report zoo:digits -o out/report.html
    """
    page = output_file(output)
    loaded = load_network(network)
    splits = splits_of_network(loaded, data_dir)
    config = unit_config(loaded)
    with open_device(device, config) as unit:
        evaluation = evaluate(loaded, unit, splits.test)
    comparison = None
    if seeds:
        with progress_bar("Fitting policies", seeds * len(POLICIES), quiet=as_json) as bar:
            comparison = compare_policies(loaded, splits, seeds=seeds, progress=bar.show)
    values: dict[str, Any] = {
        **evaluation.as_dict(),
        "rules": [rule.describe() for rule in loaded.rules or ()],
    }
    figures = {key.replace("_", " "): show(value) for key, value in values.items()}
    provenance = {
        "data set": splits.test.name,
        "split": f"test, split seed {splits.seed}",
        "device": device,
        "offramp": version("offramp"),
    }
    write_report(
        page,
        evaluation,
        splits.test,
        config=config,
        figures=figures,
        provenance=provenance,
        policies=comparison,
    )
    if comparison is not None:
        values["policies"] = comparison.as_dict()["matched_accuracy"]
    print_report(values if as_json else figures, as_json=as_json, title=loaded.name, result=page)
