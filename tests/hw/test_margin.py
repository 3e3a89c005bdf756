"""The margin unit equals its integer model, under stalls, without a bubble."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.delivery import MODULE_NAME
from offramp.hw.decision.margin import MarginUnit
from offramp.hw.verilog import generate_verilog
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from offramp.rtl_sim.stimuli import Workload, expected_outcomes, random_workload
from tests.comparison import elaborated_unit
from tests.criteria import (
    edge_vectors,
    emulator_of,
    mismatches,
    payload_while_waiting,
    random_vectors,
)
from tests.hw.unit_bench import UnitBench

CONFIGS = [
    DecisionConfig(criteria=("margin",), n_exits=3),
    DecisionConfig(criteria=("margin",), n_classes=2, logit_width=4, fraction_bits=2, n_exits=1),
    DecisionConfig(criteria=("margin",), n_classes=128, logit_width=16, fraction_bits=2),
    DecisionConfig(criteria=("margin",), n_classes=5, logit_width=12, fraction_bits=6, n_exits=16),
    DecisionConfig(criteria=("margin",), n_exits=1, tag_width=0),
    DecisionConfig(criteria=("margin",), n_exits=2, tag_width=3, with_score=False),
    DecisionConfig(criteria=("margin",), n_exits=3, lanes=4),
    DecisionConfig(criteria=("margin",), n_classes=5, logit_width=16, lanes=2, with_score=False),
    DecisionConfig(criteria=("margin",), n_classes=100, logit_width=4, lanes=8, n_exits=16),
    DecisionConfig(criteria=("margin",), n_classes=2, lanes=8, n_exits=1, tag_width=0),
]
LANES = DecisionConfig(criteria=("margin",), n_exits=3, lanes=4)


@pytest.mark.parametrize("config", CONFIGS)
def test_edges_and_random_vectors_of_mixed_length_equal_golden(config: DecisionConfig) -> None:
    with emulator_of(MarginUnit, config) as emulator:
        for n in {2, config.n_classes}:
            assert mismatches(emulator, "margin", edge_vectors(config, n)) == 0
        for seed in range(3):
            vectors = random_vectors(config, 3000, config.n_classes, seed)
            assert mismatches(emulator, "margin", vectors, seed=seed, mixed=True) == 0


@pytest.mark.parametrize("config", [CONFIGS[0], LANES])
@pytest.mark.parametrize(("idle", "stall"), list(product((0, 128, 230), repeat=2)))
def test_decisions_equal_golden_under_stalls_at_both_ends(
    config: DecisionConfig, idle: int, stall: int
) -> None:
    with emulator_of(MarginUnit, config) as emulator:
        vectors = random_vectors(config, 2000, 10, idle + stall)
        found = mismatches(emulator, "margin", vectors, mixed=True, idle=idle, stall=stall)
        assert found == 0


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_every_vector_of_two_and_three_small_logits_equals_golden(lanes: int) -> None:
    config = DecisionConfig(
        criteria=("margin",), n_classes=3, logit_width=4, fraction_bits=2, lanes=lanes
    )
    with emulator_of(MarginUnit, config) as emulator:
        for n in (2, 3):
            vectors = np.array(list(product(range(-8, 8), repeat=n)))
            assert mismatches(emulator, "margin", vectors) == 0


@pytest.mark.parametrize(("lanes", "latency"), [(1, 1), (2, 2), (4, 3), (8, 4)])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_latency_is_as_stated_and_vectors_follow_without_a_bubble(
    n: int, lanes: int, latency: int
) -> None:
    config = replace(CONFIGS[0], lanes=lanes)
    n_beats = -(-n // lanes)
    assert elaborated_unit(config).latency == latency
    with emulator_of(MarginUnit, config) as emulator:
        emulator.decide(random_vectors(config, 1, n, 0))
        assert emulator.cycles == n_beats + latency
        emulator.decide(random_vectors(config, 100, n, 0))
        assert emulator.cycles == 101 * n_beats + 2 * latency


def test_threshold_with_lanes_is_that_of_the_exit_as_the_last_beat_is_taken() -> None:
    workload = random_workload(LANES, 60, seed=3)
    thresholds = [random_workload(LANES, 5, seed).thresholds for seed in range(60)]
    run = UnitBench(MarginUnit(LANES), LANES, workload, thresholds=thresholds).run()
    expected = [
        expected_outcomes(LANES, Workload(of_vector, (vector,)))[0]
        for of_vector, vector in zip(thresholds, workload.vectors, strict=True)
    ]
    assert {outcome.exit for outcome in expected} == {False, True}
    assert run.outcomes == expected


def test_waiting_decision_stays_when_the_threshold_changes() -> None:
    config = DecisionConfig(criteria=("margin",), n_classes=3, n_exits=1)
    seen = payload_while_waiting(MarginUnit(config), [5, 9, 1], before=4, after=100)
    assert seen[0] == {"exit": 1, "label": 1, "score": 4, "exit_index": 0, "tag": 6}
    assert all(payload == seen[0] for payload in seen)


# -- broken on purpose -----------------------------------------------------------------------------

FAULTS = {
    "tie goes to the higher lane": (r"(assign round_1_0_leads = .*) > ", r"\1 >= "),
    "second of the losing pair is lost": (r"(assign vector_below = ).*;", r"\1 1'h0;"),
    "second of the winning pair is lost": (r"(assign round_1_0_above = ).*;", r"\1 1'h0;"),
    "lane without a logit counts": (r"(assign kept_2 = ).*;", r"\1 1'h1;"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_seen(fault: str) -> None:
    design = generate_verilog(MarginUnit(LANES), MODULE_NAME, {})
    mutant, n_sites = re.subn(*FAULTS[fault], design, count=1)
    assert n_sites == 1
    with DecisionEmulator(LANES, mutant) as emulator:
        vectors = random_vectors(LANES, 3000, LANES.n_classes, 0)
        assert mismatches(emulator, "margin", vectors, mixed=True) > 0
