"""The integer model against brute force, its certificate in exact arithmetic, its errors."""

from itertools import product
from math import ceil, isqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offramp.golden.decision import (
    Decisions,
    check_logits,
    check_threshold,
    decide,
    decide_float,
    log_odds_score,
    softmax_confidence,
)
from offramp.golden.spec.decision import DecisionConfig

TINY = DecisionConfig(n_classes=4, logit_width=4, fraction_bits=2, mantissa_bits=4)
"""Small enough for every vector at every threshold."""


def brute_force(config: DecisionConfig, logits: tuple[int, ...], threshold: int) -> bool:
    """Sum and compare as the equations say, number by number, in Python's integers."""
    steps = 1 << config.fraction_bits
    offset = [z + (1 << (config.logit_width - 1)) for z in logits]
    capacity = 2 ** (config.mantissa_bits + 2**config.logit_width // steps - 1)

    def exponential(x: int) -> int:
        if x < 0:
            return 0
        if x >= 2**config.logit_width:
            return capacity - 1
        return config.table[x % steps] * 2 ** (x // steps)

    winner = max(offset)
    others = sorted(offset)[:-1]
    total = sum(exponential(x) for x in others)
    return total < capacity and total <= exponential(winner - threshold)


def thresholds_of(config: DecisionConfig) -> range:
    return range(config.threshold_low, config.threshold_high + 1)


# -- the integer model -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3])
def test_every_small_vector_at_every_threshold_is_decided_as_by_brute_force(n: int) -> None:
    vectors = list(product(range(-8, 8), repeat=n))
    logits = np.array(vectors)
    for threshold in thresholds_of(TINY):
        expected = [brute_force(TINY, vector, threshold) for vector in vectors]
        assert decide(TINY, logits, threshold).exit.tolist() == expected


@pytest.mark.parametrize(
    "config",
    [
        DecisionConfig(),
        DecisionConfig(n_classes=100, fraction_bits=4),
        DecisionConfig(n_classes=7, logit_width=6, fraction_bits=3, mantissa_bits=10),
        # 70 bits of sum: beyond the integers of numpy
        DecisionConfig(n_classes=30, logit_width=9, fraction_bits=3),
    ],
    ids=repr,
)
def test_random_vectors_are_decided_as_by_brute_force(config: DecisionConfig) -> None:
    rng = np.random.default_rng(1)
    low, high = config.logit_format.low, config.logit_format.high
    for n in (2, 3, config.n_classes):
        reach = rng.choice([2, 20, high - low], size=(80, 1))
        logits = np.clip(rng.integers(low, high, (80, 1)) + rng.integers(-reach, reach, (80, n)),
                         low, high)  # fmt: skip
        some = rng.integers(-40, 60, 6).tolist()
        for threshold in (*some, config.threshold_low, config.threshold_high):
            expected = [brute_force(config, tuple(map(int, row)), threshold) for row in logits]
            assert decide(config, logits, threshold).exit.tolist() == expected


@given(st.lists(st.integers(-128, 127), min_size=2, max_size=10))
def test_score_is_the_largest_threshold_that_exits(vector: list[int]) -> None:
    config = DecisionConfig()
    logits = np.array([vector])
    score = int(log_odds_score(config, logits)[0])
    for threshold in thresholds_of(config):
        decisions = decide(config, logits, threshold)
        assert bool(decisions.exit[0]) == (score >= threshold)
        assert decisions.score[0] == score


def test_first_of_equal_maxima_is_the_label() -> None:
    logits = np.array([[3, 5, 5, 1], [5, 5, 5, 5], [-8, -8, -7, -7], [0, 0, 0, 1]])
    assert decide(TINY, logits, 0).label.tolist() == [1, 0, 2, 3]


def test_order_of_the_others_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    logits = rng.integers(-128, 128, (500, 10))
    shuffled = rng.permuted(logits, axis=1)
    config = DecisionConfig()
    assert np.array_equal(log_odds_score(config, logits), log_odds_score(config, shuffled))


def test_larger_other_never_raises_the_score() -> None:
    rng = np.random.default_rng(3)
    logits = rng.integers(-128, 100, (2000, 10))
    logits[:, 0] = 127
    raised = logits.copy()
    raised[:, 5] += rng.integers(0, 20, 2000)
    config = DecisionConfig()
    assert np.all(log_odds_score(config, raised) <= log_odds_score(config, logits))


def test_overflown_sum_never_exits_and_a_full_one_may() -> None:
    config = DecisionConfig()
    overflown = np.array([[127] * 10])
    assert log_odds_score(config, overflown).tolist() == [config.threshold_low - 1]
    assert not decide(config, overflown, config.threshold_low).exit[0]
    # two logits sum to one exponential, which always fits
    assert decide(config, np.array([[127, 127]]), 0).exit[0]
    assert not decide(config, np.array([[127, 127]]), 1).exit[0]
    # a sum between the largest exponential and the capacity fits, too: exits beyond the range
    largest, capacity = config.exponential(255), 1 << config.accumulator_width
    between = [x for x in range(256) if largest < largest + config.exponential(x) < capacity]
    logits = np.array([[127, 127, between[-1] - 128], [127, 127, between[-1] - 127]])
    assert log_odds_score(config, logits).tolist() == [-1, config.threshold_low - 1]


def test_two_classes_compare_their_margin_with_the_threshold() -> None:
    config = DecisionConfig()
    logits = np.array(list(product(range(-128, 128, 5), repeat=2)))
    assert np.array_equal(log_odds_score(config, logits), np.abs(logits[:, 0] - logits[:, 1]))


def test_no_vectors_give_no_decisions() -> None:
    decisions = decide(DecisionConfig(), np.empty((0, 10), np.int8), 5)
    assert len(decisions) == 0


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64, np.uint8])
def test_decisions_do_not_depend_on_the_integer_type(dtype: type[np.integer]) -> None:
    logits = np.random.default_rng(4).integers(0, 128, (50, 10))
    config = DecisionConfig()
    assert decide(config, logits.astype(dtype), 9).count_differences(decide(config, logits, 9)) == 0


