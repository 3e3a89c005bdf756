"""The core that boards get: the engine behind the link."""

from collections.abc import Callable
from typing import Any

from ..golden.spec.engine import EngineConfig
from ..hw.link.linked_engine import LinkedEngine
from ..hw.verilog import generate_verilog
from .board import Board
from .build_hash import build_hash

__all__ = ["MODULE_NAME", "linked_core", "linked_verilog"]

MODULE_NAME = "offramp_board"
"""Of the core by itself."""


def linked_core(board: Board, config: EngineConfig, baud: int) -> Callable[[int], Any]:
    """Return what makes the core of a board for a clock in Hz."""

    def make(clock_hz: int) -> Any:
        return LinkedEngine(
            config,
            clock_hz=clock_hz,
            baud=baud,
            build_hash=build_hash(board.name, config, clock_hz, baud),
            family=board.flow.family,
        )

    return make


def linked_verilog(board: Board, config: EngineConfig, baud: int, clock_hz: int) -> str:
    """Return the Verilog of the core by itself, its parts as they are."""
    return generate_verilog(linked_core(board, config, baud)(clock_hz), MODULE_NAME, {})
