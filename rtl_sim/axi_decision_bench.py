"""Run the bench of the decision unit with buses on a configuration."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from ..golden.spec.decision import DecisionConfig
from ..hw.decision.delivery import AXI_MODULE_NAME, axi_decision_verilog
from .runner import BenchResult, available_simulators, run_bench

# by name: what only the simulator's process needs stays out of this one
_BENCH = "offramp.rtl_sim.benches.axi_decision"


def run_axi_decision_bench(
    config: DecisionConfig,
    simulators: Sequence[str] | None = None,
    *,
    work: Path,
    waves: bool = False,
    n_vectors: int = 150,
    progress: Callable[[str], None] | None = None,
) -> list[BenchResult]:
    """Compare the generated Verilog with the golden model, on one simulator after the other.

    Parameters
    ----------
    config : DecisionConfig
    simulators : sequence of str, optional
        All that are available unless given.
    work : Path
        Folder for builds, logs and results.
    waves : bool
        Write waveforms.
    n_vectors : int
        Random vectors under each pair of stalls.
    progress : callable, optional
        Is told what is about to run.

    Raises
    ------
    BenchError
        A decision, a register or a response differs, or anything else fails.
    """
    verilog = axi_decision_verilog(config)
    results = []
    for simulator in available_simulators() if simulators is None else simulators:
        if progress is not None:
            progress(f"{AXI_MODULE_NAME} on {simulator}")
        results.append(
            run_bench(
                _BENCH,
                verilog,
                AXI_MODULE_NAME,
                simulator=simulator,
                work=work,
                environment={
                    "OFFRAMP_BENCH_CONFIG": json.dumps(asdict(config)),
                    "OFFRAMP_BENCH_VECTORS": str(n_vectors),
                },
                waves=waves,
            )
        )
    return results