# -- the certificate ---------------------------------------------------------------------------

BITS = 256
"""Fraction bits of the bounds below: no two different sums are that close."""


def root_bounds(radicand: int, fraction_bits: int) -> tuple[int, int]:
    """Return lower and upper bound of ``radicand ** (1 / 2**fraction_bits)``."""
    for _ in range(fraction_bits):
        radicand = isqrt(radicand)
    return radicand, radicand + 1


class Certificate:
    """``sum of the others`` against ``rho**+-1 2**(-lam / 2**F)``, by bounds on integers.

    With a window those below it may come on top of the larger one.
    """

    def __init__(self, config: DecisionConfig):
        self.config = config
        f, steps = config.fraction_bits, 1 << config.fraction_bits
        one = 1 << (BITS * steps)
        span = range((1 << config.logit_width) + 1)
        # 2**(-d / 2**F), one bit longer for the 2**d that is divided by
        self.power = [root_bounds(one >> d, f) for d in span]
        rho = config.spread_power
        thresholds = thresholds_of(config)
        self.most = {
            t: root_bounds(one * rho.numerator * 2 ** max(-t, 0)
                           // (rho.denominator * 2 ** max(t, 0)), f)
            for t in thresholds
        }  # fmt: skip
        self.least = {
            t: root_bounds(one * rho.denominator * 2 ** max(-t, 0)
                           // (rho.numerator * 2 ** max(t, 0)), f)
            for t in thresholds
        }  # fmt: skip

    def check(self, logits: tuple[int, ...], threshold: int, exit_taken: bool) -> None:
        """Exit: the sum is at most rho 2**(-lam / 2**F); no exit: above 1 / rho of that."""
        winner = max(logits)
        differences = [winner - z for z in logits]
        differences.remove(0)
        if exit_taken:
            smallest = sum(self.power[d][0] for d in differences)
            lost = ceil(self.config.window_loss(len(logits)) * 2**BITS)
            assert smallest <= self.most[threshold][1] + lost, (logits, threshold)
        else:
            largest = sum(self.power[d][1] for d in differences)
            assert largest > self.least[threshold][0], (logits, threshold)


def test_certificate_holds_for_every_small_vector_at_every_threshold() -> None:
    certificate = Certificate(TINY)
    vectors = list(product(range(-8, 8), repeat=3))
    logits = np.array(vectors)
    scores = log_odds_score(TINY, logits)
    for vector, score in zip(vectors, scores.tolist(), strict=True):
        if score < TINY.threshold_low:
            continue  # overflown
        # the score is the last threshold that exits: the other thresholds follow from these two
        certificate.check(vector, score, exit_taken=True)
        if score < TINY.threshold_high:
            certificate.check(vector, score + 1, exit_taken=False)


@pytest.mark.parametrize(
    "config",
    [
        DecisionConfig(),
        DecisionConfig(n_classes=100, fraction_bits=4, mantissa_bits=8),
        DecisionConfig(n_classes=40, logit_width=7, fraction_bits=3, mantissa_bits=4),
    ],
    ids=repr,
)
def test_certificate_holds_for_random_and_adversarial_vectors(config: DecisionConfig) -> None:
    certificate = Certificate(config)
    rng = np.random.default_rng(5)
    low, high = config.logit_format.low, config.logit_format.high
    steps = 1 << config.fraction_bits
    errors = [c / 2 ** (r / steps) for r, c in enumerate(config.table)]
    vectors: list[tuple[int, ...]] = []
    for n in (2, 3, config.n_classes):
        vectors += map(tuple, rng.integers(low, high + 1, (150, n)).tolist())
        close = high - rng.integers(0, 6 * steps, (150, n))
        vectors += map(tuple, np.clip(close, low, high).tolist())
        # all others where the table is most wrong, on either side
        for place in (int(np.argmax(errors)), int(np.argmin(errors))):
            for octave in range(low // steps, high // steps):
                others = (octave * steps + place,) * (n - 1)
                vectors += [(high, *others), (*others, max(others) + steps // 2)]
    n_exits = 0
    for vector in vectors:
        score = int(log_odds_score(config, np.array([vector]))[0])
        if score < config.threshold_low:
            continue
        n_exits += 1
        certificate.check(vector, score, exit_taken=True)
        if score < config.threshold_high:
            certificate.check(vector, score + 1, exit_taken=False)
    assert n_exits > len(vectors) / 2


def test_sound_threshold_never_exits_below_the_confidence() -> None:
    config = DecisionConfig()
    rng = np.random.default_rng(6)
    logits = np.clip(np.rint(rng.normal(-40, 25, (20000, 10))), -128, 127).astype(np.int64)
    confidence = softmax_confidence(config, logits)
    for wanted in (0.3, 0.5, 0.8, 0.9, 0.99):
        threshold = config.threshold_of_confidence(wanted, sound=True)
        exits = decide(config, logits, threshold).exit
        assert exits.any()
        assert confidence[exits].min() >= wanted


# -- the float reference -----------------------------------------------------------------------


def test_softmax_confidence_is_the_maximum_of_the_softmax() -> None:
    config = DecisionConfig()
    logits = np.random.default_rng(7).integers(-128, 128, (200, 10))
    powers = np.exp2(logits / 8)
    expected = (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)
    np.testing.assert_allclose(softmax_confidence(config, logits), expected, rtol=1e-12)


def test_integer_and_float_decisions_differ_only_within_the_spread() -> None:
    config = DecisionConfig()
    rng = np.random.default_rng(8)
    logits = np.clip(np.rint(rng.normal(-40, 25, (50000, 10))), -128, 127).astype(np.int64)
    odds = 1 / softmax_confidence(config, logits) - 1
    for threshold in (-10, 0, 8, 20, 40):
        exact = 2 ** (-threshold / 8)
        integer = decide(config, logits, threshold).exit
        differ = integer != decide_float(config, logits, threshold)
        assert np.all(odds[differ] <= exact * config.spread * (1 + 1e-9))
        assert np.all(odds[differ] >= exact / config.spread * (1 - 1e-9))
        assert differ.mean() < 0.02


# -- differences and errors --------------------------------------------------------------------


def test_vector_counts_once_as_different_whatever_differs_in_it() -> None:
    logits = np.random.default_rng(9).integers(-128, 128, (5, 10))
    right = decide(DecisionConfig(), logits, 3)
    wrong = Decisions(right.exit.copy(), right.label.copy(), right.score.copy())
    wrong.exit[0] ^= True
    wrong.label[0] += 1
    wrong.label[2] += 1
    wrong.score[4] -= 1
    assert right.count_differences(right) == 0
    assert right.count_differences(wrong) == 3
    with pytest.raises(ValueError, match=r"^Decisions must be 5 as well, not 4$"):
        right.count_differences(decide(DecisionConfig(), logits[:4], 3))


@pytest.mark.parametrize(
    ("logits", "kind", "text"),
    [
        (np.zeros((1, 10)), TypeError, "Logits must be integers, not float64"),
        (np.zeros((1, 10), bool), TypeError, "Logits must be integers, not bool"),
        (np.zeros(10, int), ValueError, r"Logits must be \[n, 2..10\], not \[10\]"),
        (np.zeros((3, 1), int), ValueError, r"Logits must be \[n, 2..10\], not \[3, 1\]"),
        (np.zeros((3, 11), int), ValueError, r"Logits must be \[n, 2..10\], not \[3, 11\]"),
        (np.full((1, 2), 128), ValueError, r"Logits must be in -128\.\.127, not 128\.\.128"),
        (np.array([[0, -129]]), ValueError, r"Logits must be in -128\.\.127, not -129\.\.0"),
    ],
)
def test_illegal_logits_are_refused(logits: np.ndarray, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=f"^{text}$"):
        check_logits(DecisionConfig(), logits)
    with pytest.raises(kind, match=f"^{text}$"):
        decide(DecisionConfig(), logits, 0)


@pytest.mark.parametrize(
    ("threshold", "kind", "text"),
    [
        (-256, ValueError, r"Threshold must be in -255\.\.255, not -256"),
        (256, ValueError, r"Threshold must be in -255\.\.255, not 256"),
        (1.5, TypeError, r"Threshold must be an integer, not 1\.5"),
        (True, TypeError, "Threshold must be an integer, not True"),
        ("9", TypeError, "Threshold must be an integer, not '9'"),
    ],
)
def test_illegal_threshold_is_refused(threshold: int, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=f"^{text}$"):
        check_threshold(DecisionConfig(), threshold)


def test_threshold_of_any_integer_type_becomes_an_int() -> None:
    assert type(check_threshold(DecisionConfig(), np.int16(-255))) is int  # type: ignore[arg-type]
