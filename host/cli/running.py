"""Sub-command that runs images: `offramp run`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from ...golden.data import Dataset
from ...golden.network import IntegerNetwork
from ...golden.network_file import load_network
from ...golden.spec.checks import require_choice
from ...golden.spec.engine import ENGINES, EngineConfig
from ..boards import SERIAL, UART, UART_MODEL, is_board
from ..devices import DEVICES, open_device
from ..pipeline import run as run_pipeline
from ..pipeline import set_rules, unit_config
from ..results import Results
from ..workflow import splits_of_network
from .output import (
    data_dir_option,
    json_option,
    messages,
    output_file,
    progress_bar,
    report,
    report_rows,
)
from .running_board import board_options, opened, run_network

EMULATOR = "emulator"
"""The device that is the whole engine, in RTL."""


@click.command()
@click.argument("network", required=False)
@click.option("--net", help="The network, if not given as an argument.")
@click.option("--data", help="Data set, that of the network unless given.")
@data_dir_option
@click.option(
    "--device",
    default="unit",
    show_default=True,
    help="golden model; decision unit in RTL; emulator, the whole accelerator in RTL; uart, that "
    "behind the pins of a UART; uart-model, the bytes of the UART alone; serial:PORT, a board.",
)
@click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    default="16",
    show_default=True,
    help="Of what is emulated, by its multiply-accumulates in a cycle; a board says what it has.",
)
@click.option(
    "--split",
    default="test",
    show_default=True,
    type=click.Choice(["train", "calibration", "test"]),
)
@click.option("--images", type=click.IntRange(1), help="How many images of the split; all.")
@click.option("--check-layers", type=click.IntRange(1), metavar="N",
              help="Compare every layer of N images with the golden model first.")  # fmt: skip
@click.option("--waveform", metavar="FILE.fst",
              help="Write all signals of the emulator while one image runs.")  # fmt: skip
@click.option("--waveform-image", type=click.IntRange(0), default=0, show_default=True, metavar="N",
              help="Number of that image in the split.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1),
              help="Processes of the emulator; as many as cores.")  # fmt: skip
@board_options
@click.option(
    "--threshold",
    type=float,
    help="Confidence in (1/N, 1) for all early exits, instead of the calibrated ones.",
)
@click.option("-o", "--output", help="CSV file for label, exit, score and MACs of each image.")
@json_option
def run(
    network: str | None,
    net: str | None,
    data: str | None,
    data_dir: Path | None,
    device: str,
    engine: str,
    split: str,
    images: int | None,
    check_layers: int | None,
    waveform: str | None,
    waveform_image: int,
    jobs: int | None,
    baud: int | None,
    program: Path | None,
    build_hash: int | None,
    threshold: float | None,
    output: str | None,
    as_json: bool,
) -> None:
    r"""Classify a split with early exit, deciding on a device.

    With the emulator the whole network runs on the engine's RTL, cycle by cycle, and likewise on
    boards, real and emulated; its results are compared with the golden model's, and a single one
    that differs is an error.

    \b
    Example: offramp run out/digits.safetensors -o out/results.csv
             offramp run --device emulator --engine 16 --net zoo:digits
             offramp run --device emulator --net zoo:digits --images 1 --waveform out/image.fst
             offramp run --device serial:/dev/ttyUSB0 --net zoo:digits
    """
    path = None if output is None else output_file(output)
    _check_device(device, program)
    for given, what in ((check_layers, "Check of layers"), (waveform, "Waveform"), (jobs, "Jobs")):
        if given is not None and device != EMULATOR:
            raise click.UsageError(f"{what} must be on the emulator")
    loaded = _load(network, net, threshold)
    dataset = _images(loaded, data, data_dir, split, images)
    if waveform is not None and waveform_image >= len(dataset):
        raise ValueError(
            f"Image of the waveform must be in 0..{len(dataset) - 1}, not {waveform_image}"
        )
    config = None if device in DEVICES else _engine_for(loaded, engine)
    # first of all: what is not there is said at once
    with opened(device, config, baud, build_hash) as board:
        golden = _run_layers_on_host(loaded, device if device in DEVICES else "golden", dataset,
                                     quiet=as_json)  # fmt: skip
        if board is not None:
            config = board.identity.engine
            results, more = run_network(board, loaded, dataset, program, quiet=as_json)
    values: dict[str, Any] = {
        "device": device,
        "data_set": dataset.name,
        "split": split,
        "images": len(dataset),
        "rules": [rule.describe() for rule in loaded.rules or ()],
    }
    rows: Sequence[Sequence[Any]] = ()
    if device == EMULATOR:
        if waveform is not None:
            values |= _write_waveform(loaded, engine, dataset, waveform_image, waveform)
        results, more = _run_on_engine(loaded, engine, dataset, check_layers, jobs, quiet=as_json)
    if config is None:
        results = golden
    else:
        figures, rows = _compared(loaded, config, dataset, golden, results)
        values |= more | figures
    if path is not None:
        results.save(path, dataset.labels)
    values |= {
        "accuracy": results.accuracy(dataset.labels),
        "share_of_images_per_exit": results.exit_shares(),
        "mean_macs": results.mean_macs(),
        "macs_without_exits": loaded.macs_total,
        "macs_saved": 1 - results.mean_macs() / loaded.macs_total,
    }
    if rows and not as_json:
        report_rows(
            f"Exits of {loaded.name}", ("left at", "images", "accuracy", "cycles", "times"), rows
        )
    report(values, as_json=as_json, title=f"{loaded.name} on {device}", result=path)
    if values.get("results_that_differ_from_golden"):
        raise click.ClickException("Results of the engine must be those of the golden model")


def _load(network: str | None, net: str | None, threshold: float | None) -> IntegerNetwork:
    """Return the network that is named once, with a threshold of one's own if that is given."""
    if (network is None) == (net is None):
        raise click.UsageError("Network must be given once, as an argument or with --net")
    loaded = load_network(network or net or "")
    if threshold is None:
        return loaded
    register = unit_config(loaded).threshold_of_confidence(threshold)
    return loaded.with_thresholds([register] * (loaded.n_exits - 1))


