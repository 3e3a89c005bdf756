"""Sub-command about the networks that come with the package: `offramp zoo`."""

from pathlib import Path
from typing import Any

import click

from ...golden.network_file import load_network
from ...golden.recipes import RECIPES, recipe_of
from ...golden.zoo import FOLDER, PREFIX, entries
from ..workflow import load_splits, train_network
from ..zoo import make_entry
from .network import show_epoch
from .output import (
    data_dir_option,
    json_option,
    messages,
    output_folder,
    progress_bar,
    report,
    report_rows,
)


@click.group()
def zoo() -> None:
    r"""List or rebuild the networks that come with the package.

    \b
    Example: offramp zoo list
    """


@zoo.command("list")
@json_option
def list_networks(as_json: bool) -> None:
    r"""Show all networks with their figures on the test split.

    \b
    Example: offramp zoo list
    """
    found = {
        f"{PREFIX}{entry.name}": load_network(entry.network_file).metadata["metrics"]
        for entry in entries()
    }
    if as_json:
        report(found, as_json=True)
        return
    head = ["network", "float", "int8", "exits", "% per exit", "MACs"]
    rows = [
        (
            name,
            f"{100 * metrics['accuracy_float'][-1]:.2f}",
            f"{100 * metrics['accuracy_int8'][-1]:.2f}",
            f"{100 * metrics['accuracy_with_exits']:.2f}",
            " ".join(f"{100 * share:.1f}" for share in metrics["exit_shares"]),
            f"1/{metrics['times_fewer_macs']:.2f}",
        )
        for name, metrics in found.items()
    ]
    report_rows("Accuracy in % on the test split; MACs against the same without exits", head, rows)
    report({}, as_json=False, result=FOLDER)


@zoo.command()
@click.argument("name", type=click.Choice([recipe.name for recipe in RECIPES]))
@data_dir_option
@click.option("-o", "--output", required=True, help="Folder for network and checkpoint.")
@click.option(
    "--trained", is_flag=True, help="Take the float weights of the zoo instead of training anew."
)
@json_option
def build(name: str, data_dir: Path | None, output: str, trained: bool, as_json: bool) -> None:
    r"""Train, quantize, calibrate and measure a network of the zoo anew.

    \b
    Example: offramp zoo build digits -o out/zoo
    """
    folder = output_folder(output)
    recipe = recipe_of(name=name)
    splits = load_splits(recipe.data, data_dir, 0)
    run = f"{PREFIX}{name}" if trained else str(folder / f"{name}.run")
    epochs = recipe.training.epochs
    if not trained:
        with progress_bar("Training", epochs, quiet=as_json) as bar:
            train_network(
                splits,
                Path(run),
                recipe=recipe,
                data_dir=data_dir,
                progress=lambda epoch: show_epoch(bar, epoch),
            )
    if not as_json:
        messages.print("Quantizing, calibrating, measuring")
    path, metrics = make_entry(recipe, run, splits, folder)
    values: dict[str, Any] = {"network": name, **metrics}
    report(values, as_json=as_json, title="Built", result=path)
