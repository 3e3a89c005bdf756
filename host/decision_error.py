"""How wrong the decision units are: certificates, the largest errors found, sound thresholds."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..golden.baselines import divided_confidence, tabulated_confidence
from ..golden.certificate import count_below, nearest_misses, relative_errors
from ..golden.criteria import entropy_error_bound, entropy_float, entropy_score
from ..golden.decision import (
    Integers,
    Logits,
    decide,
    decide_float,
    log_odds_score,
    softmax_confidence,
)
from ..golden.spec.baselines import SoftmaxConfig
from ..golden.spec.criteria import EntropyArithmetic
from ..golden.spec.decision import DecisionConfig

CONFIDENCES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Thresholds at which decisions are compared with float64 softmax."""

N_RANDOM = 200_000
OCTAVES_OF_THRESHOLDS = 7
"""Thresholds from T = 0.5 to 0.992, each of the grid, are tried for the largest error."""


@dataclass(frozen=True)
class ConfidenceError:
    """Of one configuration, in units of ``T (1 - T)``.

    Attributes
    ----------
    bound : float
        ``rho - 1``, by the exact certificate.
    largest_seen : float
    agreement : dict
        Share of the real logits decided as by float64 softmax, by confidence threshold.
    """

    bound: float
    largest_seen: float
    agreement: dict[float, float]


@dataclass(frozen=True)
class Soundness:
    """Exits under one sound threshold, and how many of them lie below T in exact arithmetic.

    Attributes
    ----------
    confidence : float
        T.
    threshold, nearest : int
        The sound threshold, and the one nearest to T.
    vectors, exits, below : int
    nearest_below : int
        What `below` is under the nearest threshold.
    """

    confidence: float
    threshold: int
    nearest: int
    vectors: int
    exits: int
    below: int
    nearest_below: int


def random_vectors(config: DecisionConfig, n: int = N_RANDOM, seed: int = 0) -> Integers:
    """Return vectors whose softmax lies anywhere between 1/N and 1, int64 [n, n_classes]."""
    rng = np.random.default_rng(seed)
    steps = 1 << config.fraction_bits
    bounds = config.logit_format
    top = rng.integers(bounds.low // 2, bounds.high + 1, (n, 1))
    reach = rng.integers(1, 8 * steps, (n, 1))
    logits = (
        top - rng.integers(0, reach, (n, config.n_classes)) - rng.integers(0, 6 * steps, (n, 1))
    )
    logits[np.arange(n), rng.integers(0, config.n_classes, n)] = top[:, 0]
    return np.asarray(np.clip(logits, bounds.low, bounds.high), dtype=np.int64)


def confidence_error(config: DecisionConfig, real: Logits) -> ConfidenceError:
    """Measure the confidence criterion on random, on the worst and on real logits."""
    steps = 1 << config.fraction_bits
    judged = [
        (log_odds_score(config, logits), softmax_confidence(config, logits))
        for logits in (random_vectors(config), real)
    ]
    largest = 0.0
    for threshold in range(OCTAVES_OF_THRESHOLDS * steps):
        effective = config.confidence_of_threshold(threshold)
        for score, confidence in judged:
            error = _largest_error(score >= threshold, confidence, effective)
            largest = max(largest, error)
        worst = nearest_misses(config, threshold)
        if len(worst):
            largest = max(largest, float(relative_errors(config, worst, threshold).max()))
    agreement = {}
    for wanted in CONFIDENCES:
        threshold = config.threshold_of_confidence(wanted)
        exits = decide(config, real, threshold).exit
        agreement[wanted] = float(np.mean(exits == decide_float(config, real, threshold)))
    bound = math.expm1(math.log(config.spread_power) / steps)
    return ConfidenceError(bound, largest, agreement)


def _largest_error(
    exits: npt.NDArray[np.bool_], confidence: npt.NDArray[np.float64], effective: float
) -> float:
    wrong = np.where(exits, effective - confidence, confidence - effective)
    return float(wrong.max()) / (effective * (1 - effective))


def soundness(config: DecisionConfig, real: Logits) -> list[Soundness]:
    """Decide random, the worst and real logits under sound thresholds."""
    random = random_vectors(config, seed=1)
    rows = []
    for confidence in CONFIDENCES:
        sound = config.threshold_of_confidence(confidence, sound=True)
        nearest = config.threshold_of_confidence(confidence)
        worst = [nearest_misses(config, threshold) for threshold in (nearest, sound - 1, sound)]
        logits = np.concatenate([random, real.astype(np.int64), *worst])
        score = log_odds_score(config, logits)
        rows.append(
            Soundness(
                confidence,
                sound,
                nearest,
                len(logits),
                int(np.count_nonzero(score >= sound)),
                count_below(config, logits, score >= sound, confidence),
                count_below(config, logits, score >= nearest, confidence),
            )
        )
    return rows


def entropy_error(config: DecisionConfig, real: Logits | None = None) -> dict[str, Any]:
    """Return bound and largest error seen of the entropy in bits, up to `EntropyArithmetic.LIMIT`.

    Random vectors, those of a few levels, which reach any sum, and real ones.
    """
    rng = np.random.default_rng(2)
    n = max(2000, 1_000_000 // config.n_classes)
    top = np.full((n, 1), config.logit_format.high)
    steps = 1 << config.fraction_bits
    level = rng.integers(0, 24 * steps, (n, 1))
    spread = rng.integers(0, 3, (n, config.n_classes))
    levels = np.where(
        np.arange(config.n_classes) < rng.integers(1, 4, (n, 1)), top, top - level - spread
    )
    groups = [
        random_vectors(config, n, seed=2),
        np.clip(levels, config.logit_format.low, config.logit_format.high),
        *([] if real is None else [real]),
    ]
    largest = 0.0
    for logits in groups:
        exact = entropy_float(config, logits)
        error = np.abs(-entropy_score(config, logits) / EntropyArithmetic.SCALE - exact)
        legal = error[exact <= EntropyArithmetic.LIMIT]
        largest = max(largest, float(legal.max(initial=0.0)))
    return {"bound": entropy_error_bound(config), "largest_seen": largest}


def baseline_error(config: SoftmaxConfig, *, divides: bool, real: Logits | None = None) -> float:
    """Return the largest error of a baseline's decisions over ``T (1 - T)``.

    At the same effective thresholds as `confidence_error`, each rounded to the 16 bits of a
    baseline's register, on random and real vectors.
    """
    model: Callable[[SoftmaxConfig, Logits], Integers]
    model = divided_confidence if divides else tabulated_confidence
    steps = 1 << config.fraction_bits
    one = 1 << config.CONFIDENCE_BITS
    largest = 0.0
    groups: Sequence[npt.NDArray[Any]] = [random_vectors(config), *([] if real is None else [real])]
    for logits in groups:
        score = model(config, logits)
        confidence = softmax_confidence(config, logits)
        for threshold in range(OCTAVES_OF_THRESHOLDS * steps):
            register = round(config.confidence_of_threshold(threshold) * one)
            effective = register / one
            largest = max(largest, _largest_error(score >= register, confidence, effective))
    return largest