def _images(
    network: IntegerNetwork, data: str | None, data_dir: Path | None, split: str, n: int | None
) -> Dataset:
    """Return the first images of a split of the network's data set."""
    dataset: Dataset = getattr(splits_of_network(network, data_dir), split)
    if data is not None and data != dataset.name:
        raise ValueError(f"Data set must be that of the network, {dataset.name}, not {data!r}")
    return dataset if n is None else dataset.subset(np.arange(min(n, len(dataset))))


def _check_device(device: str, program: Path | None) -> None:
    if is_board(device):
        return
    require_choice("Device", device, (*DEVICES, EMULATOR, UART, UART_MODEL, f"{SERIAL}PORT"))
    if program is not None:
        raise click.UsageError("Program must be for a board")


def _engine_for(network: IntegerNetwork, name: str) -> EngineConfig:
    from .. import accelerator

    return accelerator.engine_for(network, name)


def _run_layers_on_host(
    network: IntegerNetwork, device: str, dataset: Dataset, *, quiet: bool
) -> Results:
    with open_device(device, unit_config(network)) as unit:
        set_rules(network, unit)
        with progress_bar(f"Running on {device}", len(dataset), quiet=quiet) as bar:
            return run_pipeline(network, unit, dataset.images, progress=bar.show)


def _write_waveform(
    network: IntegerNetwork, engine: str, dataset: Dataset, number: int, path: str
) -> dict[str, Any]:
    from .. import accelerator

    file = output_file(path)
    with messages.status("Writing the waveform"):
        cycles = accelerator.write_waveform(network, engine, dataset.images[number], file)
    return {"waveform": str(file), "cycles_of_the_waveform": cycles}


def _run_on_engine(
    network: IntegerNetwork,
    engine: str,
    dataset: Dataset,
    n_checked: int | None,
    jobs: int | None,
    *,
    quiet: bool,
) -> tuple[Results, dict[str, Any]]:
    """Return results and figures of the emulator."""
    from .. import accelerator

    values: dict[str, Any] = {"engine": f"{engine} MACs a cycle"}
    if n_checked:
        checked = dataset.images[:n_checked]
        with progress_bar("Checking layers", len(checked), quiet=quiet) as bar:
            compared, difference = accelerator.check_layers(
                network, engine, checked, progress=bar.show
            )
        if difference is not None:
            raise click.ClickException(
                f"Layers of the engine must be those of the golden model, and "
                f"{' + '.join(difference.layers)} of image {difference.image} is not"
            )
        values["layers_equal_to_golden"] = compared
    with progress_bar("Running on the engine", len(dataset), quiet=quiet) as bar:
        results = accelerator.run_network(
            network, engine, dataset.images, workers=jobs, progress=bar.show
        )
    return results, values


def _compared(
    network: IntegerNetwork,
    config: EngineConfig,
    dataset: Dataset,
    golden: Results,
    results: Results,
) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Return what an engine's results say beside golden, and a row for each exit."""
    from ..compile import compile_network, predict_cycles

    assert results.cycles is not None
    off = predict_cycles(compile_network(network, config).program).whole
    without = predict_cycles(compile_network(network, config, branches=False).program).whole
    mean = float(results.cycles.mean())
    right = results.label == dataset.labels
    rows = []
    for index in range(network.n_exits):
        here = results.exit_index == index
        cycles = f"{int(results.cycles[here][0]):,}" if here.any() else "-"
        rows.append((f"exit {index + 1}", int(here.sum()), _percent(right[here]), cycles, ""))
    last = network.forward(dataset.images)[-1].argmax(axis=1) == dataset.labels
    n = len(dataset)
    rows += [
        ("all exits", n, _percent(right), f"{mean:,.0f}", ""),
        ("exits off, same program", n, _percent(last), f"{off:,}", f"{off / mean:.2f}"),
        ("without exit branches", n, _percent(last), f"{without:,}", f"{without / mean:.2f}"),
    ]
    values = {
        "results_that_differ_from_golden": results.differences(golden),
        "mean_cycles": mean,
        "cycles_with_exits_off": off,
        "cycles_without_exits": without,
        "times_fewer_cycles": without / mean,
    }
    return values, rows


def _percent(right: npt.NDArray[np.bool_]) -> str:
    return f"{100 * right.mean():.2f} %" if len(right) else "-"
