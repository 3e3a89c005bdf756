"""Several logits a cycle: every decision as with one, from the golden model that knows no lanes."""

import re
from itertools import product

import numpy as np
import pytest

from offramp.golden.decision import decide, log_odds_score
from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision import DecisionUnit
from offramp.hw.decision.delivery import decision_verilog
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from offramp.rtl_sim.stimuli import Workload, expected_outcomes, random_workload
from tests.comparison import count_mismatches, differs, elaborated_unit, standard_workloads
from tests.hw.unit_bench import UnitBench

ALL_REGISTERS = ("input", "operand", "mantissa", "addend", "decision")
CONFIGS = [
    DecisionConfig(lanes=4),
    DecisionConfig(lanes=2, n_classes=5, logit_width=6, fraction_bits=4, n_exits=3, registers=()),
    DecisionConfig(lanes=4, n_classes=100, fraction_bits=4, registers=ALL_REGISTERS, n_exits=1),
    DecisionConfig(lanes=8, n_classes=19, n_exits=3, registers=("mantissa",), tag_width=0),
    DecisionConfig(lanes=8, n_classes=3, logit_width=12, fraction_bits=6, mantissa_bits=4),
]


def named(config: DecisionConfig) -> str:
    return "-".join(str(value) for value in config.describe().values())


each_config = pytest.mark.parametrize("config", CONFIGS, ids=named)


@each_config
def test_edges_and_random_vectors_equal_golden(config: DecisionConfig) -> None:
    with DecisionEmulator(config) as emulator:
        assert count_mismatches(emulator, standard_workloads(config)) == 0


@pytest.mark.parametrize(("idle", "stall"), list(product((0, 128, 230), repeat=2)))
def test_decisions_equal_golden_under_stalls_at_both_ends(idle: int, stall: int) -> None:
    config = CONFIGS[0]
    with DecisionEmulator(config) as emulator:
        workloads = standard_workloads(config)
        assert count_mismatches(emulator, workloads, idle=idle, stall=stall) == 0


def small(lanes: int) -> DecisionConfig:
    return DecisionConfig(
        lanes=lanes, n_classes=9, logit_width=4, fraction_bits=2, mantissa_bits=4, n_exits=1
    )


@pytest.mark.parametrize("lanes", [2, 4])
def test_every_vector_of_two_to_four_small_logits_equals_golden(lanes: int) -> None:
    config = small(lanes)
    with DecisionEmulator(config) as emulator:
        for n in (2, 3, 4):
            logits = np.array(list(product(range(-8, 8), repeat=n)))
            for threshold in (config.threshold_low, 0, 5):
                emulator.set_threshold(0, threshold)
                got = emulator.decide(logits)
                assert got.count_differences(decide(config, logits, threshold)) == 0


@pytest.mark.parametrize("lanes", [2, 4])
def test_overflow_does_not_depend_on_the_order_of_the_logits(lanes: int) -> None:
    # which of the adders overflows does
    config = small(lanes)
    rng = np.random.default_rng(lanes)
    logits = rng.integers(config.logit_format.low, 1, (20_000, 9))
    overflown = log_odds_score(config, logits) < config.threshold_low
    assert 0.2 < overflown.mean() < 0.8
    with DecisionEmulator(config) as emulator:
        emulator.set_threshold(0, config.threshold_low)
        got = emulator.decide(logits)
        assert got.count_differences(decide(config, logits, config.threshold_low)) == 0


@each_config
def test_latency_is_as_stated_and_vectors_follow_without_a_bubble(config: DecisionConfig) -> None:
    latency = elaborated_unit(config).latency
    n_beats = -(-config.n_classes // config.lanes)
    with DecisionEmulator(config) as emulator:
        emulator.decide(np.zeros((1, config.n_classes), np.int8))
        assert emulator.cycles == n_beats + latency
        emulator.decide(np.zeros((100, config.n_classes), np.int8))
        assert emulator.cycles == 101 * n_beats + 2 * latency
        # one beat a vector: a decision in every cycle
        emulator.decide(np.zeros((100, 2), np.int8))
        assert emulator.cycles == 101 * n_beats + 100 + 3 * latency


@pytest.mark.parametrize(("lanes", "latency"), [(2, 6), (4, 7), (8, 9)])
def test_latency_of_the_core_is_small(lanes: int, latency: int) -> None:
    assert elaborated_unit(DecisionConfig(lanes=lanes, with_score=False)).latency == latency


def test_threshold_is_that_of_the_exit_as_the_last_beat_is_taken() -> None:
    config = CONFIGS[1]
    workload = random_workload(config, 60, seed=3)
    thresholds = [random_workload(config, 5, seed).thresholds for seed in range(60)]
    run = UnitBench(DecisionUnit(config), config, workload, thresholds=thresholds).run()
    expected = [
        expected_outcomes(config, Workload(of_vector, (vector,)))[0]
        for of_vector, vector in zip(thresholds, workload.vectors, strict=True)
    ]
    assert {outcome.exit for outcome in expected} == {False, True}
    assert run.outcomes == expected


@pytest.mark.parametrize("flowing", [False, True])
def test_reset_in_mid_vector_leaves_nothing_behind(flowing: bool) -> None:
    config = CONFIGS[0]
    with DecisionEmulator(config) as emulator:
        for n in (2, 4, 5, 10):
            emulator.reset(np.full(n, config.logit_format.high), flowing=flowing)
            assert count_mismatches(emulator, standard_workloads(config)[-2:]) == 0


# -- broken on purpose -----------------------------------------------------------------------------

FAULTS = {
    "tie goes to the higher lane": (r"(assign round_1_0_total = .*);", r"\1 + 1'h1;"),
    "lane that is not kept wins": (r"(assign round_0_1_takes = .*) & kept\[3\];", r"\1;"),
    "carry of the first adder is lost": (
        r"(assign n\d+ = )added\[38\] (\| b\[38\];)",
        r"\1 1'h0 \2",
    ),
    "limit beyond all sums is not seen": (r"(assign limit\[38\] = )limit_never_0;", r"\1 1'h0;"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_seen(fault: str) -> None:
    mutant, n_sites = re.subn(*FAULTS[fault], decision_verilog(CONFIGS[0]), count=1)
    assert n_sites == 1
    assert differs(CONFIGS[0], mutant)
