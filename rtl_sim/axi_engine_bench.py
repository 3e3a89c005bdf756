"""Run the bench of the engine with buses on a program and its images."""

from collections.abc import Callable
from pathlib import Path

from ..hw.engine.delivery import AXI_MODULE_NAME, axi_engine_verilog
from .engine_case import EngineCase
from .runner import BenchResult, available_simulators, run_bench

# by name: what only the simulator's process needs stays out of this one
_BENCH = "offramp.rtl_sim.benches.axi_engine"


def run_axi_engine_bench(
    case: EngineCase,
    simulator: str | None = None,
    *,
    work: Path,
    waves: bool = False,
    progress: Callable[[str], None] | None = None,
) -> BenchResult:
    """Compare the generated Verilog with the right results, among bus models that stall.

    Parameters
    ----------
    case : EngineCase
        With an image of each early exit at least.
    simulator : str, optional
        Verilator unless given: the engine is large.
    work : Path
        Folder for builds, logs and results.
    waves : bool
        Write waveforms.
    progress : callable, optional
        Is told what is about to run.

    Raises
    ------
    BenchError
        A result, a register or a response differs, or anything else fails.
    """
    simulator = available_simulators()[0] if simulator is None else simulator
    if progress is not None:
        progress(f"{AXI_MODULE_NAME} on {simulator}")
    work.mkdir(parents=True, exist_ok=True)
    path = (work / "case.json").resolve()
    case.write(path)
    return run_bench(
        _BENCH,
        axi_engine_verilog(case.program.config),
        AXI_MODULE_NAME,
        simulator=simulator,
        work=work,
        environment={"OFFRAMP_ENGINE_CASE": str(path)},
        waves=waves,
    )
