"""What tests of the decision unit share: the comparison of the RTL with the golden model."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from amaranth.hdl import Fragment
from amaranth.lib import wiring

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision import create_unit
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from offramp.rtl_sim.emulator.library import EmulationError
from offramp.rtl_sim.stimuli import (
    Outcome,
    Workload,
    edge_workloads,
    expected_outcomes,
    random_workload,
)


def elaborated_unit(config: DecisionConfig) -> wiring.Component:
    """Return a unit to be asked for its latency or signature; Amaranth warns of unused ones."""
    unit = create_unit(config)
    Fragment.get(unit, None)
    return unit


@cache
def standard_workloads(config: DecisionConfig) -> list[tuple[Workload, list[Outcome]]]:
    """Return edges and random vectors with their right decisions."""
    workloads = edge_workloads(config)
    workloads += [random_workload(config, 100, seed) for seed in range(10)]
    return [(workload, expected_outcomes(config, workload)) for workload in workloads]


def count_mismatches(
    emulator: DecisionEmulator,
    workloads: Iterable[tuple[Workload, list[Outcome]]],
    *,
    idle: int = 0,
    stall: int = 0,
) -> int:
    """Count the vectors that the RTL decides in another way, in any field."""
    mismatches = 0
    for workload, outcomes in workloads:
        for exit_index, threshold in enumerate(workload.thresholds):
            emulator.set_threshold(exit_index, threshold)
        for length in {len(vector.logits) for vector in workload.vectors}:
            places = [
                place
                for place, vector in enumerate(workload.vectors)
                if len(vector.logits) == length
            ]
            got = emulator.decide(
                np.array([workload.vectors[place].logits for place in places]),
                np.array([workload.vectors[place].exit_index for place in places]),
                idle=idle,
                stall=stall,
                seed=length,
            )
            rows = zip(got.exit.tolist(), got.label.tolist(), got.score.tolist(), strict=True)
            mismatches += sum(
                row != outcomes[place][:3] for row, place in zip(rows, places, strict=True)
            )
    return mismatches


def differs(config: DecisionConfig, verilog: str) -> bool:
    """Return whether a design is told from the golden model of `config`; a hang tells, too."""
    with DecisionEmulator(config, verilog) as emulator:
        workloads = standard_workloads(config)
        try:
            return (
                count_mismatches(emulator, workloads) > 0
                or count_mismatches(emulator, workloads, idle=128, stall=128) > 0
            )
        except EmulationError:
            return True
