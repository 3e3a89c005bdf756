"""Sub-command synth accelerator: the engine by itself on a device, or a whole board."""

import click

from ...golden.spec.checks import require_choice
from ...golden.spec.engine import ENGINES
from .boards import synth_board
from .output import json_option, output_folder, progress_bar, report, report_rows


@click.command("accelerator")
@click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    help="By its multiply-accumulates in a cycle; the most that a board holds without it.",
)
@click.option(
    "--device",
    help="The engine by itself on ecp5-25k, ecp5-45k or ecp5-85k; without an engine, 16, 64 "
    "and 128 MACs on these.",
)
@click.option(
    "--bus",
    default="none",
    show_default=True,
    help="By itself; axi adds AXI4-Stream and AXI4-Lite.",
)
@click.option(
    "--board",
    help="Bitstream for a board: ulx3s-85f, ulx3s-25f, orangecrab, icebreaker, tang-nano-20k.",
)
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
    "--first-seed",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Of the placements.",
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
    bus: str,
    board: str | None,
    net: str,
    clock_mhz: float | None,
    baud: int | None,
    program: bool,
    n_seeds: int,
    first_seed: int,
    output: str,
    as_json: bool,
) -> None:
    r"""Build a bitstream for a board, or report what the engine by itself takes on a device.

    For a board: Verilog, netlist, routed design, bitstream and report, at the highest clock that
    closes. By itself: what it takes, part by part, and its clock, the median of the seeds.

    \b
    Example: offramp synth accelerator --board ulx3s-85f --net zoo:blenet-mnist -o out/
             offramp synth accelerator --board orangecrab --net zoo:digits --clock 96 --program
             offramp synth accelerator --engine 128
             offramp synth accelerator
    """
    seeds = range(first_seed, first_seed + n_seeds)
    if board is None:
        from ...fpga.fit import BUSES, FITS

        require_choice("Bus", bus, BUSES)
        if device is not None:
            fits = {engine or "16": device}
        elif engine in FITS:
            fits = {engine: FITS[engine]}
        elif engine is not None:
            raise ValueError(f"Device must be given with an engine of {engine} MACs, not left out")
        else:
            fits = FITS
        _by_itself(fits, bus, seeds, output, as_json=as_json)
        return
    if device is not None:
        raise ValueError(f"Device must be left out with a board, not {device!r}")
    synth_board(
        board, net, engine, clock_mhz, seeds, baud, output, program=program, as_json=as_json
    )


def _by_itself(fits: dict[str, str], bus: str, seeds: range, output: str, *, as_json: bool) -> None:
    """Report what engines take on devices: parts, resources, the clock of each seed."""
    from ...fpga.fit import engine_fit

    folder = output_folder(output)
    done = []
    with progress_bar("Synthesizing", len(fits)) as bar:
        for number, (engine, device) in enumerate(fits.items()):
            bar.show(number, f"{engine} MACs on {device}, {len(seeds)} seeds")
            done.append(engine_fit(engine, device, bus=bus, seeds=seeds, out=folder))
    if as_json:
        report({"fits": [fit.as_dict() for fit in done]}, as_json=True, result=folder)
        return
    for fit in done:
        report_rows(
            f"Parts of the engine of {fit.engine} MACs on {fit.device}, each mapped by itself",
            ("part", "LUT4", "flip-flops", "DSP", "block RAM"),
            [(name or "(wiring)", *row.values()) for name, row in fit.parts.items()],
        )
    report_rows(
        f"Engines placed and routed, {'with AXI' if bus == 'axi' else 'without buses'}",
        ("MACs", "device", "cells", "flip-flops", "DSP", "block RAM", "MHz", "MHz of each seed"),
        [
            (
                fit.engine,
                fit.device,
                f"{fit.logic_cells:,}",
                f"{fit.reports[0].flip_flops:,}",
                str(fit.reports[0].dsp),
                str(fit.reports[0].block_ram),
                f"{fit.median_mhz:.1f}",
                ", ".join(
                    [f"{clock:.1f}" for clock in fit.clocks]
                    + [f"seed {seed} not routed" for seed in fit.unrouted]
                ),
            )
            for fit in done
        ],
    )
    report({}, as_json=False, result=folder)
