"""Logits that span more octaves than are summed: which ones count, and what that costs."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from offramp.golden.criteria import gate_error_bound, gate_float, gate_score
from offramp.golden.decision import decide, log_odds_score
from offramp.golden.spec.decision import DecisionConfig
from tests.golden.test_decision import BITS, Certificate

CONFIGS = [
    DecisionConfig(n_classes=6, logit_width=9, fraction_bits=2, mantissa_bits=4),
    DecisionConfig(n_classes=10, logit_width=11, fraction_bits=3),
    DecisionConfig(n_classes=12, logit_width=16, fraction_bits=2),
    DecisionConfig(n_classes=7, logit_width=16, fraction_bits=6, mantissa_bits=10),
]

each_config = pytest.mark.parametrize("config", CONFIGS, ids=repr)


def vectors_around_blocks(config: DecisionConfig, n: int, seed: int) -> np.ndarray:
    """Return vectors with logits near each other, near the ends of blocks, and far apart."""
    rng = np.random.default_rng(seed)
    low, high = config.logit_format.low, config.logit_format.high
    block = 32 << config.fraction_bits
    length = int(rng.integers(2, config.n_classes + 1))
    reach = rng.choice([2, block // 8, block, 2 * block, 2 * high], size=(n, 1))
    vectors = rng.integers(low, high + 1, (n, 1)) + rng.integers(-reach, reach + 1, (n, length))
    ends = rng.integers(0, 2 * (high + 1) // block, (n, length)) * block + low
    ends += rng.choice([-1, 0, 1], size=(n, length))
    vectors = np.where(rng.random((n, length)) < 0.2, ends, vectors)
    return np.clip(vectors, low, high)


def brute_force(config: DecisionConfig, logits: list[int], threshold: int) -> bool:
    """Sum what is not below the window, number by number, each with its full exponent."""
    steps = 1 << config.fraction_bits
    block = 32 * steps
    offset = [z + (1 << (config.logit_width - 1)) for z in logits]
    winner = offset.pop(offset.index(max(offset)))
    begin = (winner // block - 1) * block
    # in the lowest block the window begins below all logits
    scale = Fraction(2) ** -(begin // steps)
    total = sum(config.table[x % steps] * Fraction(2) ** (x // steps) for x in offset if x >= begin)
    limit = config.table[(winner - threshold) % steps] * Fraction(2) ** (
        (winner - threshold) // steps
    )
    capacity = 2 ** (config.mantissa_bits + 63)
    if total * scale >= capacity:
        return False
    return winner - threshold >= begin + 2 * block or total <= limit


@each_config
def test_vectors_are_decided_as_by_brute_force(config: DecisionConfig) -> None:
    rng = np.random.default_rng(1)
    taken = []
    for seed in range(6):
        logits = vectors_around_blocks(config, 60, seed)
        scores = log_odds_score(config, logits)
        for threshold in (*rng.choice(scores, 4), config.threshold_low, config.threshold_high):
            legal = int(np.clip(threshold, config.threshold_low, config.threshold_high))
            expected = [brute_force(config, row, legal) for row in logits.tolist()]
            assert decide(config, logits, legal).exit.tolist() == expected
            taken += expected
    assert 0.2 < np.mean(taken) < 0.98


@each_config
def test_order_changes_nothing(config: DecisionConfig) -> None:
    logits = vectors_around_blocks(config, 2000, 3)
    shuffled = np.random.default_rng(4).permuted(logits, axis=1)
    assert np.array_equal(log_odds_score(config, logits), log_odds_score(config, shuffled))


@each_config
def test_larger_winner_never_lowers_the_score_and_a_larger_other_never_raises_it(
    config: DecisionConfig,
) -> None:
    rng = np.random.default_rng(5)
    logits = vectors_around_blocks(config, 4000, 6)
    score = log_odds_score(config, logits)
    rows, winner = np.arange(len(logits)), logits.argmax(axis=1)
    raised = logits.copy()
    raised[rows, winner] += rng.integers(0, 64 << config.fraction_bits, len(logits))
    raised = np.minimum(raised, config.logit_format.high)
    assert np.all(log_odds_score(config, raised) >= score)
    other = (winner + 1) % logits.shape[1]
    closer = logits.copy()
    closer[rows, other] = rng.integers(logits[rows, other], logits[rows, winner] + 1)
    assert np.all(log_odds_score(config, closer) <= score)


@each_config
def test_scores_are_legal_thresholds_or_the_one_of_an_overflow(config: DecisionConfig) -> None:
    logits = vectors_around_blocks(config, 4000, 7)
    score = log_odds_score(config, logits)
    overflown = score == config.threshold_format.low
    assert 0 < overflown.mean() < 0.5
    legal = (score >= config.threshold_low) & (score <= config.threshold_high)
    assert np.all(legal | overflown)
    assert (score == config.threshold_high).any()
    one_far_winner = np.full((1, 5), config.logit_format.low)
    one_far_winner[0, 2] = config.logit_format.high
    assert log_odds_score(config, one_far_winner).tolist() == [32 << config.fraction_bits]


@pytest.mark.parametrize("config", CONFIGS[:2], ids=repr)
def test_certificate_holds_with_the_logits_below_the_window(config: DecisionConfig) -> None:
    certificate = Certificate(config)
    block = 32 << config.fraction_bits
    low = config.logit_format.low
    vectors = vectors_around_blocks(config, 200, 8).tolist()
    for n in range(2, config.n_classes + 1):
        for winner in (low + 2 * block, low + 3 * block - 1, low + 2 * block + 7):
            # all others just below the window, or one of them just in it
            outside = (winner - low) // block * block - block + low - 1
            vectors += [
                [winner, *[outside] * (n - 1)],
                [outside + 1, *[outside] * (n - 2), winner],
            ]
    for vector in vectors:
        score = int(log_odds_score(config, np.array([vector]))[0])
        if score >= config.threshold_low:
            certificate.check(tuple(vector), score, exit_taken=True)
            if score < config.threshold_high:
                certificate.check(tuple(vector), score + 1, exit_taken=False)


def test_loss_is_nearly_reached_and_not_without_its_term_covered() -> None:
    config = CONFIGS[1]
    certificate = Certificate(config)
    n, block = config.n_classes, 32 << config.fraction_bits
    winner = config.logit_format.low + 2 * block
    below = winner - block - 1
    (score,) = log_odds_score(config, np.array([[winner, *[below] * (n - 1)]])).tolist()
    assert score == config.threshold_high
    missed = (n - 1) * certificate.power[winner - below][0]
    loss = ceil(config.window_loss(n) * 2**BITS)
    assert 0.9 * loss < missed < loss
    # so the sum is beyond what the table alone would explain
    assert missed > certificate.most[score][1]


def test_sound_threshold_makes_room_for_what_is_below_the_window() -> None:
    config = DecisionConfig(n_classes=1000, logit_width=9, fraction_bits=2)
    confidence = 1 - 3e-7
    sound = config.threshold_of_confidence(confidence, sound=True)
    odds = (1 - Fraction(confidence)) / Fraction(confidence)
    room = odds - Fraction(999, 2**32)
    assert config.spread_power / Fraction(2) ** sound <= room**4
    assert config.spread_power / Fraction(2) ** (sound - 1) > room**4
    # without the term it would be lower
    assert config.spread_power / Fraction(2) ** (sound - 1) < odds**4
    # one close other and all others just below the window
    winner = 0
    for close in range(winner - 128, winner):
        logits = np.full((1, 1000), winner - 129)
        logits[0, :2] = winner, close
        exact = sum(2.0 ** ((z - winner) / 4) for z in logits[0, 1:].tolist())
        if decide(config, logits, sound).exit[0]:
            assert 1 / (1 + exact) >= confidence


def test_confidence_that_the_window_cannot_promise_is_refused() -> None:
    config = DecisionConfig(n_classes=1000, logit_width=16)
    with pytest.raises(
        ValueError,
        match=r"^Confidence threshold must be at most 0\.9999997671\d* with 16-bit logits and "
        r"3 fraction bits, not 0\.9999998$",
    ):
        config.threshold_of_confidence(0.9999998, sound=True)
    assert config.threshold_of_confidence(0.9999998) < config.threshold_high


def test_gate_on_wide_logits_is_within_its_bound() -> None:
    config = DecisionConfig(n_classes=10, logit_width=11, criteria=("confidence", "margin", "gate"))
    weights = {"confidence": 100, "margin": -30}
    logits = vectors_around_blocks(config, 3000, 9)
    fits = log_odds_score(config, logits) >= config.threshold_low
    error = gate_score(config, logits, weights, 5) - gate_float(config, logits, weights, 5)
    assert np.abs(error[fits]).max() <= gate_error_bound(config, weights)


@pytest.mark.parametrize("logit_width", range(4, 17))
@pytest.mark.parametrize("fraction_bits", range(2, 7))
def test_every_width_has_a_window_of_at_most_64_octaves(
    logit_width: int, fraction_bits: int
) -> None:
    if fraction_bits >= logit_width:
        return
    config = DecisionConfig(logit_width=logit_width, fraction_bits=fraction_bits)
    assert config.windowed == (logit_width > fraction_bits + 6)
    assert config.octaves == min(64, 1 << (logit_width - fraction_bits))
    assert config.accumulator_width == 6 + config.octaves
    assert (config.window_loss(10) > 0) == config.windowed
