"""Vectors by the thousand: random ones, and those at which a decision unit is likely to be wrong.

Each family makes `n` vectors from a generator of random numbers: logits int64 [n, n_classes], of
which the first `lengths` of each row count.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..golden.decision import Integers, Logits
from ..golden.spec.decision import DecisionConfig

N_LENGTHS = 6
"""Lengths that one call mixes: golden is asked once for each."""

_NEAR_SAMPLES = 24
"""Candidates for each vector whose sum is to lie one LSB from an exponential."""


class Vectors(NamedTuple):
    """Rows of logits, int64 [n, N], and how many of each count, int64 [n]."""

    logits: Integers
    lengths: Integers


Family = Callable[[DecisionConfig, int, np.random.Generator], Vectors]


def random_logits(
    config: DecisionConfig, n: int, n_logits: int, rng: np.random.Generator
) -> Integers:
    """Return rows of several spreads, some clipped at the top, some with a clear winner."""
    bounds = config.logit_format
    spread = bounds.high * 2.0 ** rng.uniform(-6, 1, (n, 1))
    logits = rng.normal(rng.uniform(bounds.low, bounds.high, (n, 1)), spread, (n, n_logits))
    lead = np.where(rng.random(n) < 0.5, rng.exponential(bounds.high / 4, n), 0)
    logits[np.arange(n), rng.integers(0, n_logits, n)] += lead
    return _clipped(config, logits)


def edge_logits(config: DecisionConfig, n_logits: int) -> Integers:
    """Return rows of ties, extremes, ramps and two levels, the winner at either end."""
    low, high = config.logit_format.low, config.logit_format.high
    rows = [np.full(n_logits, value) for value in (low, low + 1, -1, 0, high - 1, high)]
    rows.append(np.linspace(low, high, n_logits).astype(np.int64))
    for top in (low + 1, 0, high):
        for gap in sorted({1, 2, 3, 7, 8, 9, (top - low) // 2, top - low - 1, top - low}):
            if not 0 < gap <= top - low:
                continue
            for n_top in sorted({1, 2, n_logits - 1}):
                row = np.full(n_logits, top - gap)
                row[:n_top] = top
                rows.append(row)
            second = np.full(n_logits, low)
            second[0], second[-1] = top, top - gap
            rows.append(second)
    return np.array(rows + [row[::-1] for row in rows])


def all_logits(config: DecisionConfig, n_logits: int) -> Integers:
    """Return every vector of `n_logits` logits of the format, [2**(W n_logits), n_logits]."""
    values = range(config.logit_format.low, config.logit_format.high + 1)
    return np.array(list(product(values, repeat=n_logits)))


# -- families --------------------------------------------------------------------------------------


def random_family(config: DecisionConfig, n: int, rng: np.random.Generator) -> Vectors:
    """Return random vectors of mixed lengths."""
    return Vectors(random_logits(config, n, config.n_classes, rng), _lengths(config, n, rng))


def tie_family(config: DecisionConfig, n: int, rng: np.random.Generator) -> Vectors:
    """Return vectors of two or three neighbouring values: the largest comes several times."""
    bounds = config.logit_format
    top = rng.integers(bounds.low, bounds.high + 1, (n, 1))
    below = rng.integers(0, rng.integers(1, 4, (n, 1)), (n, config.n_classes))
    return Vectors(_clipped(config, top - below), _lengths(config, n, rng))


def extreme_family(config: DecisionConfig, n: int, rng: np.random.Generator) -> Vectors:
    """Return vectors of the smallest and largest values only, a third of them all alike."""
    bounds = config.logit_format
    ends = np.array([bounds.low, bounds.low + 1, bounds.high - 1, bounds.high])
    logits = ends[rng.integers(0, 4, (n, config.n_classes))]
    alike = rng.random(n) < 1 / 3
    logits[alike] = rng.integers(bounds.low, bounds.high + 1, (int(alike.sum()), 1))
    return Vectors(logits.astype(np.int64), _lengths(config, n, rng))


def neighbour_family(config: DecisionConfig, n: int, rng: np.random.Generator) -> Vectors:
    """Return pairs of vectors that differ by one LSB of one logit."""
    logits = random_logits(config, (n + 1) // 2, config.n_classes, rng)
    lengths = _lengths(config, len(logits), rng)
    other = logits.copy()
    place = rng.integers(0, lengths)
    other[np.arange(len(logits)), place] += rng.choice((-1, 1), len(logits))
    both = np.stack([logits, _clipped(config, other)], axis=1).reshape(-1, config.n_classes)
    return Vectors(both[:n], np.repeat(lengths, 2)[:n])


def level_family(config: DecisionConfig, n: int, rng: np.random.Generator) -> Vectors:
    """Return vectors of one to four leaders and a level below: entropies around the saturation."""
    bounds = config.logit_format
    top = rng.integers(bounds.low, bounds.high + 1, (n, 1))
    reach = 8 << config.fraction_bits
    drop = rng.integers(0, reach, (n, 1)) + rng.integers(-2, 3, (n, config.n_classes))
    leads = np.arange(config.n_classes) < rng.integers(1, 5, (n, 1))
    logits = rng.permuted(np.where(leads, top, top - drop), axis=1)
    return Vectors(_clipped(config, logits), _lengths(config, n, rng))


def near_sum_family(config: DecisionConfig, n: int, rng: np.random.Generator) -> Vectors:
    """Return vectors whose sum of exponentials is E(x) - 1, E(x) or E(x) + 1 for some x.

    In the lowest octaves, or moved up by whole octaves, by which an LSB of the sum grows too.
    """
    octave = 1 << config.fraction_bits
    table = np.array([config.exponential(x) for x in range(5 * octave)])
    reach = min(2 * octave, (1 << config.logit_width) - 1)
    found: list[Integers] = []
    n_found = 0
    while n_found < n:
        n_others = int(rng.integers(2, min(6, config.n_classes - 1) + 1))
        others = rng.integers(0, reach, (_NEAR_SAMPLES * 1000, n_others))
        total = table[others].sum(axis=1)
        above = np.searchsorted(table, total).clip(1, len(table) - 1)
        distance = np.minimum(np.abs(table[above] - total), np.abs(total - table[above - 1]))
        near = others[distance <= 1]
        row = np.full((len(near), config.n_classes + 1), -1)
        row[:, :n_others] = near
        row[:, -1] = n_others
        found.append(row)
        n_found += len(near)
    rows = rng.permutation(np.concatenate(found))[:n]
    others, n_others_of = rows[:, :-1], rows[:, -1]
    highest = (1 << config.logit_width) - 1
    # three octaves are left: the sum of six is an exponential within the range
    n_octaves = np.maximum(0, (highest - others.max(axis=1)) // octave - 3)
    others = others + octave * np.where(
        rng.random(n) < 0.5, 0, rng.integers(0, n_octaves + 1)
    ).reshape(-1, 1)
    place = rng.integers(0, n_others_of + 1)
    winner = rng.integers(others.max(axis=1), highest + 1)
    # the winner between the others, anywhere
    columns = np.arange(config.n_classes)
    source = np.where(columns <= place[:, None], columns, columns - 1)
    logits = np.take_along_axis(others, source, axis=1)
    logits[np.arange(n), place] = winner
    return Vectors(_clipped(config, logits + config.logit_format.low), n_others_of + 1)


def capacity_family(config: DecisionConfig, n: int, rng: np.random.Generator) -> Vectors:
    """Return vectors whose sums are near the end of the accumulator, on both sides."""
    octave = 1 << config.fraction_bits
    high = config.logit_format.high
    logits = high - rng.integers(0, 2 * octave, (n, config.n_classes))
    low_from = rng.integers(2, min(5, config.n_classes) + 1, (n, 1))
    tail = rng.integers(config.logit_format.low, high + 1, (n, config.n_classes))
    logits = np.where(np.arange(config.n_classes) < low_from, logits, np.minimum(tail, logits))
    logits[np.arange(n), rng.integers(0, low_from[:, 0])] = high
    return Vectors(_clipped(config, logits), _lengths(config, n, rng))


def _clipped(config: DecisionConfig, logits: npt.NDArray[np.generic]) -> Integers:
    bounds = config.logit_format
    return np.asarray(np.clip(np.rint(logits), bounds.low, bounds.high), dtype=np.int64)


def _lengths(config: DecisionConfig, n: int, rng: np.random.Generator) -> Integers:
    """Return lengths of 2 to all classes, a few different ones, most of them the longest."""
    few = rng.integers(2, config.n_classes + 1, N_LENGTHS)
    few[:2] = 2, config.n_classes
    return np.asarray(few[rng.integers(0, N_LENGTHS, n)], dtype=np.int64)


def rows_of_length(vectors: Vectors) -> list[tuple[npt.NDArray[np.bool_], Logits]]:
    """Return for each length which rows have it, and their logits."""
    groups: list[tuple[npt.NDArray[np.bool_], Logits]] = []
    for length in np.unique(vectors.lengths):
        rows = vectors.lengths == length
        groups.append((rows, vectors.logits[rows, :length]))
    return groups
