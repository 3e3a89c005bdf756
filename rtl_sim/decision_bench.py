"""Run the bench of the decision unit on a configuration."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..golden.decision import Logits, check_logits
from ..golden.spec.criteria import Criterion
from ..golden.spec.decision import DecisionConfig
from ..hw.decision.delivery import MODULE_NAME, decision_verilog
from .runner import BenchResult, available_simulators, run_bench

# by name: what only the simulator's process needs stays out of this one
_BENCH = "offramp.rtl_sim.benches.decision"
_CRITERIA_BENCH = "offramp.rtl_sim.benches.criteria"
_RATE_BENCH = "offramp.rtl_sim.benches.decision_rate"


def run_decision_bench(
    config: DecisionConfig,
    simulators: Sequence[str] | None = None,
    logits: Logits | None = None,
    *,
    work: Path,
    waves: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[BenchResult]:
    """Compare the generated Verilog with the golden model, on one simulator after the other.

    Parameters
    ----------
    config : DecisionConfig
    simulators : sequence of str, optional
        All that are available unless given.
    logits : integer [n, N], optional
        Of a real network, to be compared as well.
    work : Path
        Folder for builds, logs and results.
    waves : bool
        Write waveforms.
    progress : callable, optional
        Is told what is about to run.

    Raises
    ------
    BenchError
        A decision differs, or anything else fails.
    """
    environment = {"OFFRAMP_BENCH_CONFIG": json.dumps(asdict(config))}
    if logits is not None:
        work.mkdir(parents=True, exist_ok=True)
        file = work.resolve() / "logits.npy"
        np.save(file, check_logits(config, logits))
        environment["OFFRAMP_BENCH_LOGITS"] = str(file)
    verilog = decision_verilog(config)
    bench = _BENCH if config.criteria == (Criterion.CONFIDENCE,) else _CRITERIA_BENCH
    if logits is not None and bench != _BENCH:
        raise ValueError(
            f"Criteria with given logits must be confidence, not {', '.join(config.criteria)}"
        )
    results = []
    for simulator in available_simulators() if simulators is None else simulators:
        if progress is not None:
            progress(f"{MODULE_NAME} on {simulator}")
        results.append(
            run_bench(
                bench,
                verilog,
                MODULE_NAME,
                simulator=simulator,
                work=work,
                environment=environment,
                waves=waves,
            )
        )
    return results


def measure_cocotb_rate(config: DecisionConfig, *, work: Path, n_vectors: int = 1000) -> float:
    """Return vectors of full length per second of wall time, with cocotb on Verilator."""
    result = run_bench(
        _RATE_BENCH,
        decision_verilog(config),
        MODULE_NAME,
        work=work,
        environment={
            "OFFRAMP_BENCH_CONFIG": json.dumps(asdict(config)),
            "OFFRAMP_BENCH_VECTORS": str(n_vectors),
        },
    )
    return n_vectors / result.seconds
