"""Sub-commands about boards: synth accelerator --board, program, bench boards."""

from pathlib import Path

import click

from .output import json_option, messages, output_folder, report, report_rows


def synth_board(
    board_name: str,
    net: str,
    engine: str | None,
    clock_mhz: float | None,
    seeds: range,
    baud: int | None,
    output: str,
    *,
    program: bool,
    as_json: bool,
) -> None:
    """Build the engine for a network and a board, print the report; see `synth accelerator`."""
    from ...fpga.boards import find_board
    from ...fpga.programming import program_board
    from ...golden.network_file import load_network
    from ...golden.zoo import PREFIX
    from ..board_synth import synthesize_board

    board = find_board(board_name)
    network = load_network(net)
    folder = output_folder(output)
    with messages.status(f"Building for {board.name}") as status:
        result = synthesize_board(
            net.removeprefix(PREFIX),
            network,
            board,
            out=folder,
            engine=engine,
            clock_hz=None if clock_mhz is None else round(clock_mhz * 1e6),
            seeds=seeds,
            baud=baud,
            progress=lambda step: status.update(f"{board.name}: {step}"),
        )
    if as_json:
        report(result.as_dict(), as_json=True, result=result.build.bitstream)
    else:
        table = result.parts_table()
        report_rows(table.title, list(table.columns), table.text_rows())
        report(
            {**result.figures(), "tools": result.tools},
            as_json=False,
            title=f"{result.network} on {board.name}",
            result=result.build.bitstream,
        )
    if program:
        program_board(board, result.build.bitstream)
        messages.print(f"{board.name} is programmed.")


@click.command()
@click.option("--board", "board_name", required=True, help="Name of the board, say ulx3s-85f.")
@click.argument("bitstream", type=click.Path(path_type=Path))
@json_option
def program(board_name: str, bitstream: Path, as_json: bool) -> None:
    r"""Load a bitstream into the board that is plugged in, with openFPGALoader.

    \b
    Example: offramp program --board ulx3s-85f out/synth/offramp-ulx3s-85f.bit
    """
    from ...fpga.boards import find_board
    from ...fpga.programming import program_board, program_command

    board = find_board(board_name)
    with messages.status(f"Programming {board.name}"):
        program_board(board, bitstream)
    command = " ".join(program_command(board, bitstream))
    report({"board": board.name, "command": command}, as_json=as_json, result=bitstream)
