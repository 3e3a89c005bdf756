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

BUS_CONFIGS = {
    "three-exits": DecisionConfig(n_classes=6, n_exits=3),
    "smallest": DecisionConfig(n_classes=2, logit_width=4, fraction_bits=2, n_exits=1, tag_width=1),
    "wide": DecisionConfig(n_classes=5, logit_width=12, fraction_bits=6, n_exits=4, tag_width=28),
    "two-criteria": DecisionConfig(n_classes=5, n_exits=3, criteria=("confidence", "margin")),
    "entropy": DecisionConfig(n_classes=5, n_exits=3, criteria=("entropy",)),
    "all-criteria": DecisionConfig(
        n_classes=5,
        n_exits=3,
        tag_width=6,
        criteria=("confidence", "margin", "entropy", "gate", "patience"),
    ),
    "two-lanes": DecisionConfig(lanes=2, n_classes=7, logit_width=12, fraction_bits=6, n_exits=3),
    "four-lanes": DecisionConfig(lanes=4, n_classes=11, n_exits=3),
    "margin-lanes": DecisionConfig(lanes=4, n_classes=11, n_exits=3, criteria=("margin",)),
    "criteria-lanes": DecisionConfig(
        lanes=4,
        n_classes=11,
        n_exits=3,
        tag_width=6,
        criteria=("confidence", "margin", "gate", "patience"),
    ),
    "eight-lanes": DecisionConfig(lanes=8, n_classes=2, n_exits=1, tag_width=1),
}
"""Units that the bench is green on, of every shape, by name."""


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
