"""What a vendor's open toolchain does for a board: one subclass of `BoardFlow` a family."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..golden.spec.engine import EngineConfig

if TYPE_CHECKING:
    from .board import Board

__all__ = ["BoardFlow", "CapacityError", "Routed", "fewest_blocks"]

NAME = "offramp"
"""Name of the top module and, with endings, of all files of a build."""


class CapacityError(ValueError):
    """A design is too large for a board; the message says by how much."""


def fewest_blocks(width: int, lines: int, widths: Mapping[int, int]) -> int:
    """Return the block RAMs of a memory in the shape that takes fewest.

    Parameters
    ----------
    width, lines : int
        Of the memory.
    widths : mapping of int to int
        Bits of a block by its lines.
    """
    return min(-(-width // wide) * -(-lines // deep) for deep, wide in widths.items())


@dataclass(frozen=True)
class Routed:
    """What one placement gave.

    Attributes
    ----------
    reached_hz : float
        Fastest clock of the design's domain.
    used, available : dict of str to int
        Cells of the placed design: ``logic_cells``, ``flip_flops``, ``dsp``, ``block_ram`` and what
        else the family has, as far as its router counts them.
    """

    reached_hz: float
    used: dict[str, int]
    available: dict[str, int]


class BoardFlow(ABC):
    """Synthesis, placement, routing and bitstream of one family of devices.

    All steps work inside a folder on files called `NAME` and an ending; each leaves a log.

    Attributes
    ----------
    packages : tuple of str
        Packages whose versions belong in a report.
    family : str
        What the engine is told it is built for, see `offramp.hw.engine.engine.Engine`.
    netlist, routed, bitstream : str
        Endings of what the steps leave.
    """

    packages: tuple[str, ...]
    family: str
    netlist: str
    routed: str
    bitstream: str

    @abstractmethod
    def clocks(self, board: "Board") -> tuple[int, ...]:
        """Return the frequencies in Hz that the board's clock can be turned into, ascending."""

    @abstractmethod
    def check_clock(self, board: "Board", clock_hz: int) -> None:
        """Raise a ValueError of one line unless the board's clock can be turned into this one."""

    @abstractmethod
    def add_clock(self, m: Any, board: "Board", pin: Any, clock_hz: int) -> None:
        """Give a top module its domain ``sync``, out of the clock at `pin`, reset until stable."""

    @abstractmethod
    def sources(self, plan_files: Mapping[str, str]) -> dict[str, str]:
        """Return by ending what the tools read, Verilog ``.v`` first, of what Amaranth planned."""

    @abstractmethod
    def needs(self, config: EngineConfig) -> dict[str, int]:
        """Return what an engine takes of what `Board.capacity` lists, known before synthesis.

        Exact for memories and multipliers of the engine; the link's come on top.
        """

    @abstractmethod
    def synthesize(self, board: "Board", folder: Path) -> dict[str, int]:
        """Map the sources to primitives and return how many of each there are."""

    @abstractmethod
    def route(self, board: "Board", folder: Path, seed: int, clock_hz: int) -> Routed:
        """Place and route the netlist with a seed."""

    @abstractmethod
    def pack(self, board: "Board", folder: Path, seed: int) -> None:
        """Turn the routed design of a seed into a bitstream."""
