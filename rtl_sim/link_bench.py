"""Run the bench of the engine behind a UART."""

from pathlib import Path

from ..golden.spec.engine import EngineConfig
from ..golden.spec.link import LinkConfig, clocks_per_bit
from ..hw.link.delivery import MODULE_NAME, linked_engine_verilog
from .runner import BenchResult, run_bench

# by name: what only the simulator's process needs stays out of this one
_BENCH = "offramp.rtl_sim.benches.link"
_CLOCKS_PER_BIT_VARIABLE = "OFFRAMP_LINK_CLOCKS_PER_BIT"


def run_link_bench(
    config: EngineConfig,
    link: LinkConfig,
    simulator: str = "verilator",
    *,
    work: Path,
    waves: bool = False,
    verilog: str | None = None,
) -> BenchResult:
    """Run the engine behind a UART at its pins, with clocks that differ, noise and glitches.

    Parameters
    ----------
    config : EngineConfig
    link : LinkConfig
    simulator : str
    work : Path
        Folder for builds, logs and results.
    waves : bool
        Write waveforms.
    verilog : str, optional
        Another design with the same ports, such as one broken on purpose.

    Raises
    ------
    BenchError
        An answer is wrong or lacks, or anything else fails.
    """
    return run_bench(
        _BENCH,
        linked_engine_verilog(config, link) if verilog is None else verilog,
        MODULE_NAME,
        simulator=simulator,
        work=work,
        environment={_CLOCKS_PER_BIT_VARIABLE: str(clocks_per_bit(link.clock_hz, link.baud))},
        waves=waves,
    )
