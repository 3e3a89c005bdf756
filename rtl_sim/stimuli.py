"""Vectors that tell a right decision unit from a nearly right one, and their right decisions."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, islice, permutations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..golden.criteria import decide_by_score, feature_score
from ..golden.decision import Logits, log_odds_score
from ..golden.spec.bounds import threshold_bounds
from ..golden.spec.criteria import Criterion
from ..golden.spec.decision import DecisionConfig

_NEAR_SUMS = 4
"""Vectors of each kind of near miss: more would tell no more."""


class Vector(NamedTuple):
    """The logits of one sample at one exit."""

    logits: tuple[int, ...]
    exit_index: int = 0


class Outcome(NamedTuple):
    """What the unit says of a vector."""

    exit: bool
    label: int
    score: int
    exit_index: int


class LaneBeat(NamedTuple):
    """A beat of several lanes: a logit in each, and which of them are kept."""

    logits: tuple[int, ...]
    keep: int


def lane_beats(config: DecisionConfig, logits: Sequence[int]) -> list[LaneBeat]:
    """Return the beats of a vector with several lanes; what is not looked at is wrong.

    Lanes that are not kept hold the largest logit, and before the last beat none is said to be.
    """
    lanes, high = config.lanes, config.logit_format.high
    beats = []
    for start in range(0, len(logits), lanes):
        held = tuple(logits[start : start + lanes])
        last = start + lanes >= len(logits)
        padding = (high,) * (lanes - len(held))
        beats.append(LaneBeat((*held, *padding), (1 << len(held)) - 1 if last else 0))
    return beats


@dataclass(frozen=True)
class Workload:
    """Vectors to be decided in this order, of whatever lengths, under constant thresholds.

    Parameters
    ----------
    thresholds : tuple of int
        One for each exit of the configuration.
    vectors : tuple of Vector
    """

    thresholds: tuple[int, ...]
    vectors: tuple[Vector, ...]


def expected_outcomes(config: DecisionConfig, workload: Workload) -> list[Outcome]:
    """Decide a workload by the golden model, under the confidence or the margin."""
    outcomes: dict[int, Outcome] = {}
    kinds = {(len(vector.logits), vector.exit_index) for vector in workload.vectors}
    for length, exit_index in kinds:
        places = [
            place
            for place, vector in enumerate(workload.vectors)
            if (len(vector.logits), vector.exit_index) == (length, exit_index)
        ]
        logits = np.array([workload.vectors[place].logits for place in places])
        threshold = workload.thresholds[exit_index]
        scores = _score(config, logits)
        decisions = decide_by_score(config, _criterion(config), logits, scores, threshold)
        for row, place in enumerate(places):
            outcomes[place] = Outcome(
                bool(decisions.exit[row]),
                int(decisions.label[row]),
                int(decisions.score[row]),
                exit_index,
            )
    return [outcomes[place] for place in range(len(workload.vectors))]


def _criterion(config: DecisionConfig) -> str:
    return Criterion.MARGIN if config.criteria == (Criterion.MARGIN,) else Criterion.CONFIDENCE


def _score(config: DecisionConfig, logits: Logits) -> npt.NDArray[np.int64]:
    return feature_score(config, _criterion(config), logits)


def edge_vectors(config: DecisionConfig) -> list[tuple[int, ...]]:
    """Return logits at the edges of the format and of the arithmetic.

    Ties, equal logits, extremes, each place of the maximum, one step of difference, sums one LSB
    around an exponential, sums one step around the end of the accumulator, shortest and longest.
    """
    low, high = config.logit_format.low, config.logit_format.high
    octave = 1 << config.fraction_bits
    vectors: list[tuple[int, ...]] = []
    for length in sorted({2, min(3, config.n_classes), config.n_classes}):
        rest = length - 1
        ramp = tuple(max(low, high - 3 * place) for place in range(length))
        vectors += [
            (low,) * length,
            (0,) * length,
            (high,) * length,
            (high, *(low,) * rest),
            (*(low,) * rest, high),
            (*(low,) * (rest // 2), high, *(low,) * (rest - rest // 2)),
            (high, *(low,) * (rest - 1), high),
            (high - 1, *(high,) * rest),
            (*(high,) * rest, high - 1),
            tuple((low, high)[place % 2] for place in range(length)),
            ramp,
            ramp[::-1],
        ]
    for difference in (1, octave - 1, octave, octave + 1, high - low - 1):
        vectors += [(high, high - difference), (low, low + difference)]
    # in the highest window, if there is one
    window = high + 1 - (1 << config.window_width)
    vectors += [
        tuple(offset + window for offset in offsets)
        for offsets in (*_near_sums(config), *_near_capacity(config))
    ]
    if config.windowed:
        vectors += [tuple(offset + low for offset in offsets) for offsets in _around_blocks(config)]
    return list(dict.fromkeys(vectors))


def _near_sums(config: DecisionConfig) -> Iterable[tuple[int, ...]]:
    """Yield offset logits whose others sum to E(x) - 1, E(x) and E(x) + 1 for some x."""
    top = (1 << config.window_width) - 1
    exponentials = [config.exponential(x) for x in range(min(top, 4 << config.fraction_bits))]
    values = set(exponentials)
    smallest = range(min(len(exponentials), 2 << config.fraction_bits))
    for n_others in (2, 3):
        if config.n_classes <= n_others:
            break
        for off in (-1, 0, 1):
            near = (
                others
                for others in combinations_with_replacement(smallest, n_others)
                if sum(exponentials[x] for x in others) - off in values
            )
            for count, others in enumerate(islice(near, _NEAR_SUMS)):
                # the winner first, last and between
                place = count % (n_others + 1)
                yield (*others[:place], top, *others[place:])


def _near_capacity(config: DecisionConfig) -> Iterable[tuple[int, ...]]:
    """Yield offset logits whose others just fit the accumulator, and just do not."""
    top = (1 << config.window_width) - 1
    room = (1 << config.accumulator_width) - 1
    others: list[int] = []
    while len(others) < config.n_classes - 1:
        fitting = [x for x in range(top + 1) if config.exponential(x) <= room]
        if not fitting:
            break
        others.append(fitting[-1])
        room -= config.exponential(fitting[-1])
    yield (top, *others)
    yield (*others, top)
    if others[-1] < top:
        yield (top, *others[:-1], others[-1] + 1)
    if len(others) < config.n_classes - 1:
        yield (*others, 0, top)


def _around_blocks(config: DecisionConfig) -> Iterable[tuple[int, ...]]:
    """Yield offset logits at both ends of blocks near to each other and far, in every order.

    And such that sum to an exponential in one block and a little in the block below.
    """
    block = 1 << config.block_width
    n_blocks = 1 << (config.logit_width - config.block_width)
    top = n_blocks - 1
    ends = [
        (number * block + place)
        for number in sorted({0, 1, 2, top // 2, top - 2, top - 1, top})
        for place in (0, 1, block - 1)
        if number >= 0
    ]
    source = random.Random(1)
    length = min(3, config.n_classes)
    for _ in range(40):
        chosen = [source.choice(ends) for _ in range(length)]
        yield from permutations(chosen)
    if length > 2:
        winner = n_blocks * block - 1
        steps = range(0, block // 2, block // 128)
        yield from ((winner - step, winner, winner - 2 * block + 1) for step in steps)


def edge_workloads(
    config: DecisionConfig,
    score_of: Callable[[tuple[int, ...]], int] | None = None,
    bounds: tuple[int, int] | None = None,
) -> list[Workload]:
    """Return the edge vectors under thresholds at the bounds, at their scores and one beside.

    Parameters
    ----------
    config : DecisionConfig
    score_of : callable, optional
        Score of a vector; the confidence's unless given.
    bounds : (int, int), optional
        Of the thresholds; the confidence's unless given.
    """
    vectors = edge_vectors(config)
    if score_of is None:
        score_of = partial(_log_odds_of, config)
    low, high = bounds or (config.threshold_low, config.threshold_high)
    scores = {vector: score_of(vector) for vector in vectors}
    beside = sorted({score + step for score in scores.values() for step in (0, 1)})
    legal = [threshold for threshold in beside if low <= threshold <= high]
    # of many scores a spread of them
    chosen = [low, high, *legal[:: max(1, len(legal) // 12)]]
    chosen += [low] * (-len(chosen) % config.n_exits)
    workloads = []
    for start in range(0, len(chosen), config.n_exits):
        thresholds = tuple(chosen[start : start + config.n_exits])
        workloads.append(
            Workload(
                thresholds,
                tuple(
                    Vector(vector, exit_index)
                    for vector, score in scores.items()
                    for exit_index, threshold in enumerate(thresholds)
                    if threshold in (low, high) or abs(score - threshold) <= 1
                ),
            )
        )
    return [workload for workload in workloads if workload.vectors]


def _log_odds_of(config: DecisionConfig, vector: tuple[int, ...]) -> int:
    return int(log_odds_score(config, np.array([vector]))[0])


def random_workload(config: DecisionConfig, n: int, seed: int) -> Workload:
    """Return `n` vectors of random lengths, spreads and exits, all that a seed repeats."""
    source = random.Random(seed)
    low, high = config.logit_format.low, config.logit_format.high
    octave = 1 << config.fraction_bits
    vectors = []
    for _ in range(n):
        length = source.choice((2, source.randint(2, config.n_classes), config.n_classes))
        center = source.randint(low, high)
        # from ties everywhere to the full range
        reaches = [1, octave, 4 * octave, high - low]
        if config.windowed:
            reaches += [1 << config.block_width, 3 << config.block_width]
        reach = source.choice(reaches)
        logits = [
            min(high, max(low, center + source.randint(-reach, reach))) for _ in range(length)
        ]
        if source.random() < 0.5:
            # a clear winner: else most vectors of many classes have the same fate
            logits[source.randrange(length)] = source.randint(max(logits), high)
        vectors.append(Vector(tuple(logits), source.randrange(config.n_exits)))
    thresholds = []
    for _ in range(config.n_exits):
        # some vector just reaches it
        score = _score(config, np.array([source.choice(vectors).logits]))[0]
        low, high = threshold_bounds(config, _criterion(config))
        thresholds.append(min(high, max(low, int(score))))
    return Workload(tuple(thresholds), tuple(vectors))


def workload_of_logits(config: DecisionConfig, logits: Logits) -> Workload:
    """Return given logits [n, N] as they are, the exits in turn, thresholds at their quantiles."""
    scores = np.sort(log_odds_score(config, logits))
    legal = np.clip(scores, config.threshold_low, config.threshold_high)
    thresholds = tuple(
        int(legal[len(legal) * (exit_index + 1) // (config.n_exits + 1)])
        for exit_index in range(config.n_exits)
    )
    vectors: Sequence[Vector] = [
        Vector(tuple(map(int, row)), place % config.n_exits) for place, row in enumerate(logits)
    ]
    return Workload(thresholds, tuple(vectors))
