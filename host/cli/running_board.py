"""A network on a board, for `offramp run`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ...golden.data import Dataset
from ...golden.network import IntegerNetwork
from ...golden.program_file import load_program
from ...golden.spec import link
from ...golden.spec.engine import EngineConfig
from ..boards import is_board, open_board, run_on_board
from ..compile import compile_network
from ..link import SerialDevice
from ..link.campaign import content_bytes
from ..link.identity import check_build
from ..results import Results
from .output import progress_bar


class BuildHash(click.ParamType[int]):
    """Eight hexadecimal digits or fewer."""

    name = "hex"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the number."""
        try:
            number = int(value, 16)
        except ValueError:
            number = -1
        if not 0 <= number < 1 << 32:
            self.fail(f"Build hash must be up to 8 hexadecimal digits, not {value!r}", param, ctx)
        return number


def board_options(command: Any) -> Any:
    """Add the options of boards to a command."""
    for option in reversed(
        (
            click.option(
                "--baud",
                type=click.IntRange(link.BAUD_MIN, link.BAUD_MAX),
                help=f"Of a board's port, as it was built; {link.BAUD_DEFAULT}.",
            ),
            click.option(
                "--program",
                type=click.Path(path_type=Path),
                help="Program file for a board, instead of one that is compiled for it.",
            ),
            click.option("--build-hash", type=BuildHash(), help="Refuse another bitstream."),
        )
    ):
        command = option(command)
    return command


@contextmanager
def opened(
    device: str, engine: EngineConfig | None, baud: int | None, build_hash: int | None
) -> Iterator[SerialDevice | None]:
    """Open a board, if the device is one, and check that it is the right one."""
    if engine is None or not is_board(device):
        if (baud, build_hash) != (None, None):
            raise click.UsageError("Baud rate and build hash must be for a board")
        yield None
        return
    with open_board(device, engine, baud) as board:
        if build_hash is not None:
            check_build(board.identity, build_hash)
        yield board


def run_network(
    board: SerialDevice,
    network: IntegerNetwork,
    dataset: Dataset,
    program_file: Path | None,
    *,
    quiet: bool,
) -> tuple[Results, dict[str, Any]]:
    """Load a program and run images; return results, and figures of the board and the wire."""
    if program_file is None:
        program = compile_network(network, board.identity.engine).program
    else:
        program = load_program(program_file).program
    with progress_bar("Loading the program", content_bytes(program), quiet=quiet) as bar:
        board.load(program, progress=bar.show)
    start = board.connection.now()
    with progress_bar("Running on the board", len(dataset), quiet=quiet) as bar:
        results = run_on_board(board, network, dataset.images, progress=bar.show)
    connection = board.connection
    values = {
        **board.identity.describe(),
        "seconds": connection.now() - start,
        "requests_sent": connection.counts.frames,
        "requests_sent_again": connection.counts.again,
        "reconnects": connection.reconnects,
    }
    return results, values
