"""Sub-command synth accelerator: the engine by itself on a device, or a whole board."""

import statistics

import click

from ...golden.spec.checks import require_choice
from ...golden.spec.engine import ENGINES
from .boards import synth_board
from .output import json_option, messages, output_folder, report, report_rows


@click.command("accelerator")
@click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    help="By its multiply-accumulates in a cycle; 16, or the most that a board holds.",
)
@click.option("--device", help="The engine by itself on ecp5-25k (default), ecp5-45k or ecp5-85k.")
@click.option("--board", help="Bitstream for a board: ulx3s-85f, ulx3s-25f, orangecrab.")
@click.option(
    "--net", default="zoo:digits", show_default=True, help="Network that a board has room for."
)
@click.option(
    "--clock", "clock_mhz", type=float, help="MHz of a board; the highest that closes without it."
)
@click.option("--baud", type=int, help="Of a board's link; what the board does best without it.")
@click.option("--program", is_flag=True, help="Load the bitstream into the board.")
@click.option(
    "--seeds",
    "n_seeds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Placements tried at each clock; by itself, the median counts.",
)
@click.option(
    "-o",
    "--output",
    default="out/synth",
    show_default=True,
    help="Folder for netlists, logs and reports; what is built there is not built again.",
)
@json_option
def synth_accelerator(
    engine: str | None,
    device: str | None,
    board: str | None,
    net: str,
    clock_mhz: float | None,
    baud: int | None,
    program: bool,
    n_seeds: int,
    output: str,
    as_json: bool,
) -> None:
    r"""Build a bitstream for a board, or report what the engine by itself takes on a device.

    For a board: Verilog, netlist, routed design, bitstream and report, at the highest clock that
    closes. By itself: what it takes, part by part, and its clock, the median of the seeds.

    \b
    Example: offramp synth accelerator --board ulx3s-85f --net zoo:blenet-mnist -o out/
             offramp synth accelerator --board orangecrab --net zoo:digits --clock 96 --program
             offramp synth accelerator --engine 128 --device ecp5-85k
    """
    if board is None:
        _by_itself(engine or "16", device or "ecp5-25k", n_seeds, output, as_json=as_json)
        return
    if device is not None:
        raise ValueError(f"Device must be left out with a board, not {device!r}")
    synth_board(
        board, net, engine, clock_mhz, n_seeds, baud, output, program=program, as_json=as_json
    )


def _by_itself(engine: str, device: str, n_seeds: int, output: str, *, as_json: bool) -> None:
    """Report what the engine takes on a device."""
    from ...fpga.components import component_table
    from ...fpga.devices import ENGINE_DEVICES
    from ...fpga.kept import build_with_seeds
    from ...hw.engine.delivery import MODULE_NAME, engine_verilog

    part = ENGINE_DEVICES[require_choice("Device", device, ENGINE_DEVICES)]
    folder = output_folder(output)
    seeds = range(1, n_seeds + 1)
    text = engine_verilog(ENGINES[engine], "ecp5")
    with messages.status(f"Synthesizing for {device}, {n_seeds} seeds"):
        reports = build_with_seeds(
            text, MODULE_NAME, device, seeds=seeds, out=folder, target_mhz=part.target_mhz
        )
        parts = component_table(text, MODULE_NAME, part, out=folder / f"parts-{engine}")
    clocks = [result.fmax_mhz for result in reports]
    values = reports[0].as_dict() | {
        "seed": list(seeds),
        "fmax_mhz": statistics.median(clocks),
        "fmax_mhz_of_each_seed": clocks,
    }
    if as_json:
        values["parts"] = parts
    else:
        report_rows(
            "Parts, each mapped by itself",
            ("part", "LUT4", "flip-flops", "DSP", "block RAM"),
            [(name or "(wiring)", *row.values()) for name, row in parts.items()],
        )
    title = f"Engine of {engine} MACs a cycle on {device}"
    report(values, as_json=as_json, title=title, result=folder)
