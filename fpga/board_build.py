"""From a core to a board's bitstream: sources, netlist, placements, bitstream, all kept."""

import hashlib
import inspect
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ..golden.files import replacing
from .board import Board
from .board_top import board_sources
from .closing import Attempt, highest_closing
from .flow import NAME, CapacityError, Routed
from .kept import without_comments
from .tools import tool_versions

__all__ = ["BoardBuild", "build_board", "check_capacity"]

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class BoardBuild:
    """A bitstream, and how it came about.

    Attributes
    ----------
    board : Board
    attempt : Attempt
        The placement that it was made of.
    attempts : tuple of Attempt
        All placements, in their order.
    routed : Routed
        Cells used and available.
    files : dict of str to Path
        Verilog, netlist, routed design and bitstream, by ending.
    tools : dict
        Versions of the tools.
    """

    board: Board
    attempt: Attempt
    attempts: tuple[Attempt, ...]
    routed: Routed
    files: dict[str, Path]
    tools: dict[str, str]

    @property
    def bitstream(self) -> Path:
        """The file that the board is programmed with."""
        return self.files[self.board.flow.bitstream]


def build_board(
    board: Board,
    make_core: Callable[[int], Any],
    *,
    out: Path,
    clock_hz: int | None = None,
    suits: Callable[[int], bool] | None = None,
    seeds: Iterable[int] = (1, 2, 3),
    kept: Path | None = None,
    progress: Progress | None = None,
) -> BoardBuild:
    """Build a core for a board at the highest clock that closes.

    What was synthesized or placed before is not again: it is kept in a folder named by the hash of
    all that it depends on.

    Parameters
    ----------
    board : Board
    make_core : callable
        Returns the core for a clock in Hz, see `BoardTop`.
    out : Path
        Folder for the result; made if it is missing.
    clock_hz : int, optional
        The one clock to build for.
    suits : callable, optional
        Says whether the core can have a clock; any unless given.
    seeds : iterable of int
        Of the placement, tried in this order.
    kept : Path, optional
        Where builds are kept, ``out/builds`` unless given.
    progress : callable, optional
        Called with the name of each step.

    Raises
    ------
    CapacityError
        The design is too large for the board.
    ClosingError
        No clock is met.
    ToolError
        A tool is missing, fails or takes too long.
    ValueError
        The board cannot make the clock.
    """
    tell = progress or (lambda _step: None)
    flow = board.flow
    if clock_hz is None:
        clocks = tuple(clock for clock in flow.clocks(board) if suits is None or suits(clock))
    else:
        flow.check_clock(board, clock_hz)
        clocks = (clock_hz,)
    designs: dict[int, _Design] = {}
    kept = out / "builds" if kept is None else kept

    def route(clock: int, seed: int) -> float:
        if clock not in designs:
            tell(f"Verilog for {clock / 1e6:g} MHz")
            designs[clock] = _Design(board, board_sources(board, make_core(clock), clock), kept)
        return designs[clock].route(seed, clock, tell).reached_hz

    attempt, attempts = highest_closing(clocks, seeds, board.first_hz, route)
    design = designs[attempt.clock_hz]
    files = design.deliver(attempt.seed, out, tell)
    return BoardBuild(
        board=board,
        attempt=attempt,
        attempts=tuple(attempts),
        routed=design.route(attempt.seed, attempt.clock_hz, tell),
        files=files,
        tools=tool_versions(*flow.packages),
    )


class HasCapacity(Protocol):
    """Whatever has so many cells: a board, or a device alone."""

    @property
    def name(self) -> str: ...
    @property
    def capacity(self) -> Mapping[str, int]: ...


def check_capacity(board: HasCapacity, needed: Mapping[str, int], what: str) -> None:
    """Raise `CapacityError` of one line if `what` needs more than there is on a board.

    Parameters
    ----------
    board : Board, or another that has a capacity
    needed : mapping of str to int
        Of what `Board.capacity` lists.
    what : str
        What it is that needs it, for the message.
    """
    for kind, available in board.capacity.items():
        if needed.get(kind, 0) > available:
            raise CapacityError(
                f"{_KINDS[kind]} of {what} must be at most the {available:,} of {board.name}, "
                f"not {needed[kind]:,}"
            )


_KINDS = {
    "lut4": "LUTs",
    "flip_flops": "Flip-flops",
    "dsp": "Multipliers",
    "block_ram": "Block RAMs",
    "spram": "Large RAMs",
}


class _Design:
    """One set of sources in a folder of its own, with what was made of them."""

    def __init__(self, board: Board, sources: dict[str, str], kept: Path):
        self._board = board
        self._sources = sources
        flow = board.flow
        parts = [without_comments(text) for text in sources.values()]
        parts += [repr(board.device), repr(tool_versions(*flow.packages))]
        parts.append(inspect.getsource(type(flow)))
        name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
        self.folder = kept / name

    def route(self, seed: int, clock_hz: int, tell: Progress) -> Routed:
        """Return what a seed gives, placed now or before."""
        record = self.folder / f"routed-{seed}.kept.json"
        kept = _read(record)
        if kept is not None:
            return Routed(**kept)
        self._synthesize(tell)
        tell(f"placement and routing for {clock_hz / 1e6:g} MHz, seed {seed}")
        routed = self._board.flow.route(self._board, self.folder, seed, clock_hz)
        _write(record, asdict(routed))
        return routed

    def deliver(self, seed: int, out: Path, tell: Progress) -> dict[str, Path]:
        """Make the bitstream of a seed and copy all files that count to `out`."""
        flow = self._board.flow
        out.mkdir(parents=True, exist_ok=True)
        if not (self.folder / f"packed-{seed}.kept.json").exists():
            tell("bitstream")
            flow.pack(self._board, self.folder, seed)
            _write(self.folder / f"packed-{seed}.kept.json", {})
        files = {}
        for ending in (*self._sources, flow.netlist, flow.routed, flow.bitstream):
            of_seed = ending in (flow.routed, flow.bitstream)
            source = self.folder / (f"{NAME}-{seed}{ending}" if of_seed else f"{NAME}{ending}")
            files[ending] = out / f"{NAME}-{self._board.name}{ending}"
            with replacing(files[ending]) as temporary:
                shutil.copyfile(source, temporary)
        return files

    def _synthesize(self, tell: Progress) -> None:
        record = self.folder / "synthesized.kept.json"
        counts = _read(record)
        if counts is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            for ending, text in self._sources.items():
                (self.folder / f"{NAME}{ending}").write_text(text)
            tell(f"synthesis for {self._board.device.title}")
            counts = self._board.flow.synthesize(self._board, self.folder)
            _write(record, counts)
        check_capacity(self._board, _kinds(self._board, counts), "the design")


def _kinds(board: Board, counts: dict[str, int]) -> dict[str, int]:
    """Return how many cells of each kind there are in a netlist."""
    device = board.device

    def count(prefixes: tuple[str, ...]) -> int:
        return sum(number for name, number in counts.items() if name.startswith(prefixes))

    return {
        "lut4": count(device.lut) + device.carry_luts * count(device.carry),
        "flip_flops": count(device.flip_flop),
        "dsp": count(device.dsp),
        "block_ram": count(device.block_ram),
        "spram": count(device.spram),
    }


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content))
