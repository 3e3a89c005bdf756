"""The one way to run a cocotb bench: it returns only if tests ran and all of them passed.

cocotb's own runner returns normally when a test fails, and when there is none.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cocotb_tools.runner import get_runner

from ..golden.spec.checks import require_choice
from . import object_cache
from .benches import CLOCK_PERIOD_NS
from .cache import cache_folder
from .verilator import ToolError, require_tool, tool_environment

SIMULATORS = ("verilator", "icarus")
"""Simulators that benches run on."""

BUILD_ARGUMENTS: dict[str, list[str]] = {
    "verilator": [],
    "icarus": [],
}
"""What each simulator is called with beyond what cocotb sets; other warnings stop Verilator."""

_INHERITED_BY_COCOTB = ("COCOTB_", "GPI_", "PYGPI_", "PYTEST_", "SIM_CMD_", "TOPLEVEL")
"""What an outer run, or the user's shell, must not slip into ours."""


class BenchError(ToolError):
    """A bench failed, or ran no test; the message is one line with the path of the log."""


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """A bench all of whose tests passed.

    Attributes
    ----------
    bench, simulator : str
        Module of the bench, and what it ran on.
    tests : tuple of str
        Names of the tests that ran and passed, at least one.
    skipped : int
        Tests that had nothing to do.
    seconds : float
        Wall time of the tests, build and start of the simulator not included.
    cycles : int
        Simulated clock cycles of the tests.
    log : Path
        What simulator and bench printed.
    waves : Path or None
        Waveforms, if they were asked for.
    """

    bench: str
    simulator: str
    tests: tuple[str, ...]
    skipped: int
    seconds: float
    cycles: int
    log: Path
    waves: Path | None

    @property
    def passed(self) -> int:
        """Number of tests that passed: all that ran."""
        return len(self.tests)

    def describe(self) -> dict[str, Any]:
        """Return the result by name, for reports in JSON."""
        return {
            "bench": self.bench,
            "simulator": self.simulator,
            "passed": self.passed,
            "skipped": self.skipped,
            "seconds": self.seconds,
            "cycles": self.cycles,
            "log": str(self.log),
            "waves": None if self.waves is None else str(self.waves),
        }


def available_simulators() -> tuple[str, ...]:
    """Return the simulators that this machine has: Verilator always, Icarus where installed."""
    found = shutil.which("iverilog") is not None and shutil.which("vvp") is not None
    return SIMULATORS if found else ("verilator",)


def run_bench(
    bench: str,
    verilog: str,
    top: str,
    *,
    simulator: str = "verilator",
    work: Path,
    environment: Mapping[str, str] | None = None,
    waves: bool = False,
) -> BenchResult:
    """Build `verilog` for `simulator` and run all tests of a bench on it.

    Parameters
    ----------
    bench : str
        Importable module with the cocotb tests.
    verilog : str
        The text of the design.
    top : str
        Its top module.
    simulator : str
        One of `SIMULATORS`.
    work : Path
        Folder for the build, the logs and the results; made if need be. A second run in it builds
        only what changed.
    environment : mapping, optional
        Variables for the bench to read.
    waves : bool
        Write waveforms.

    Raises
    ------
    BenchError
        The build fails, the simulator ends without results, a test fails, or no test ran.
    ToolError
        The simulator or the compiler is not installed.
    """
    require_choice("Simulator", simulator, SIMULATORS)
    if simulator not in available_simulators():
        raise ToolError(f"Simulator {simulator} must be installed (Debian package iverilog)")
    if simulator == "verilator":
        require_tool("g++", "Debian package g++")
        require_tool("make", "Debian package make")
        require_tool("perl", "Debian package perl")
    # tracing changes the build, so it has a folder of its own
    folder = (work / (f"{simulator}-waves" if waves else simulator)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{top}.v"
    if not source.exists() or source.read_text() != verilog:
        source.write_text(verilog)

    timescale = ("1ns", "1ps")
    log = folder / "build.log"
    results = folder / "results.xml"
    results.unlink(missing_ok=True)
    with _replaced_environment(_environment_of(environment or {})):
        # reads PATH when it is made
        runner = get_runner(simulator)
        try:
            runner.build(
                sources=[source],
                hdl_toplevel=top,
                build_dir=folder,
                # Verilator compares contents itself; Icarus would warn of an old build
                always=True,
                build_args=BUILD_ARGUMENTS[simulator],
                timescale=timescale,
                waves=waves,
                log_file=log,
            )
        except RuntimeError:
            raise BenchError(f"Build of {top} for {simulator} must succeed, see {log}") from None
        log = folder / "simulation.log"
        try:
            runner.test(
                test_module=bench,
                hdl_toplevel=top,
                build_dir=folder,
                test_dir=folder,
                results_xml=str(results),
                timescale=timescale,
                waves=waves,
                seed=1,
                log_file=log,
            )
        except (RuntimeError, SystemExit):
            # some simulators report failed tests in the exit code, too: the results tell them apart
            ended_well = False
        else:
            ended_well = True
    dump = folder / ("dump.vcd" if simulator == "verilator" else f"{top}.fst")
    return _checked_result(
        bench, simulator, results, log, ended_well=ended_well, waves=dump if waves else None
    )


def _checked_result(
    bench: str, simulator: str, results: Path, log: Path, *, ended_well: bool, waves: Path | None
) -> BenchResult:
    where = f"{bench} on {simulator}"
    try:
        cases = list(ElementTree.parse(results).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        raise BenchError(f"Bench {where} must leave results, but ended early, see {log}") from None
    failed = [case for case in cases if _has(case, "failure", "error")]
    passed = [case for case in cases if not _has(case, "failure", "error", "skipped")]
    if failed:
        raise BenchError(
            f"Tests of {where} must all pass, but {len(failed)} of {len(cases)} failed "
            f"({failed[0].get('name')} first), see {log}"
        )
    if not passed:
        raise BenchError(f"Bench {where} must run a test, but none ran, see {log}")
    if not ended_well:
        raise BenchError(f"Simulator of {where} must end without error, see {log}")
    return BenchResult(
        bench=bench,
        simulator=simulator,
        tests=tuple(case.get("name", "") for case in passed),
        skipped=len(cases) - len(passed),
        seconds=sum(float(case.get("time", 0)) for case in passed),
        cycles=round(sum(map(_duration_ns, passed)) / CLOCK_PERIOD_NS),
        log=log,
        waves=waves,
    )


def _has(case: ElementTree.Element, *tags: str) -> bool:
    return any(case.find(tag) is not None for tag in tags)


def _duration_ns(case: ElementTree.Element) -> float:
    return sum(
        float(item.get("value", 0))
        for item in case.iter("property")
        if item.get("name") == "sim_time_duration"
    )


def _environment_of(added: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in tool_environment().items()
        if not name.startswith(_INHERITED_BY_COCOTB) and name not in ("WAVES", "GUI")
    }
    return {
        **kept,
        "OBJCACHE": shlex.join([sys.executable, object_cache.__file__]),
        object_cache.FOLDER_VARIABLE: str(cache_folder().resolve()),
        # the bench takes most of the time, not the model: better compiled fast
        "MAKEFLAGS": f"{kept['MAKEFLAGS']} OPT_FAST=-O1 OPT_SLOW=-O0",
        # of all modules, as cocotb would, it takes seconds
        "COCOTB_REWRITE_ASSERTION_FILES": "benches/*.py *_bench.py",
        **added,
    }


@contextmanager
def _replaced_environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Set the environment of this process: cocotb's runner looks nowhere else."""
    saved = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)
