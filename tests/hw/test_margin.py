"""The margin unit equals its integer model, under stalls, without a bubble."""

from itertools import product

import numpy as np
import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.margin import MarginUnit
from tests.criteria import (
    edge_vectors,
    emulator_of,
    mismatches,
    payload_while_waiting,
    random_vectors,
)

CONFIGS = [
    DecisionConfig(criteria=("margin",), n_exits=3),
    DecisionConfig(criteria=("margin",), n_classes=2, logit_width=4, fraction_bits=2, n_exits=1),
    DecisionConfig(criteria=("margin",), n_classes=128, logit_width=16, fraction_bits=2),
    DecisionConfig(criteria=("margin",), n_classes=5, logit_width=12, fraction_bits=6, n_exits=16),
    DecisionConfig(criteria=("margin",), n_exits=1, tag_width=0),
    DecisionConfig(criteria=("margin",), n_exits=2, tag_width=3, with_score=False),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_edges_and_random_vectors_of_mixed_length_equal_golden(config: DecisionConfig) -> None:
    with emulator_of(MarginUnit, config) as emulator:
        for n in {2, config.n_classes}:
            assert mismatches(emulator, "margin", edge_vectors(config, n)) == 0
        for seed in range(3):
            vectors = random_vectors(config, 3000, config.n_classes, seed)
            assert mismatches(emulator, "margin", vectors, seed=seed, mixed=True) == 0


@pytest.mark.parametrize(("idle", "stall"), list(product((0, 128, 230), repeat=2)))
def test_decisions_equal_golden_under_stalls_at_both_ends(idle: int, stall: int) -> None:
    config = CONFIGS[0]
    with emulator_of(MarginUnit, config) as emulator:
        vectors = random_vectors(config, 2000, 10, idle + stall)
        found = mismatches(emulator, "margin", vectors, mixed=True, idle=idle, stall=stall)
        assert found == 0


def test_every_vector_of_two_and_three_small_logits_equals_golden() -> None:
    config = DecisionConfig(criteria=("margin",), n_classes=3, logit_width=4, fraction_bits=2)
    with emulator_of(MarginUnit, config) as emulator:
        for n in (2, 3):
            vectors = np.array(list(product(range(-8, 8), repeat=n)))
            assert mismatches(emulator, "margin", vectors) == 0


@pytest.mark.parametrize("n", [2, 3, 10])
def test_latency_is_as_stated_and_vectors_follow_without_a_bubble(n: int) -> None:
    config = CONFIGS[0]
    with emulator_of(MarginUnit, config) as emulator:
        emulator.decide(random_vectors(config, 1, n, 0))
        assert emulator.cycles == n + MarginUnit.latency
        emulator.decide(random_vectors(config, 100, n, 0))
        assert emulator.cycles == 101 * n + 2 * MarginUnit.latency


def test_waiting_decision_stays_when_the_threshold_changes() -> None:
    config = DecisionConfig(criteria=("margin",), n_classes=3, n_exits=1)
    seen = payload_while_waiting(MarginUnit(config), [5, 9, 1], before=4, after=100)
    assert seen[0] == {"exit": 1, "label": 1, "score": 4, "exit_index": 0, "tag": 6}
    assert all(payload == seen[0] for payload in seen)
