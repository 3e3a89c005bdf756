"""The core that boards get: the engine behind the link, with a number that says what it is."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from ..golden.spec.engine import EngineConfig
from ..hw.link.linked_engine import LinkedEngine
from ..hw.verilog import generate_verilog
from .board import Board
from .board_top import board_sources
from .kept import without_comments

__all__ = ["MODULE_NAME", "LinkedCore", "hash_of"]

MODULE_NAME = "offramp_board"
"""Of the core by itself."""


def hash_of(board: str, sources: Mapping[str, str]) -> int:
    """Return 32 bits that differ, as good as surely, for boards, sources or packages that do."""
    texts = [version("offramp"), board, *(without_comments(text) for text in sources.values())]
    digest = hashlib.sha256("\0".join(texts).encode()).digest()
    return int.from_bytes(digest[:4], "big")


class LinkedCore:
    """Make the core of a board for the clocks that are tried.

    Parameters
    ----------
    board : Board
    config : EngineConfig
    baud : int
        Of the link.
    """

    def __init__(self, board: Board, config: EngineConfig, baud: int):
        self._board, self._config, self._baud = board, config, baud
        self._hashes: dict[int, int] = {}

    def __call__(self, clock_hz: int) -> Any:
        """Return the core for a clock in Hz."""
        return self._core(clock_hz, self.build_hash(clock_hz))

    def build_hash(self, clock_hz: int) -> int:
        """Return the number that the link of this core reads back.

        It is that of the board and the design's Verilog and pins, with 0 in its place. Placement
        does not count: all bitstreams of one number do the same.
        """
        if clock_hz not in self._hashes:
            sources = board_sources(self._board, self._core(clock_hz, 0), clock_hz)
            self._hashes[clock_hz] = hash_of(self._board.name, sources)
        return self._hashes[clock_hz]

    def verilog(self, clock_hz: int) -> str:
        """Return the Verilog of the core by itself, its parts as they are."""
        return generate_verilog(self(clock_hz), MODULE_NAME, {})

    def _core(self, clock_hz: int, build_hash: int) -> Any:
        return LinkedEngine(
            self._config,
            clock_hz=clock_hz,
            baud=self._baud,
            build_hash=build_hash,
            family=self._board.flow.family,
        )
