"""How a bitstream gets onto a board: with openFPGALoader, which the user installs."""

import shutil
import subprocess
from pathlib import Path

from .board import Board
from .tools import ToolError

__all__ = ["program_board", "program_command"]

LOADER = "openFPGALoader"
TIMEOUT = 300.0


def program_command(board: Board, bitstream: str | Path) -> list[str]:
    """Return the command that loads a bitstream into a board, until its power goes."""
    return [LOADER, *board.loader, str(bitstream)]


def program_board(board: Board, bitstream: str | Path) -> None:
    """Load a bitstream into the board that is plugged in.

    Raises
    ------
    ValueError
        There is no such file.
    ToolError
        openFPGALoader is missing, fails or takes too long; the message is one line.
    """
    if not Path(bitstream).is_file():
        raise ValueError(f"Bitstream must be a file, not {str(bitstream)!r}")
    if shutil.which(LOADER) is None:
        raise ToolError(
            f"Tool {LOADER} must be installed to program a board "
            "(https://trabucayre.github.io/openFPGALoader)"
        )
    command = program_command(board, bitstream)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ToolError(f"Tool {LOADER} must end within {TIMEOUT:.0f} s, but did not") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"code {done.returncode}"]
        raise ToolError(f"Tool {LOADER} must succeed, not say: {said[-1]}")
