"""Confidence and margin in one datapath: each as by itself, whatever the pipeline."""

from itertools import product

import numpy as np
import pytest

from offramp.golden.criteria import feature_score
from offramp.golden.spec.bounds import threshold_bounds
from offramp.golden.spec.criteria import SELECTION_WIDTH, Criterion
from offramp.golden.spec.decision import PIPELINE_REGISTERS, DecisionConfig
from offramp.hw.decision import DecisionUnit
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from tests.criteria import edge_vectors, emulator_of, random_vectors

BOTH = ("confidence", "margin")
CONFIGS = [
    DecisionConfig(criteria=BOTH, n_exits=4),
    DecisionConfig(criteria=BOTH, n_exits=4, with_score=False, fraction_bits=4, n_classes=128),
    DecisionConfig(criteria=BOTH, n_exits=1, tag_width=0, with_score=False),
    DecisionConfig(criteria=BOTH, n_exits=4, registers=()),
    DecisionConfig(criteria=BOTH, n_exits=4, registers=(), with_score=False),
    DecisionConfig(
        criteria=BOTH,
        n_exits=4,
        registers=PIPELINE_REGISTERS,
    ),
    DecisionConfig(criteria=BOTH, n_exits=3, registers=("mantissa",), logit_width=6),
    DecisionConfig(criteria=BOTH, n_exits=2, registers=("addend",), with_score=False),
]


def emulator(config: DecisionConfig) -> DecisionEmulator:
    settings = {f"selection_{k}": SELECTION_WIDTH for k in range(config.n_exits)}
    return emulator_of(DecisionUnit, config, settings=settings)


def count_wrong(
    unit: DecisionEmulator, vectors: np.ndarray, seed: int, *, idle: int = 0, stall: int = 0
) -> int:
    """Choose criterion and threshold of each exit, and count what differs from golden."""
    config = unit.config
    rng = np.random.default_rng(seed)
    n = len(vectors)
    exits = rng.integers(0, config.n_exits, n)
    lengths = rng.integers(2, vectors.shape[1] + 1, n)
    score, threshold = np.zeros(n, np.int64), np.zeros(n, np.int64)
    labels = np.zeros(n, np.int64)
    names = rng.permutation(BOTH * config.n_exits)[: config.n_exits]
    for k, name in enumerate(names):
        unit.set(f"selection_{k}", Criterion(name).code)
        low, high = threshold_bounds(config, "confidence")
        of_exit = np.zeros(n, np.int64)
        for length in np.unique(lengths):
            rows = lengths == length
            of_exit[rows] = feature_score(config, name, vectors[rows, :length])
            labels[rows] = vectors[rows, :length].argmax(axis=1)
        # margins are also compared with thresholds below 0, and far beyond
        wild = rng.integers(low, high + 1)
        limit = int(np.clip(rng.choice([rng.choice(of_exit), wild]), low, high))
        unit.set_threshold(k, limit)
        score = np.where(exits == k, of_exit, score)
        threshold = np.where(exits == k, limit, threshold)
    got = unit.decide(vectors, exits, lengths=lengths, idle=idle, stall=stall, seed=seed)
    wrong = (got.label != labels) | (got.exit != (score >= threshold))
    if config.with_score:
        wrong |= got.score != score
    return int(wrong.sum())


@pytest.mark.parametrize("config", CONFIGS)
def test_edges_and_random_vectors_under_either_criterion_equal_golden(config: DecisionConfig):
    with emulator(config) as unit:
        for seed in range(12):
            n = (2, 3, config.n_classes)[seed % 3]
            assert count_wrong(unit, edge_vectors(config, n), seed) == 0
            assert count_wrong(unit, random_vectors(config, 500, n, seed), seed) == 0


@pytest.mark.parametrize(("idle", "stall"), list(product((0, 128, 230), repeat=2)))
def test_decisions_equal_golden_under_stalls_at_both_ends(idle: int, stall: int) -> None:
    with emulator(CONFIGS[0]) as unit:
        for seed in range(4):
            vectors = random_vectors(CONFIGS[0], 300, 10, seed)
            assert count_wrong(unit, vectors, seed, idle=idle, stall=stall) == 0


@pytest.mark.parametrize("n_logits", [2, 3])
def test_every_small_vector_equals_golden_at_every_threshold_of_the_margin(n_logits: int) -> None:
    config = DecisionConfig(
        criteria=BOTH, n_classes=3, logit_width=4, fraction_bits=2, n_exits=1, with_score=False
    )
    vectors = np.array(list(product(range(-8, 8), repeat=n_logits)))
    score = feature_score(config, "margin", vectors)
    with emulator(config) as unit:
        unit.set("selection_0", Criterion.MARGIN.code)
        for threshold in range(config.threshold_low, config.threshold_high + 1):
            unit.set_threshold(0, threshold)
            assert np.array_equal(unit.decide(vectors).exit, score >= threshold)


@pytest.mark.parametrize("config", CONFIGS)
def test_margin_costs_no_cycle(config: DecisionConfig) -> None:
    with emulator(config) as unit:
        unit.decide(random_vectors(config, 1, 5, 0))
        assert unit.cycles == 5 + config.latency
        unit.decide(random_vectors(config, 100, 2, 0))
        assert unit.cycles == 205 + 2 * config.latency
