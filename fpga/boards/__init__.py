"""The boards, by name."""

from ...golden.spec.checks import require_choice
from ..board import Board
from .icebreaker import ICEBREAKER
from .orangecrab import ORANGECRAB
from .tang_nano_20k import TANG_NANO_20K
from .ulx3s import ULX3S_25F, ULX3S_85F

__all__ = ["BOARDS", "Board", "find_board"]

BOARDS: dict[str, Board] = {
    board.name: board for board in (ULX3S_85F, ULX3S_25F, ORANGECRAB, ICEBREAKER, TANG_NANO_20K)
}
"""All boards that bitstreams are made for."""


def find_board(name: str) -> Board:
    """Return the board of this name; ValueError with the list of names if there is none."""
    return BOARDS[require_choice("Board", name, BOARDS)]
