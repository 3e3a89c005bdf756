"""Bitstreams for all boards, each from a network, as one table: offramp bench boards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..fpga.boards import find_board
from ..golden.network_file import load_network
from ..golden.zoo import PREFIX
from .board_synth import BoardReport, synthesize_board
from .tables import Table

__all__ = ["CASES", "BoardCase", "boards_table", "build_cases"]


KINDS = ("logic_cells", "flip_flops", "dsp", "block_ram")
"""Cells of the table."""


@dataclass(frozen=True, kw_only=True)
class BoardCase:
    """One bitstream, and the clock that it must reach.

    Attributes
    ----------
    board, net : str
    engine : str or None
        The largest that fits if None.
    least_mhz : float
    """

    board: str
    net: str
    engine: str | None = None
    least_mhz: float

    @property
    def name(self) -> str:
        """Board and network."""
        return f"{self.board}-{self.net.removeprefix(PREFIX)}"


CASES: tuple[BoardCase, ...] = (
    BoardCase(board="ulx3s-85f", net="zoo:resnet8-cifar10", engine="128", least_mhz=90),
    BoardCase(board="ulx3s-85f", net="zoo:blenet-mnist", engine="128", least_mhz=90),
    BoardCase(board="ulx3s-25f", net="zoo:blenet-mnist", engine="16", least_mhz=100),
    BoardCase(board="orangecrab", net="zoo:blenet-mnist", engine="16", least_mhz=100),
    BoardCase(board="icebreaker", net="zoo:blenet-mnist", engine="8", least_mhz=24),
    BoardCase(board="tang-nano-20k", net="zoo:blenet-mnist", engine="16", least_mhz=27),
)
"""Networks on the same engine share a bitstream."""


def build_cases(
    cases: Sequence[BoardCase],
    out: Path,
    *,
    n_seeds: int,
    progress: Callable[[int, str], None] | None = None,
) -> list[tuple[BoardCase, BoardReport]]:
    """Build every case; what was built before is read back.

    Parameters
    ----------
    cases : sequence of BoardCase
    out : Path
        Each case has a folder below it; builds are kept in one for all.
    n_seeds : int
    progress : callable, optional
        Called with the number of cases done and the step at work.
    """
    reports = []
    for number, case in enumerate(cases):

        def tell(step: str, case: BoardCase = case, number: int = number) -> None:
            if progress:
                progress(number, f"{case.name}: {step}")

        tell("compiling")
        report = synthesize_board(
            case.net.removeprefix(PREFIX),
            load_network(case.net),
            find_board(case.board),
            out=out / case.name,
            engine=case.engine,
            seeds=range(1, n_seeds + 1),
            kept=out / "builds",
            progress=tell,
        )
        reports.append((case, report))
    return reports


def boards_table(built: Sequence[tuple[BoardCase, BoardReport]]) -> Table:
    """Return what was built, a row a case."""
    rows = []
    for case, report in built:
        build, speed = report.build, report.speed
        reached = build.attempt.clock_hz / 1e6
        cells = [build.routed.used.get(kind) for kind in KINDS]
        rows.append(
            (case.board, report.network, report.config.macs, reached,
             build.attempt.reached_hz / 1e6, build.attempt.slack_ns, case.least_mhz,
             reached >= case.least_mhz, *cells, speed.at_exits[-1], speed.without_exits,
             speed.with_exits, speed.over_link)
        )  # fmt: skip
    tools = {name: number for _, report in built for name, number in report.tools.items()}
    return Table(
        title="Boards",
        columns={
            "board": "", "network": "", "MACs": "d", "clock MHz": "g", "Fmax MHz": ".1f",
            "slack ns": ".2f", "at least MHz": "g", "holds": "", "logic cells": ",", "FF": ",",
            "DSP": "d", "block RAM": "d", "whole, images/s": ",.0f", "without exits": ",.0f",
            "with exits": ",.0f", "over the link": ",.0f",
        },
        rows=rows,
        versions=tools,
        note="The clock is that of the PLL, the highest that closed. Images a second: all exits "
        "computed and none taken; the network without early exits; the mix of exits of the test "
        "split; and the most that the UART carries.",
    )  # fmt: skip
