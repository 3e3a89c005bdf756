"""Several criteria in one unit, the linear gate among them: scores, order, cycles."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Fragment

from offramp.golden.criteria import (
    PatienceMemory,
    feature_score,
    gate_score,
)
from offramp.golden.spec.bounds import gate_bias_bounds, threshold_bounds
from offramp.golden.spec.criteria import Criterion
from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision import CriteriaUnit, DecisionUnit, create_unit
from offramp.hw.decision.entropy import EntropyUnit
from offramp.hw.decision.margin import MarginUnit
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from offramp.rtl_sim.vector_bench import unit_settings
from tests.criteria import edge_vectors, emulator_of, random_vectors, refusal_of

ALL = ("confidence", "margin", "entropy", "gate", "patience")
SETS = [
    ("confidence", "margin"),
    ("margin", "gate"),
    ("entropy", "gate"),
    ("margin", "entropy", "patience"),
    ("patience",),
    ALL,
]


def config_of(criteria: tuple[str, ...]) -> DecisionConfig:
    return DecisionConfig(criteria=criteria, n_exits=3, tag_width=4)


def emulator(config: DecisionConfig) -> DecisionEmulator:
    return emulator_of(CriteriaUnit, config, settings=unit_settings(config))


def count_wrong(
    unit: DecisionEmulator,
    memory: PatienceMemory,
    vectors: np.ndarray,
    seed: int,
    *,
    weights_at_extremes: bool = False,
    idle: int = 0,
    stall: int = 0,
) -> int:
    """Choose a criterion, weights and a threshold for each exit, and count what differs."""
    config = unit.config
    rng = np.random.default_rng(seed)
    n = len(vectors)
    exits, tags = rng.integers(0, config.n_exits, n), rng.integers(0, 1 << config.tag_width, n)
    labels = vectors.argmax(axis=1)
    scores = {str(name): feature_score(config, name, vectors) for name in config.features}
    if "patience" in config.criteria:
        scores["patience"] = memory.score(labels, exits, tags)
    score, threshold = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for k in range(config.n_exits):
        name = config.criteria[rng.integers(len(config.criteria))]
        if len(config.criteria) > 1:
            unit.set(f"selection_{k}", Criterion(name).code)
        if "gate" in config.criteria:
            low, high = gate_bias_bounds(config)
            bias = low if weights_at_extremes else int(rng.integers(low, high + 1))
            weights = {
                str(feature): -128 if weights_at_extremes else int(rng.integers(-128, 128))
                for feature in config.features
            }
            for feature, weight in weights.items():
                unit.set(f"weight_{k}_{feature}", weight)
            unit.set(f"offset_{k}", bias)
            scores["gate"] = gate_score(config, vectors, weights, bias)
        low, high = threshold_bounds(config, name)
        limit = int(np.clip(rng.choice(scores[name]), low, high))
        unit.set_threshold(k, limit)
        score = np.where(exits == k, scores[name], score)
        threshold = np.where(exits == k, limit, threshold)
    got = unit.decide(vectors, exits, tag=tags, idle=idle, stall=stall, seed=seed)
    wrong = (got.score != score) | (got.label != labels) | (got.exit != (score >= threshold))
    return int(wrong.sum())


@pytest.mark.parametrize("criteria", SETS)
def test_scores_under_the_selected_criterion_equal_golden(criteria: tuple[str, ...]) -> None:
    config = config_of(criteria)
    memory = PatienceMemory(config)
    with emulator(config) as unit:
        for seed, n in enumerate((10, 2, 3, 7, 10)):
            for vectors in (edge_vectors(config, n), random_vectors(config, 500, n, seed)):
                assert count_wrong(unit, memory, vectors, seed) == 0
                assert count_wrong(unit, memory, vectors, seed, weights_at_extremes=True) == 0


@pytest.mark.parametrize(
    "criteria", [("confidence", "margin"), ("confidence", "margin", "gate", "patience")]
)
@pytest.mark.parametrize("lanes", [2, 8])
def test_several_criteria_of_several_lanes_equal_golden(
    lanes: int, criteria: tuple[str, ...]
) -> None:
    config = replace(config_of(criteria), lanes=lanes)
    memory = PatienceMemory(config)
    with emulator(config) as unit:
        for seed, n in enumerate((10, 2, 3, 7, 10)):
            for idle, stall in ((0, 0), (128, 128)):
                vectors = random_vectors(config, 500, n, seed)
                assert count_wrong(unit, memory, vectors, seed, idle=idle, stall=stall) == 0


@pytest.mark.parametrize(("idle", "stall"), [(0, 200), (200, 0), (128, 128)])
def test_decisions_of_mixed_criteria_keep_their_order_under_stalls(idle: int, stall: int) -> None:
    config = config_of(ALL)
    memory = PatienceMemory(config)
    with emulator(config) as unit:
        for seed in range(4):
            vectors = random_vectors(config, 500, (2, 4, 10, 3)[seed], seed)
            assert count_wrong(unit, memory, vectors, seed, idle=idle, stall=stall) == 0


@pytest.mark.parametrize(
    ("criteria", "n", "spacing"),
    [
        (("margin", "gate"), 2, 11),  # 8 bits of 1 weight, and 3
        (("margin", "gate"), 20, 20),
        (("confidence", "margin", "entropy", "gate"), 4, 27),  # 8 bits of 3 weights, and 3
        (("confidence", "margin", "entropy", "gate"), 30, 30),
    ],
)
def test_gate_takes_a_vector_in_its_cycles_or_one_logit_a_cycle_if_that_is_longer(
    criteria: tuple[str, ...], n: int, spacing: int
) -> None:
    config = DecisionConfig(criteria=criteria, n_classes=30, n_exits=1, tag_width=8)
    with emulator(config) as unit:
        unit.set("selection_0", Criterion.GATE.code)
        cycles = []
        for n_vectors in (20, 40):
            before = unit.cycles
            unit.decide(random_vectors(config, n_vectors, n, 0))
            cycles.append(unit.cycles - before)
        assert cycles[1] - cycles[0] == 20 * spacing


@pytest.mark.parametrize("lanes", [1, 2, 8])
@pytest.mark.parametrize("n", [2, 10])
def test_vectors_under_confidence_and_margin_follow_without_a_bubble(n: int, lanes: int) -> None:
    config = replace(config_of(("confidence", "margin")), lanes=lanes)
    with emulator(config) as unit:
        cycles = []
        for n_vectors in (20, 40):
            before = unit.cycles
            unit.decide(random_vectors(config, n_vectors, n, 0))
            cycles.append(unit.cycles - before)
        assert cycles[1] - cycles[0] == 20 * -(-n // lanes)


def test_each_set_of_criteria_finds_its_unit() -> None:
    found = {}
    for criteria in (("confidence",), ("confidence", "margin"), *((name,) for name in ALL[1:3])):
        unit = create_unit(config_of(criteria))
        Fragment.get(unit, None)
        found[criteria] = type(unit)
    assert found == {
        ("confidence",): DecisionUnit,
        ("confidence", "margin"): DecisionUnit,
        ("margin",): MarginUnit,
        ("entropy",): EntropyUnit,
    }


def test_unit_of_confidence_refuses_other_criteria() -> None:
    message = refusal_of(DecisionUnit, DecisionConfig(criteria=("margin", "entropy")))
    assert message == "Criteria must be confidence or confidence, margin, not margin, entropy"
