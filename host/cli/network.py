"""Sub-commands about networks: train, quantize, calibrate, run."""

from pathlib import Path
from typing import Any

import click

from ...golden.data import DATASET_NAMES
from ...golden.float_file import FLOAT_FILE
from ...golden.network_file import load_network, save_network
from ...golden.policies import POLICIES
from ...golden.recipes import RECIPES, recipe_of
from ...golden.risk import LOSSES, METHODS, RiskConfig
from ...golden.spec.criteria import Criterion
from ...golden.tail_bounds import P_VALUES
from ...golden.train import EpochReport
from ...golden.zoo import zoo_entry
from ..imports import quantize_imported
from ..pipeline import unit_config
from ..workflow import (
    calibrate_for_budget,
    calibrate_network,
    calibrate_with_risk,
    load_splits,
    quantize_checkpoint,
    splits_of_network,
    train_network,
)
from .output import Bar, data_dir_option, json_option, output_file, progress_bar, report

NAMES = tuple(recipe.name for recipe in RECIPES)

EPOCHS = recipe_of(data="digits").training.epochs


def show_epoch(bar: Bar, epoch: EpochReport) -> None:
    """Show loss and accuracy of an epoch behind its bar."""
    accuracies = " ".join(f"{accuracy:.1%}" for accuracy in epoch.accuracies)
    bar.show(epoch.epoch, f"loss {epoch.loss:.3f}  exits {accuracies}")


@click.command()
@click.option("--data", help="Data set: " + ", ".join(DATASET_NAMES) + ".  [default: digits]")
@click.option("--recipe", "recipe_name", help="Model and training: " + ", ".join(NAMES) + ".")
@data_dir_option
@click.option("--seed", default=0, show_default=True, help="Of weights and augmentation.")
@click.option("--split-seed", default=0, show_default=True, help="Of train, calibration, test.")
@click.option("--epochs", type=int, help="Instead of the recipe's.")
@click.option(
    "--weight-bits",
    type=int,
    help="Quantization-aware: go on from --start with weights of so many bits.",
)
@click.option("--start", help="Finished checkpoint to go on from, with --weight-bits.")
@click.option("-o", "--output", required=True, help="Checkpoint to write, or to go on from.")
@json_option
def train(
    data: str | None,
    recipe_name: str | None,
    data_dir: Path | None,
    seed: int,
    split_seed: int,
    epochs: int | None,
    weight_bits: int | None,
    start: str | None,
    output: str,
    as_json: bool,
) -> None:
    r"""Train a network with all its exits jointly.

    The recipe is the data set's first one unless it is named. The checkpoint is rewritten after
    each epoch: after Ctrl-C the same command goes on.

    \b
    Example: offramp train --seed 0 -o out/digits.checkpoint
             offramp train --weight-bits 2 --start zoo:digits -o out/two-bits.checkpoint
    """
    path = output_file(output)
    if data is None and recipe_name is None:
        data = "digits"
    recipe = recipe_of(name=recipe_name, data=data)
    splits = load_splits(recipe.data if data is None else data, data_dir, split_seed)
    if epochs is None:
        training = recipe.training
        if weight_bits is not None:
            training = recipe.quantization_aware(weight_bits)
        epochs = training.epochs
    last: list[EpochReport] = []
    with progress_bar("Training", epochs, quiet=as_json) as bar:

        def progress(epoch: EpochReport) -> None:
            last[:] = [epoch]
            show_epoch(bar, epoch)

        train_network(
            splits,
            path,
            recipe=recipe,
            data_dir=data_dir,
            seed=seed,
            epochs=epochs,
            weight_bits=weight_bits,
            start=start,
            progress=progress,
        )
    values: dict[str, Any] = {
        "recipe": recipe.name,
        "data_set": recipe.data,
        "images": len(splits.train),
        "seed": seed,
        "epochs": epochs,
    }
    if last:
        values |= {"loss": last[0].loss, "train_accuracy_per_exit": list(last[0].accuracies)}
    report(values, as_json=as_json, title="Trained", result=path)


@click.command()
@click.argument("checkpoint")
@click.option("--data", help="Data set of an imported network: a name, or an .npz file.")
@click.option("--split-seed", type=int, help="Of its train, calibration, test.  [default: 0]")
@data_dir_option
@click.option("--fraction-bits", default=3, show_default=True, help="A logit LSB is 2^-F octaves.")
@click.option(
    "--weight-bits", type=int, help="Of the weights.  [default: those of its training, or 8]"
)
@click.option(
    "--reserve",
    is_flag=True,
    help="Keep every other calibration image from it, for calibrate --risk.",
)
@click.option("-o", "--output", required=True, help="Network file to write.")
@json_option
def quantize(
    checkpoint: str,
    data: str | None,
    split_seed: int | None,
    data_dir: Path | None,
    fraction_bits: int,
    weight_bits: int | None,
    reserve: bool,
    output: str,
    as_json: bool,
) -> None:
    r"""Make the integer network of a trained or imported one.

    \b
    Example: offramp quantize out/digits.checkpoint -o out/digits.safetensors
             offramp quantize out/mine.float --data digits -o out/mine.safetensors
    """
    path = output_file(output)
    choices: dict[str, Any] = {"fraction_bits": fraction_bits, "reserve": reserve}
    if weight_bits is not None:
        choices["weight_bits"] = weight_bits
    if FLOAT_FILE.made(checkpoint):
        if data is None:
            raise ValueError("Data set of an imported network must be given (--data), not left out")
        network = quantize_imported(checkpoint, data, data_dir, split_seed or 0, **choices)
    elif data is not None or split_seed is not None:
        raise ValueError(
            "Data set and split seed must be given for imported networks only, "
            f"not for {checkpoint!r}"
        )
    else:
        network = quantize_checkpoint(checkpoint, data_dir, **choices)
    save_network(network, path)
    values = {
        "network": network.name,
        "macs_without_exits": network.macs_total,
        "macs_at_exit": list(network.macs_at_exit),
        "temperatures": list(network.temperatures),
    }
    report(values, as_json=as_json, title="Quantized", result=path)


