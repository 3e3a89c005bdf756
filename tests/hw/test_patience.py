"""The patience unit equals its model: a count for each sample, in the order of the vectors."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from offramp.golden.criteria import PatienceMemory
from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.patience import PatienceUnit
from tests.comparison import elaborated_unit
from tests.criteria import emulator_of, payload_while_waiting, refusal_of

CONFIG = DecisionConfig(
    criteria=("patience",), n_classes=4, logit_width=4, fraction_bits=2, n_exits=4, tag_width=3
)


@pytest.mark.parametrize("lanes", [1, 2, 8])
@pytest.mark.parametrize(("idle", "stall"), list(product((0, 128, 230), repeat=2)))
def test_counts_of_interleaved_samples_equal_the_model(idle: int, stall: int, lanes: int) -> None:
    config = replace(CONFIG, lanes=lanes)
    rng = np.random.default_rng(idle + stall)
    n = 4000
    logits = rng.integers(-8, 8, (n, 4))
    lengths = rng.integers(2, 5, n)
    exits = rng.integers(0, 4, n)
    # few samples: the same one often comes twice in a row
    tags = rng.integers(0, 3, n)
    memory = PatienceMemory(CONFIG)
    labels = np.where(np.arange(4) >= lengths[:, None], -8, logits).argmax(axis=1)
    score = memory.score(labels, exits, tags)
    with emulator_of(PatienceUnit, config) as emulator:
        for exit_index in range(4):
            emulator.set_threshold(exit_index, exit_index)
        got = emulator.decide(logits, exits, tag=tags, lengths=lengths, idle=idle, stall=stall)
    assert np.array_equal(got.score, score)
    assert np.array_equal(got.label, labels)
    assert np.array_equal(got.exit, score >= exits)
    assert set(score.tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize(("lanes", "latency"), [(1, 2), (2, 3)])
@pytest.mark.parametrize("n", [3, 4])
def test_latency_is_as_stated_and_vectors_of_two_beats_follow_without_a_bubble(
    n: int, lanes: int, latency: int
) -> None:
    config = replace(CONFIG, lanes=lanes)
    n_beats = -(-n // lanes)
    assert elaborated_unit(config).latency == latency
    with emulator_of(PatienceUnit, config) as emulator:
        emulator.decide(np.zeros((1, n), np.int64))
        assert emulator.cycles == n_beats + latency
        emulator.decide(np.zeros((100, n), np.int64))
        assert emulator.cycles == 101 * n_beats + 2 * latency


def test_waiting_decision_stays_when_the_threshold_changes() -> None:
    seen = payload_while_waiting(PatienceUnit(CONFIG), [5, 7, 1], before=0, after=3)
    assert seen[0] == {"exit": 1, "label": 1, "score": 0, "exit_index": 0, "tag": 6}
    assert all(payload == seen[0] for payload in seen)


def test_other_criteria_are_refused() -> None:
    message = refusal_of(PatienceUnit, DecisionConfig(criteria=("margin",)))
    assert message == "Criteria must be patience alone, not margin"
