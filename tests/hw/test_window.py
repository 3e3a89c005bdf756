"""The unit on logits of more than 64 octaves equals golden, in every order, under stalls."""

import re
from itertools import permutations, product

import numpy as np
import pytest

from offramp.golden.criteria import feature_score
from offramp.golden.decision import decide
from offramp.golden.spec.decision import SCORE_LATENCY, DecisionConfig
from offramp.hw.decision import CriteriaUnit, DecisionUnit
from offramp.hw.decision.delivery import decision_verilog
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from tests.comparison import count_mismatches, differs, elaborated_unit, standard_workloads
from tests.criteria import emulator_of, payload_while_waiting

CONFIGS = [
    DecisionConfig(logit_width=16, fraction_bits=2, n_exits=3),
    DecisionConfig(logit_width=16, fraction_bits=6, n_classes=70, mantissa_bits=10, n_exits=1),
    DecisionConfig(
        logit_width=9, fraction_bits=2, n_classes=3, mantissa_bits=4, n_exits=1, tag_width=0
    ),
]


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_edges_and_random_vectors_equal_golden(config: DecisionConfig) -> None:
    with DecisionEmulator(config) as emulator:
        assert count_mismatches(emulator, standard_workloads(config)) == 0


@pytest.mark.parametrize(("idle", "stall"), list(product((0, 128, 230), repeat=2)))
def test_decisions_equal_golden_under_stalls_at_both_ends(idle: int, stall: int) -> None:
    config = CONFIGS[0]
    with DecisionEmulator(config) as emulator:
        workloads = standard_workloads(config)[-6:]
        assert count_mismatches(emulator, workloads, idle=idle, stall=stall) == 0


def test_every_order_of_vectors_across_four_blocks_equals_golden() -> None:
    config = DecisionConfig(logit_width=9, fraction_bits=2, n_classes=6, mantissa_bits=4, n_exits=1)
    low = config.logit_format.low
    ends = [low + 128 * block + place for block in range(4) for place in (0, 1, 126, 127)]
    rng = np.random.default_rng(0)
    kinds = [tuple(rng.choice(ends, 6)) for _ in range(30)]
    logits = np.array([order for kind in kinds for order in permutations(kind)])
    with DecisionEmulator(config) as emulator:
        for threshold in (config.threshold_low, 0, config.threshold_high):
            emulator.set_threshold(0, threshold)
            got = emulator.decide(logits)
            assert got.count_differences(decide(config, logits, threshold)) == 0


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_latency_is_as_stated_and_vectors_follow_without_a_bubble(config: DecisionConfig) -> None:
    latency = elaborated_unit(config).latency
    assert latency == 5 + SCORE_LATENCY - 1
    with DecisionEmulator(config) as emulator:
        for n in (2, 3):
            before = emulator.cycles
            emulator.decide(np.zeros((50, n), np.int8))
            assert emulator.cycles - before == 50 * n + latency


def test_unit_without_score_decides_in_five_cycles() -> None:
    config = DecisionConfig(logit_width=12, with_score=False, n_classes=5)
    assert elaborated_unit(config).latency == 5
    rng = np.random.default_rng(1)
    logits = rng.integers(-300, 300, (20_000, 5))
    with DecisionEmulator(config) as emulator:
        for threshold in (-10, 0, 7, 60, 256):
            emulator.set_threshold(0, threshold)
            expected = decide(config, logits, threshold)
            got = emulator.decide(logits)
            assert np.array_equal(got.exit, expected.exit)
            assert np.array_equal(got.label, expected.label)


def test_threshold_larger_than_a_legal_one_never_exits() -> None:
    config = CONFIGS[0]
    legal = config.threshold_high
    far = [30000, -30000]
    seen = payload_while_waiting(DecisionUnit(config), far, before=legal, after=0)
    assert all((payload["exit"], payload["score"]) == (1, legal) for payload in seen)
    for illegal in (legal + 1, config.threshold_format.high):
        seen = payload_while_waiting(DecisionUnit(config), far, before=illegal, after=0)
        assert all((payload["exit"], payload["score"]) == (0, legal) for payload in seen)


def test_confidence_and_margin_on_wide_logits_are_a_unit_of_both() -> None:
    config = DecisionConfig(criteria=("confidence", "margin"), logit_width=16, n_exits=1)
    assert config.score_format.width == 17
    rng = np.random.default_rng(2)
    logits = rng.integers(-32768, 32768, (2000, 10)) >> rng.integers(0, 12, (2000, 1))
    with emulator_of(CriteriaUnit, config, settings={"selection_0": 3}) as emulator:
        for code, criterion in enumerate(config.criteria):
            emulator.set("selection_0", code)
            score = feature_score(config, criterion, logits)
            threshold = int(np.clip(np.median(score), 0, 256))
            emulator.set_threshold(0, threshold)
            got = emulator.decide(logits)
            assert np.array_equal(got.score, score)
            assert np.array_equal(got.exit, score >= threshold)


# -- broken on purpose -----------------------------------------------------------------------------

FAULTS = {
    "every other block is taken for the one below": (r"(n\d+\[8:0\]) == 1'h1;", r"\1 != 0;"),
    "what lies below the limit is not seen": (r"more_next = (?!more;).*;", "more_next = 1'h0;"),
    "old maximum keeps its block": (r"assign moves = .*;", "assign moves = 1'h0;"),
    "sum overflows unseen": (r"assign overflow = .*;", "assign overflow = 1'h0;"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_seen(fault: str) -> None:
    mutant, n_sites = re.subn(*FAULTS[fault], decision_verilog(CONFIGS[0]), count=1)
    assert n_sites == 1
    assert differs(CONFIGS[0], mutant)
