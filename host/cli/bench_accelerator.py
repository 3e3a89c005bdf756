"""The engine measured on networks: offramp bench accelerator."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from ...golden.data_files import DataError
from ...golden.network_file import load_network
from ...golden.spec.engine import ENGINES
from ...golden.zoo import PREFIX, entries
from ..workflow import splits_of_network
from .output import (
    data_dir_option,
    figures,
    json_option,
    messages,
    progress_bar,
    report,
    report_rows,
)

TOOLS = ("offramp", "amaranth", "verilator")


@click.command("accelerator")
@click.argument("networks", nargs=-1)
@data_dir_option
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(list(ENGINES)),
    default=("16", "128"),
    show_default=True,
)
@click.option("--images", type=click.IntRange(1), help="Images of each test split; all.")
@click.option(
    "--layer-images",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Images of which every layer is compared.",
)
@json_option
def bench_accelerator(
    networks: tuple[str, ...],
    data_dir: Path | None,
    engines: tuple[str, ...],
    images: int | None,
    layer_images: int,
    as_json: bool,
) -> None:
    r"""Run networks on the engine in RTL: bit-exactness, cycles, gain from exits, speed.

    All of the zoo unless some are named; those whose data are not there are left out and said so.

    \b
    Example: offramp bench accelerator zoo:digits
             offramp bench accelerator --data-dir data --engine 16 --engine 128
    """
    from ..engine_bench import EngineMeasurement, measure_engine

    measured: list[EngineMeasurement] = []
    for name in networks or tuple(PREFIX + entry.name for entry in entries()):
        network = load_network(name)
        try:
            test = splits_of_network(network, data_dir).test
        except DataError as error:
            messages.print(f"{name} left out: {error}")
            continue
        if images is not None:
            test = test.subset(np.arange(min(images, len(test))))
        for engine in engines:
            with progress_bar(f"{name} on {engine}", len(test), quiet=as_json) as bar:
                row = measure_engine(
                    name.removeprefix(PREFIX),
                    network,
                    engine,
                    test,
                    layer_images=min(layer_images, len(test)),
                    progress=lambda what, done, bar=bar: bar.show(done, what),  # type: ignore[misc]
                )
            measured.append(row)
    if as_json:
        report({"measured": [asdict(row) for row in measured]}, as_json=True)
    else:
        figures.print(", ".join(f"{tool} {version(tool)}" for tool in TOOLS))
        _print(measured)
    wrong = [row for row in measured
             if row.layers_differing or row.results_differing or row.cycles_differing]  # fmt: skip
    if wrong:
        raise click.ClickException(
            f"Engine must equal golden and prediction, and does not for {wrong[0].network}"
        )


def _print(measured: list[Any]) -> None:
    report_rows(
        "Differences from golden, of test images",
        ("network", "MACs", "layers", "differ", "images", "differ", "cycles differ",
         "Mcycles/s"),
        [
            (row.network, row.engine, row.layers_compared, row.layers_differing, row.images,
             row.results_differing, row.cycles_differing, f"{row.cycles_a_second / 1e6:.2f}")
            for row in measured
        ],
    )  # fmt: skip
    report_rows(
        "Cycles of an image, test split",
        ("network", "MACs", "at exits", "% of peak", "without exits", "mean", "times fewer",
         "% for deciding", "accuracy", "without exits"),
        [
            (row.network, row.engine, " ".join(f"{cycles:,}" for cycles in row.cycles_at_exit),
             f"{row.percent_of_peak:.1f}", f"{row.cycles_without_exits:,}",
             f"{row.mean_cycles:,.0f}", f"{row.gain:.2f}", f"{row.percent_lost:.2f}",
             f"{100 * row.accuracy:.2f} %", f"{100 * row.accuracy_without_exits:.2f} %")
            for row in measured
        ],
    )  # fmt: skip
