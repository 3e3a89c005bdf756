"""The bench of millions of vectors: what it draws, that it sees faults, and how it goes on."""

from collections import Counter

import numpy as np
import pytest

from offramp.golden.spec.criteria import Criterion
from offramp.golden.spec.decision import DecisionConfig
from offramp.rtl_sim import vector_bench
from offramp.rtl_sim.vector_bench import ChunkResult, chunk_numbers, run_chunk, run_vectors
from offramp.rtl_sim.vector_families import (
    capacity_family,
    extreme_family,
    near_sum_family,
    neighbour_family,
    tie_family,
)

CONFIG = DecisionConfig()
N = 500


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_bench, "CHUNK", 1000)


def offsets(logits: np.ndarray) -> np.ndarray:
    return logits - CONFIG.logit_format.low


def test_near_sums_are_one_lsb_around_an_exponential() -> None:
    vectors = near_sum_family(CONFIG, N, rng())
    seen = Counter()
    for row, length in zip(vectors.logits, vectors.lengths, strict=True):
        x = sorted(offsets(row[:length]).tolist())
        others = x[:-1]
        # an LSB grows with the octaves that the vector was moved up by
        scale = 1 << max(0, min(others) // 8)
        total = sum(map(CONFIG.exponential, others))
        distances = {
            (total - CONFIG.exponential(y)) / step
            for y in range(256)
            for step in (1, scale)
            if abs(total - CONFIG.exponential(y)) <= step
        }
        assert distances
        seen.update(distances)
    assert set(seen) >= {-1, 0, 1}


def test_capacity_is_reached_and_missed() -> None:
    vectors = capacity_family(CONFIG, N, rng())
    room = (1 << CONFIG.accumulator_width) - 1
    totals = [
        sum(map(CONFIG.exponential, sorted(offsets(row[:length]).tolist())[:-1]))
        for row, length in zip(vectors.logits, vectors.lengths, strict=True)
    ]
    share = np.mean([total > room for total in totals])
    assert 0.2 < share < 0.8


def test_ties_and_extremes_are_what_they_are_called() -> None:
    ties = tie_family(CONFIG, N, rng()).logits
    assert np.mean((ties == ties.max(axis=1, keepdims=True)).sum(axis=1) > 1) > 0.9
    extremes = extreme_family(CONFIG, N, rng()).logits
    assert np.mean(np.ptp(extremes, axis=1) == 0) > 0.2
    assert {-128, 127} <= set(extremes.ravel().tolist())


def test_neighbours_differ_by_at_most_one_lsb_of_one_logit() -> None:
    logits = neighbour_family(CONFIG, N, rng()).logits
    distance = np.abs(logits[0::2] - logits[1::2]).sum(axis=1)
    assert distance.max() == 1
    assert np.mean(distance == 1) > 0.8


@pytest.mark.parametrize("criterion", list(Criterion))
def test_chunks_of_all_kinds_equal_golden(criterion: Criterion) -> None:
    first = len(vector_bench._exhaustive_thresholds(criterion))
    # one exhaustive, then each family and each unit
    numbers = [first // 2, *range(first, first + 12)]
    results = [run_chunk(criterion, number, seed=3) for number in numbers]
    assert [result.mismatches for result in results] == [0] * 13
    assert sum(result.exits for result in results) > 1000
    assert len({result.kind for result in results}) > (3 if criterion == "patience" else 8)


@pytest.mark.parametrize("criterion", ["confidence", "entropy", "patience"])
def test_unit_that_is_wrong_by_one_is_seen(criterion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = vector_bench._Judge.scores
    monkeypatch.setattr(vector_bench._Judge, "scores", lambda *arguments: right(*arguments) + 1)
    first = len(vector_bench._exhaustive_thresholds(criterion))
    result = run_chunk(criterion, first, seed=3)
    assert result.mismatches == result.vectors == 1000
    assert len(result.examples) == 3


def test_chunk_repeats_with_its_number_and_seed() -> None:
    assert run_chunk("margin", 20, seed=1) == run_chunk("margin", 20, seed=1)
    assert run_chunk("margin", 20, seed=1) != run_chunk("margin", 20, seed=2)


def test_run_does_what_is_left() -> None:
    number = chunk_numbers("patience", 1)[-1]
    before = ChunkResult(number, "exhaustive", 12288, 0, 7, ())
    seen: list[int] = []
    results = run_vectors(
        "patience",
        count=30_000,
        workers=1,
        done={number: before},
        progress=lambda result: seen.append(result.number),
    )
    assert results[0] is before
    assert sorted(seen) == [1, 2]
    assert sum(result.vectors for result in results) == 3 * 12288


def test_plan_of_work_changes_with_the_seed() -> None:
    assert vector_bench.plan_key("margin", 1) != vector_bench.plan_key("margin", 2)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"criterion": "certainty", "count": 1}, "^Criterion must be one of confidence, margin, "),
        ({"criterion": "margin", "count": 0}, "^Number of vectors must be in 1.*, not 0$"),
        ({"criterion": "margin", "count": 1, "workers": 0},
         "^Number of processes must be in 1..64, not 0$"),
    ],
)  # fmt: skip
def test_illegal_run_is_refused(arguments: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        run_vectors(**arguments)
