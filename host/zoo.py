"""How a network of the zoo is made and measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..golden.calibrate import evaluate_thresholds
from ..golden.checkpoint import load_checkpoint, save_checkpoint
from ..golden.data import Splits
from ..golden.network import IntegerNetwork
from ..golden.network_file import save_network
from ..golden.recipes import Recipe
from ..golden.train import float_logits, load_model
from .pipeline import unit_config
from .workflow import calibrate_network, quantize_model, scores_and_predictions

SELECTION = "all choices on train and calibration splits; test split read for these metrics alone"


def make_entry(
    recipe: Recipe, run: str | Path, splits: Splits, folder: Path
) -> tuple[Path, dict[str, Any]]:
    """Quantize, calibrate and measure a finished training; write network and checkpoint.

    Parameters
    ----------
    recipe : Recipe
    run : str or path
        Checkpoint of the training, or ``zoo:<name>``; the one that is written leaves out the
        optimizer.
    splits : Splits
        Of the recipe's data.
    folder : path

    Returns
    -------
    path
        Of the network file.
    dict
        Figures on the test split, also kept in the file.
    """
    model, record = load_model(run)
    network = quantize_model(model, record, splits)
    network, _ = calibrate_network(
        network,
        splits,
        recipe.max_loss_points,
        tolerance=recipe.tolerance,
        standard_errors=recipe.standard_errors,
    )
    metrics = measure(network, splits)
    accuracies = [
        float(np.mean(logits.argmax(axis=1) == splits.test.labels))
        for logits in float_logits(model, splits.test.images)
    ]
    metrics = {"accuracy_float": accuracies, **metrics}
    origin = {
        "command": f"offramp zoo build {recipe.name} --data-dir DATA -o FOLDER",
        "selection": SELECTION,
        "metrics": metrics,
    }
    path = folder / f"{recipe.name}.safetensors"
    save_network(replace(network, metadata={**network.metadata, **origin}), path)
    bare = replace(load_checkpoint(run), optimizer={})
    save_checkpoint(bare, folder / f"{recipe.name}.checkpoint.safetensors")
    return path, metrics


def measure(network: IntegerNetwork, splits: Splits) -> dict[str, Any]:
    """Return the figures of a calibrated network on the test split."""
    scores, predictions = scores_and_predictions(
        unit_config(network), network.forward(splits.test.images)
    )
    figures = evaluate_thresholds(
        network.thresholds or (), scores, predictions, splits.test.labels, network.macs_at_exit
    )
    right = predictions == splits.test.labels[:, None]
    return {
        "test_images": figures.n,
        "accuracy_int8": right.mean(axis=0).tolist(),
        "accuracy_with_exits": figures.accuracy,
        "loss_points": figures.loss_points,
        "exit_shares": list(figures.exit_shares),
        "mean_macs": figures.mean_macs,
        "times_fewer_macs": network.macs_total / figures.mean_macs,
    }
