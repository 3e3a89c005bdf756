"""Millions of vectors for each criterion through the emulated RTL, compared with the golden model.

The work is cut into chunks, each a fresh unit with vectors of one family, which its number alone
determines: so chunks may be done in any order, by several processes, and a run may be taken up
where it was left. The first chunks are exhaustive: every vector of up to four 4-bit logits, at
thresholds from end to end. In the others thresholds are scores that the vectors just reach, and
those one above.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice, product
from multiprocessing import get_context
from typing import Any

import numpy as np

from ..golden.criteria import (
    PatienceMemory,
    feature_score,
    gate_score,
)
from ..golden.decision import Integers
from ..golden.spec.bounds import gate_bias_bounds, threshold_bounds
from ..golden.spec.checks import require_choice, require_int
from ..golden.spec.criteria import FEATURES, GATE_WEIGHT, SELECTION_WIDTH, Criterion
from ..golden.spec.decision import DecisionConfig
from ..hw.decision import create_unit
from ..hw.decision.delivery import MODULE_NAME
from ..hw.verilog import generate_verilog
from .cache import content_key
from .emulator.decision import DecisionEmulator
from .emulator.library import EmulationError
from .vector_families import (
    Family,
    Vectors,
    all_logits,
    capacity_family,
    edge_logits,
    extreme_family,
    level_family,
    near_sum_family,
    neighbour_family,
    random_family,
    rows_of_length,
    tie_family,
)

__all__ = [
    "ChunkResult",
    "chunk_numbers",
    "criterion_emulator",
    "plan_key",
    "run_chunk",
    "run_vectors",
    "unit_settings",
]

CHUNK = 20_000
"""Vectors of a chunk."""

GROUP = 250
"""Neighbours in score that are decided under thresholds of their own."""

N_EXITS = 4
EXHAUSTIVE_THRESHOLDS = 64
"""Most thresholds at which all vectors are tried; of more legal ones a spread of them."""

STALLS = ((0, 0), (0, 0), (128, 0), (0, 128), (160, 160), (0, 0))
"""Idle input and stalled output cycles in 256, in turn."""

FAMILIES: dict[str, Family] = {
    "random": random_family,
    "ties": tie_family,
    "extremes": extreme_family,
    "neighbours": neighbour_family,
    "levels": level_family,
    "sums one LSB around the threshold": near_sum_family,
    "sums around the capacity": capacity_family,
}
"""Families of vectors by name, used in turn."""

EXAMPLES = 3
"""Mismatches that a chunk describes."""


@dataclass(frozen=True)
class ChunkResult:
    """What became of one chunk.

    Attributes
    ----------
    number : int
    kind : str
        ``exhaustive``, ``edges`` or a name of `FAMILIES`.
    vectors, mismatches, exits : int
        Decided in all, in another way than by the golden model, and with the exit taken.
    examples : tuple of str
        Some mismatches.
    """

    number: int
    kind: str
    vectors: int
    mismatches: int
    exits: int
    examples: tuple[str, ...]


def criterion_emulator(config: DecisionConfig) -> DecisionEmulator:
    """Return an emulator of the smallest unit with the criteria of `config`."""
    return DecisionEmulator(config, _verilog(config), settings=unit_settings(config))


def unit_settings(config: DecisionConfig) -> dict[str, int]:
    """Return the widths of what such a unit has beside thresholds: selection, weights, offsets."""
    settings: dict[str, int] = {}
    exits = range(config.n_exits)
    if len(config.criteria) > 1:
        settings |= {f"selection_{k}": SELECTION_WIDTH for k in exits}
    if Criterion.GATE in config.criteria:
        width = config.score_format_of(Criterion.GATE).width
        settings |= {
            f"weight_{k}_{name}": GATE_WEIGHT.width for k in exits for name in config.features
        }
        settings |= {f"offset_{k}": width for k in exits}
    return settings


@cache
def _verilog(config: DecisionConfig) -> str:
    return generate_verilog(create_unit(config), MODULE_NAME, {})


def _config(criterion: str, **parameters: Any) -> DecisionConfig:
    gate = criterion == Criterion.GATE
    criteria = (*FEATURES, Criterion.GATE) if gate else (Criterion(criterion),)
    return DecisionConfig(criteria=criteria, n_exits=N_EXITS, tag_width=6, **parameters)


def _configs(criterion: str) -> tuple[DecisionConfig, ...]:
    """Return the units of the random chunks: the default one mostly, others in turn."""
    default = _config(criterion)
    many = _config(criterion, n_classes=100, fraction_bits=4)
    narrow = _config(criterion, n_classes=16, logit_width=6, fraction_bits=2, mantissa_bits=5)
    # 100 logits take ten times as long
    return (default,) * 9 + (narrow,) * 2 + (many,)


def _small(criterion: str) -> DecisionConfig:
    return _config(criterion, n_classes=4, logit_width=4, fraction_bits=2, mantissa_bits=5)


def plan_key(criterion: str, seed: int) -> str:
    """Return a name for the work of a criterion: it changes with the RTL, the seed and the plan."""
    texts = [_verilog(config) for config in {*_configs(criterion), _small(criterion)}]
    return content_key(*sorted(texts), repr((seed, CHUNK, GROUP, list(FAMILIES))))


# -- scores ----------------------------------------------------------------------------------------


class _Judge:
    """A fresh unit with the settings of one chunk, and the golden model with the same ones."""

    def __init__(self, criterion: str, config: DecisionConfig, rng: np.random.Generator):
        self.criterion = Criterion(criterion)
        self.config = config
        self.emulator = criterion_emulator(config)
        self._memory = PatienceMemory(config)
        self._gates: list[tuple[dict[str, int], int]] = []
        exits = range(config.n_exits)
        if len(config.criteria) > 1:
            for k in exits:
                self.emulator.set(f"selection_{k}", self.criterion.code)
        if self.criterion == Criterion.GATE:
            for k in exits:
                weights, bias = _gate_parameters(config, rng)
                self._gates.append((weights, bias))
                for name, weight in weights.items():
                    self.emulator.set(f"weight_{k}_{name}", weight)
                self.emulator.set(f"offset_{k}", bias)

    def labels(self, vectors: Vectors) -> Integers:
        """Return the index of the largest logit of each row, int64 [n]."""
        label = np.empty(len(vectors.lengths), np.int64)
        for rows, logits in rows_of_length(vectors):
            label[rows] = logits.argmax(axis=1)
        return label

    def scores(self, vectors: Vectors, exits: Integers, tags: Integers) -> Integers:
        """Return the golden scores, int64 [n]; patience takes the rows in their order."""
        if self.criterion == Criterion.PATIENCE:
            return self._memory.score(self.labels(vectors), exits, tags)
        score = np.empty(len(exits), np.int64)
        for rows, logits in rows_of_length(vectors):
            if self.criterion != Criterion.GATE:
                score[rows] = feature_score(self.config, self.criterion, logits)
                continue
            for k, (weights, bias) in enumerate(self._gates):
                chosen = exits[rows] == k
                if chosen.any():
                    part = score[rows]
                    part[chosen] = gate_score(self.config, logits[chosen], weights, bias)
                    score[rows] = part
        return score


def _gate_parameters(
    config: DecisionConfig, rng: np.random.Generator
) -> tuple[dict[str, int], int]:
    """Return weights and a bias, at the ends of their ranges in one of four cases."""
    low, high = gate_bias_bounds(config)
    if rng.random() < 0.25:
        ends = (GATE_WEIGHT.low, -1, 0, 1, GATE_WEIGHT.high)
        weights = {str(name): int(rng.choice(ends)) for name in config.features}
        return weights, int(rng.choice((low, 0, high)))
    weights = {
        str(name): int(rng.integers(GATE_WEIGHT.low, GATE_WEIGHT.high + 1))
        for name in config.features
    }
    return weights, int(rng.integers(low // 8, high // 8 + 1))


# -- chunks ----------------------------------------------------------------------------------------


def run_chunk(criterion: str, number: int, seed: int) -> ChunkResult:
    """Decide the vectors of one chunk in hardware and by the golden model."""
    small = _small(criterion)
    thresholds = _exhaustive_thresholds(criterion)
    rng = np.random.default_rng((seed, number))
    if number < len(thresholds):
        judge = _Judge(criterion, small, rng)
        with judge.emulator:
            return _exhaustive(judge, number, thresholds[number], rng)
    number_left = number - len(thresholds)
    configs = _configs(criterion)
    config = configs[number_left % len(configs)]
    idle, stall = STALLS[number_left % len(STALLS)]
    judge = _Judge(criterion, config, rng)
    with judge.emulator:
        if criterion == Criterion.PATIENCE:
            kind, vectors, exits, tags = _samples(config, number_left, rng)
        else:
            kind, vectors = _family(config, number_left, rng)
            n = len(vectors.lengths)
            exits = rng.integers(0, config.n_exits, n)
            tags = rng.integers(0, 1 << config.tag_width, n)
        tally = _Tally(judge, number, kind, idle=idle, stall=stall)
        score = judge.scores(vectors, exits, tags)
        groups = _groups(judge, score, rng)
        for order in groups:
            limits = _limits(judge, score[order], rng)
            part = Vectors(vectors.logits[order], vectors.lengths[order])
            tally.add(part, exits[order], tags[order], score[order], limits)
    return tally.result


class _Tally:
    """Counts of one chunk, whose vectors it has the unit of `judge` decide."""

    def __init__(self, judge: _Judge, number: int, kind: str, *, idle: int = 0, stall: int = 0):
        self._judge = judge
        self._stalls = {"idle": idle, "stall": stall, "seed": number}
        self.result = ChunkResult(number, kind, 0, 0, 0, ())

    def add(
        self,
        vectors: Vectors,
        exits: Integers,
        tags: Integers,
        score: Integers,
        limits: list[int],
    ) -> None:
        """Decide rows under one threshold for each exit and count what differs from `score`."""
        judge = self._judge
        for k, limit in enumerate(limits):
            judge.emulator.set_threshold(k, limit)
        label = judge.labels(vectors)
        taken = score >= np.array(limits)[exits]
        try:
            got = judge.emulator.decide(
                vectors.logits, exits, lengths=vectors.lengths, tag=tags, **self._stalls
            )
            wrong = (got.exit != taken) | (got.label != label) | (got.score != score)
            texts = [
                f"{judge.config.describe()} {vectors.logits[row, : vectors.lengths[row]].tolist()} "
                f"exit {exits[row]} threshold {limits[exits[row]]}: {got.score[row]} not "
                f"{score[row]}, label {got.label[row]} not {label[row]}"
                for row in np.flatnonzero(wrong)[:EXAMPLES]
            ]
        except EmulationError as error:
            wrong = np.ones(len(score), dtype=bool)
            texts = [str(error)]
        before = self.result
        self.result = replace(
            before,
            vectors=before.vectors + len(score),
            mismatches=before.mismatches + int(wrong.sum()),
            exits=before.exits + int(taken.sum()),
            examples=(*before.examples, *texts)[:EXAMPLES],
        )


def _family(config: DecisionConfig, number: int, rng: np.random.Generator) -> tuple[str, Vectors]:
    """Return one family's vectors; the families and the edges take turns."""
    names = ["edges", *FAMILIES]
    # the number of configurations has no part in common with that of kinds and shift
    kind = names[(number + number // len(names)) % len(names)]
    if kind != "edges":
        return kind, FAMILIES[kind](config, CHUNK, rng)
    n_logits = int(rng.integers(2, config.n_classes + 1))
    rows = edge_logits(config, n_logits)
    order = rng.integers(0, len(rows), CHUNK)
    return kind, Vectors(rows[order], np.full(CHUNK, n_logits))


def _samples(
    config: DecisionConfig, number: int, rng: np.random.Generator
) -> tuple[str, Vectors, Integers, Integers]:
    """Return vectors, exits and tags of samples that go from exit to exit.

    In turn: each sample alone, several interleaved, and exits and tags at random, one sample often
    twice in a row.
    """
    kind = ("one sample after the other", "interleaved samples", "any order")[number % 3]
    n = CHUNK
    steps = np.arange(n)
    if kind == "any order":
        exits = rng.integers(0, config.n_exits, n)
        tags = rng.integers(0, rng.integers(1, 6), n)
    else:
        width = 1 if kind == "one sample after the other" else int(rng.integers(2, 17))
        exits = steps // width % config.n_exits
        tags = (steps % width + width * (steps // (width * config.n_exits))) % (
            1 << config.tag_width
        )
    bounds = config.logit_format
    lengths = rng.integers(2, config.n_classes + 1, n)
    logits = rng.integers(bounds.low, bounds.high, (n, config.n_classes))
    # two favourites: labels agree about every other time; the winner leads by 0 or more
    label = rng.integers(0, np.minimum(2, lengths))
    other = rng.random(n) < 0.2
    label[other] = rng.integers(0, lengths[other])
    logits[steps, label] = np.maximum(logits.max(axis=1), rng.integers(0, bounds.high + 1, n))
    return kind, Vectors(logits, lengths), exits, tags


def _groups(judge: _Judge, score: Integers, rng: np.random.Generator) -> Iterator[Integers]:
    """Yield rows that are decided in one go, in their order."""
    n = len(score)
    if judge.criterion == Criterion.PATIENCE:
        # in their order: scores depend on it
        for start in range(0, n, 2 * GROUP):
            yield np.arange(start, min(start + 2 * GROUP, n))
        return
    ranked = np.argsort(score, kind="stable")
    for start in range(0, n, GROUP):
        yield rng.permutation(ranked[start : start + GROUP])


def _limits(judge: _Judge, score: Integers, rng: np.random.Generator) -> list[int]:
    """Return a threshold for each exit: scores that come up, and the ones above."""
    low, high = threshold_bounds(judge.config, judge.criterion)
    chosen = rng.choice(score, judge.config.n_exits) + rng.integers(0, 2, judge.config.n_exits)
    return [int(limit) for limit in np.clip(chosen, low, high)]


@cache
def _exhaustive_thresholds(criterion: str) -> tuple[int, ...]:
    """Return the thresholds of the exhaustive chunks."""
    low, high = threshold_bounds(_small(criterion), criterion)
    n = min(EXHAUSTIVE_THRESHOLDS, high - low + 1)
    return tuple(int(value) for value in np.unique(np.linspace(low, high, n).round()))


def _exhaustive_lengths(criterion: str) -> range:
    few = len(_exhaustive_thresholds(criterion)) < EXHAUSTIVE_THRESHOLDS
    return range(2, 5 if few else 4)


def _exhaustive_size(criterion: str) -> int:
    """Return the vectors of an exhaustive chunk."""
    config = _small(criterion)
    if criterion == Criterion.PATIENCE:
        return 3 * (config.n_classes * config.n_exits) ** 3
    return sum(1 << config.logit_width * n for n in _exhaustive_lengths(criterion))


def _exhaustive(
    judge: _Judge, number: int, threshold: int, rng: np.random.Generator
) -> ChunkResult:
    """Decide every vector of up to 3 logits, or 4 if thresholds are few, at one threshold."""
    config = judge.config
    tally = _Tally(judge, number, "exhaustive")
    if judge.criterion == Criterion.PATIENCE:
        vectors, exits, tags = _all_walks(config)
        score = judge.scores(vectors, exits, tags)
        tally.add(vectors, exits, tags, score, [threshold] * config.n_exits)
        return tally.result
    for n_logits in _exhaustive_lengths(judge.criterion):
        logits = all_logits(config, n_logits)
        n = len(logits)
        vectors = Vectors(logits, np.full(n, n_logits))
        exits = rng.integers(0, config.n_exits, n)
        tags = np.arange(n) & ((1 << config.tag_width) - 1)
        score = judge.scores(vectors, exits, tags)
        tally.add(vectors, exits, tags, score, [threshold] * config.n_exits)
    return tally.result


def _all_walks(config: DecisionConfig) -> tuple[Vectors, Integers, Integers]:
    """Return every sequence of three labels and exits of a sample, one after the other."""
    steps = list(product(range(config.n_classes), range(config.n_exits)))
    walk = np.array(list(product(steps, repeat=3))).reshape(-1, 2)
    logits = np.full((len(walk), config.n_classes), config.logit_format.low)
    logits[np.arange(len(walk)), walk[:, 0]] = config.logit_format.high
    tags = np.arange(len(walk)) // 3 & ((1 << config.tag_width) - 1)
    return Vectors(logits, np.full(len(walk), config.n_classes)), walk[:, 1], tags


# -- runs ------------------------------------------------------------------------------------------


def chunk_numbers(criterion: str, count: int) -> range:
    """Return the chunks that make up `count` vectors at least."""
    n_exhaustive = len(_exhaustive_thresholds(criterion))
    size = _exhaustive_size(criterion)
    if count <= n_exhaustive * size:
        return range(-(-count // size))
    return range(n_exhaustive - (n_exhaustive * size - count) // CHUNK)


def run_vectors(
    criterion: str,
    *,
    count: int,
    seed: int = 1,
    workers: int = 2,
    done: dict[int, ChunkResult] | None = None,
    progress: Callable[[ChunkResult], None] | None = None,
) -> list[ChunkResult]:
    """Run chunks until `count` vectors are decided.

    Parameters
    ----------
    criterion : str
        A name of `Criterion`.
    count : int
        Vectors, at least; chunks are whole.
    seed : int
    workers : int
        Processes.
    done : dict, optional
        Chunks of an earlier run of the same `plan_key`, by number.
    progress : callable, optional
        Called with each result as it comes.

    Returns
    -------
    list of ChunkResult
        In the order of their numbers.
    """
    require_choice("Criterion", criterion, Criterion)
    require_int("Number of vectors", count, 1, 1 << 40)
    require_int("Number of processes", workers, 1, 64)
    results = dict(done or {})
    numbers = chunk_numbers(criterion, count)
    left = iter([number for number in numbers if number not in results])
    # built once, not by each process
    for config in {*_configs(criterion), _small(criterion)}:
        criterion_emulator(config).close()
    pending: set[Future[ChunkResult]] = set()
    # a fresh interpreter each: a fork of a process with threads may hang
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            while True:
                # few in hand: an interrupt ends soon
                for number in islice(left, 2 * workers - len(pending)):
                    pending.add(pool.submit(run_chunk, criterion, number, seed))
                if not pending:
                    break
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    result = future.result()
                    results[result.number] = result
                    if progress is not None:
                        progress(result)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [results[number] for number in numbers]