@click.command()
@click.argument("network")
@data_dir_option
@click.option(
    "--policy",
    type=click.Choice(tuple(POLICIES)),
    help="How images are chosen to leave.  [default: confidence; with --budget msdnet]",
)
@click.option(
    "--max-loss",
    default=0.5,
    show_default=True,
    help="Points of accuracy that exits may cost on the calibration split.",
)
@click.option(
    "--tolerance",
    default=0.1,
    show_default=True,
    help="Share of a whole image's MACs that is given up for fewer changed labels.",
)
@click.option(
    "--budget", type=float, help="Mean MACs of an image to reach instead; replaces --max-loss."
)
@click.option(
    "--risk",
    type=float,
    help="Share of images that exits may make wrong, guaranteed; replaces --max-loss.",
)
@click.option(
    "--delta", default=0.05, show_default=True, help="Chance that the guarantee may fail."
)
@click.option("--method", default=METHODS[0], show_default=True, type=click.Choice(METHODS))
@click.option("--bound", default="binomial", show_default=True, type=click.Choice(sorted(P_VALUES)))
@click.option(
    "--risk-loss",
    default=LOSSES[0],
    show_default=True,
    type=click.Choice(LOSSES),
    help="What counts: an image made wrong, or any other label than without exits.",
)
@click.option("--seed", default=0, show_default=True, help="Of policies that learn.")
@click.option("-o", "--output", help="Network file to write; the same one without it.")
@json_option
def calibrate(
    network: str,
    data_dir: Path | None,
    policy: str | None,
    max_loss: float,
    tolerance: float,
    budget: float | None,
    risk: float | None,
    delta: float,
    method: str,
    bound: str,
    risk_loss: str,
    seed: int,
    output: str | None,
    as_json: bool,
) -> None:
    r"""Choose the rules of the early exits on the calibration split: criteria and thresholds.

    With --risk one threshold serves all early exits, and a statement about it holds for images
    that were never seen; it is printed and kept in the network file.

    \b
    Example: offramp calibrate out/digits.safetensors --max-loss 0.5
             offramp calibrate out/digits.safetensors --policy eenet --budget 20000
             offramp calibrate out/digits.safetensors --risk 0.03 --delta 0.05
    """
    if output is None and zoo_entry(network) is not None:
        raise ValueError(f"Output must be given for a network of the zoo, not {network!r} changed")
    if budget is not None and risk is not None:
        raise ValueError(f"Budget and risk must not be given together, not {budget:g} and {risk:g}")
    path = output_file(output or network)
    loaded = load_network(network)
    splits = splits_of_network(loaded, data_dir)
    if budget is not None:
        calibrated, figures = calibrate_for_budget(
            loaded, splits, budget, policy=policy or "msdnet", seed=seed
        )
    elif risk is None:
        calibrated, figures = calibrate_network(
            loaded,
            splits,
            max_loss,
            policy=policy or "confidence",
            tolerance=tolerance,
            seed=seed,
        )
    else:
        calibrated, figures = calibrate_with_risk(
            loaded,
            splits,
            RiskConfig(epsilon=risk, delta=delta, method=method, bound=bound, loss=risk_loss),
            policy=policy or "confidence",
        )
    save_network(calibrated, path)
    rules = calibrated.rules or ()
    values: dict[str, Any] = {
        "policy": calibrated.metadata["calibration"]["policy"],
        "criteria": [str(rule.criterion) for rule in rules],
        "thresholds": list(figures.thresholds),
    }
    if any(rule.weights for rule in rules):
        values["weights"] = [dict(rule.weights) for rule in rules]
        values["offsets"] = [rule.offset for rule in rules]
    if all(rule.criterion == Criterion.CONFIDENCE for rule in rules):
        config = unit_config(calibrated)
        values["confidences"] = [config.confidence_of_threshold(t) for t in figures.thresholds]
    values |= {
        "calibration_images": figures.n,
        "calibration_accuracy_without_exits": figures.accuracy_without_exits,
        "calibration_accuracy_with_exits": figures.accuracy,
        "calibration_exit_shares": list(figures.exit_shares),
        "calibration_mean_macs": figures.mean_macs,
    }
    if risk is not None:
        values["guarantee"] = calibrated.metadata["calibration"]["statement"]
    report(values, as_json=as_json, title="Calibrated", result=path)
