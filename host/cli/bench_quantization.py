"""What quantization-aware training gains: offramp bench quantization."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from ...golden.recipes import RECIPES, recipe_of
from ...golden.train import float_logits, load_model
from ...golden.zoo import PREFIX
from ..workflow import load_splits, quantize_model, train_network
from .network import show_epoch
from .output import data_dir_option, json_option, output_folder, progress_bar, report, report_rows

WEIGHT_BITS = (8, 4, 3, 2)


@click.command("quantization")
@click.argument("name", default="digits", type=click.Choice([recipe.name for recipe in RECIPES]))
@data_dir_option
@click.option("--seed", default=0, show_default=True, help="Of the augmentation.")
@click.option(
    "-o", "--output", default="out/bench", show_default=True, help="Folder for checkpoints."
)
@json_option
def bench_quantization(
    name: str, data_dir: Path | None, seed: int, output: str, as_json: bool
) -> None:
    r"""Compare quantization after training with quantization-aware training, by bits of a weight.

    Starts from the float weights of the zoo. Accuracies are those of the integer networks on the
    test split, per exit, all images at every exit.

    \b
    Example: offramp bench quantization digits
    """
    folder = output_folder(output)
    recipe = recipe_of(name=name)
    splits = load_splits(recipe.data, data_dir, 0)
    start = f"{PREFIX}{name}"
    model, record = load_model(start)
    found: dict[str, Any] = {
        "float": _accuracies(float_logits(model, splits.test.images), splits.test.labels)
    }
    for bits in WEIGHT_BITS:
        run = folder / f"{name}-{bits}-bits-{seed}.checkpoint"
        epochs = recipe.quantization_aware(bits).epochs
        with progress_bar(f"Training, {bits} bits", epochs, quiet=as_json) as bar:
            train_network(
                splits,
                run,
                recipe=recipe,
                seed=seed,
                weight_bits=bits,
                start=start,
                progress=lambda epoch: show_epoch(bar, epoch),
            )
        after = quantize_model(model, record, splits, weight_bits=bits)
        aware = quantize_model(*load_model(run), splits)
        found[f"{bits} bits"] = {
            label: _accuracies(network.forward(splits.test.images), splits.test.labels)
            for label, network in (("after training", after), ("aware", aware))
        }
    if as_json:
        report({"network": start, "images": len(splits.test), "accuracy": found}, as_json=True)
        return
    rows = [("float", _text(found.pop("float")), "")]
    rows += [
        (bits, _text(pair["after training"]), _text(pair["aware"])) for bits, pair in found.items()
    ]
    head = ("weights", "quantized after training", "quantization-aware training")
    report_rows(
        f"{start}: accuracy in % at each exit, {len(splits.test):,} test images", head, rows
    )


def _accuracies(logits: Any, labels: Any) -> list[float]:
    return [float(np.mean(z.argmax(axis=1) == labels)) for z in logits]


def _text(accuracies: list[float]) -> str:
    return ", ".join(f"{100 * accuracy:.1f}" for accuracy in accuracies)
