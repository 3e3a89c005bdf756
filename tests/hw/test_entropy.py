"""The entropy unit equals its integer model, under stalls, in the cycles it states."""

from itertools import product

import numpy as np
import pytest
from amaranth.hdl import Fragment

from offramp.golden.criteria import entropy_score
from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.entropy import EntropyUnit
from tests.criteria import (
    edge_vectors,
    emulator_of,
    mismatches,
    payload_while_waiting,
    random_vectors,
    refusal_of,
)

CONFIGS = [
    DecisionConfig(criteria=("entropy",), n_exits=3),
    DecisionConfig(criteria=("entropy",), n_classes=2, logit_width=4, fraction_bits=2, n_exits=1),
    DecisionConfig(criteria=("entropy",), n_classes=128, logit_width=16, fraction_bits=2),
    DecisionConfig(criteria=("entropy",), n_classes=5, logit_width=12, fraction_bits=6, n_exits=16),
    DecisionConfig(criteria=("entropy",), n_exits=1, tag_width=0),
    DecisionConfig(criteria=("entropy",), n_exits=2, tag_width=3, with_score=False),
]


def latency_of(config: DecisionConfig, n: int) -> int:
    unit = EntropyUnit(config)
    Fragment.get(unit, None)
    return unit.latency(n)


@pytest.mark.parametrize("config", CONFIGS)
def test_edges_and_random_vectors_of_mixed_length_equal_golden(config: DecisionConfig) -> None:
    with emulator_of(EntropyUnit, config) as emulator:
        for n in {2, min(3, config.n_classes), config.n_classes}:
            assert mismatches(emulator, "entropy", edge_vectors(config, n)) == 0
        for seed in range(3):
            vectors = random_vectors(config, 3000, config.n_classes, seed)
            assert mismatches(emulator, "entropy", vectors, seed=seed, mixed=True) == 0


@pytest.mark.parametrize(("idle", "stall"), list(product((0, 128, 230), repeat=2)))
def test_decisions_equal_golden_under_stalls_at_both_ends(idle: int, stall: int) -> None:
    config = CONFIGS[0]
    with emulator_of(EntropyUnit, config) as emulator:
        # lengths of 2 to 5 are where second passes and quotients meet
        for n in (3, 5, 10):
            vectors = random_vectors(config, 1500, n, idle + stall)
            found = mismatches(emulator, "entropy", vectors, mixed=True, idle=idle, stall=stall)
            assert found == 0


def test_every_vector_of_two_and_three_small_logits_equals_golden() -> None:
    config = DecisionConfig(criteria=("entropy",), n_classes=3, logit_width=4, fraction_bits=2)
    with emulator_of(EntropyUnit, config) as emulator:
        for n in (2, 3):
            vectors = np.array(list(product(range(-8, 8), repeat=n)))
            assert mismatches(emulator, "entropy", vectors) == 0


@pytest.mark.parametrize("n", [2, 3, 4, 10])
def test_latency_is_as_stated(n: int) -> None:
    config = CONFIGS[0]
    with emulator_of(EntropyUnit, config) as emulator:
        emulator.decide(random_vectors(config, 1, n, 0))
        assert emulator.cycles == n + latency_of(config, n)
    assert latency_of(config, n) == (7 if n == 2 else n + 4)


@pytest.mark.parametrize(("n", "spacing"), [(2, 4), (3, 4), (4, 4), (10, 10)])
def test_vectors_of_one_length_follow_without_a_bubble_from_four_logits_on(n: int, spacing: int):
    config = CONFIGS[0]
    with emulator_of(EntropyUnit, config) as emulator:
        emulator.decide(random_vectors(config, 100, n, 0))
        assert emulator.cycles == n + 99 * spacing + latency_of(config, n)


def test_vector_after_a_longer_one_takes_as_long_as_that() -> None:
    config = CONFIGS[0]
    with emulator_of(EntropyUnit, config) as emulator:
        emulator.decide(random_vectors(config, 2, 10, 0), lengths=np.array([10, 4]))
        assert emulator.cycles == 10 + 10 + latency_of(config, 4)


def test_waiting_decision_stays_when_the_threshold_changes() -> None:
    config = DecisionConfig(criteria=("entropy",), n_classes=3, n_exits=1)
    logits = [70, 60, 100]
    score = int(entropy_score(config, np.array([logits]))[0])
    assert score < -1
    seen = payload_while_waiting(EntropyUnit(config), logits, before=score, after=-1)
    assert seen[0] == {"exit": 1, "label": 2, "score": score, "exit_index": 0, "tag": 6}
    assert all(payload == seen[0] for payload in seen)


def test_other_criteria_are_refused() -> None:
    message = refusal_of(EntropyUnit, DecisionConfig(criteria=("margin",)))
    assert message == "Criteria must be entropy alone, not margin"
