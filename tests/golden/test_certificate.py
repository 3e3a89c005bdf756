"""Exact comparison of a softmax with a rational number, and the vectors that err most."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from offramp.golden.certificate import (
    confidence_reaches,
    count_below,
    nearest_misses,
    power_bounds,
    relative_errors,
)
from offramp.golden.decision import log_odds_score
from offramp.golden.spec.decision import DecisionConfig

CONFIG = DecisionConfig()
CONFIGS = [
    CONFIG,
    DecisionConfig(n_classes=100, fraction_bits=4),
    DecisionConfig(n_classes=5, logit_width=6, fraction_bits=2, mantissa_bits=5),
]


def test_powers_lie_between_their_bounds() -> None:
    with localcontext() as context:
        context.prec = 60
        for r, (low, high) in enumerate(power_bounds(3, 100)):
            exact = Decimal(2) ** (Decimal(r) / 8 + 100)
            assert low <= exact <= high
            assert high - low == (r != 0)


def test_rational_confidences_are_told_to_the_last_bit() -> None:
    # a logit one octave below: 1 / (1 + 1/2)
    two_thirds, hair = Fraction(2, 3), Fraction(1, 10**40)
    assert confidence_reaches(CONFIG, [8, 0], two_thirds)
    assert not confidence_reaches(CONFIG, [0, 8], two_thirds + hair)
    assert confidence_reaches(CONFIG, [5, 5], Fraction(1, 2))
    assert not confidence_reaches(CONFIG, [5, 5], Fraction(1, 2) + hair)


def test_irrational_confidences_are_told_where_float64_cannot() -> None:
    with localcontext() as context:
        context.prec = 50
        exact = 1 / (1 + Decimal(2) ** (Decimal(-3) / 8))
        below = Fraction(exact) - Fraction(1, 10**30)
        above = Fraction(exact) + Fraction(1, 10**30)
    assert float(below) == float(above)
    assert confidence_reaches(CONFIG, [3, 0], below)
    assert not confidence_reaches(CONFIG, [3, 0], above)


def test_exits_below_the_confidence_are_counted() -> None:
    logits = np.array([[8, 0], [7, 0], [9, 0], [0, 0]])
    exits = np.array([True, True, True, False])
    assert count_below(CONFIG, logits, exits, 2 / 3) == 1
    assert count_below(CONFIG, logits, exits, 0.5) == 0
    assert count_below(CONFIG, logits, exits, 0.99) == 3


@pytest.mark.parametrize("config", CONFIGS)
def test_nearest_misses_err_nearly_as_much_as_the_certificate_allows(
    config: DecisionConfig,
) -> None:
    bound = math.expm1(math.log(config.spread_power) / (1 << config.fraction_bits))
    errors, exits = [], []
    for threshold in range(0, 3 << config.fraction_bits):
        logits = nearest_misses(config, threshold)
        errors += relative_errors(config, logits, threshold).tolist()
        exits += (log_odds_score(config, logits) >= threshold).tolist()
    assert 0.9 * bound < max(errors) <= bound
    assert set(exits) == {False, True}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("confidence", [0.5, 0.7, 0.9, 0.95])
def test_sound_threshold_never_exits_below_it(config: DecisionConfig, confidence: float) -> None:
    rng = np.random.default_rng(0)
    sound = config.threshold_of_confidence(confidence, sound=True)
    high = config.logit_format.high
    random = high - rng.integers(0, 6 << config.fraction_bits, (3000, config.n_classes))
    random = np.maximum(random, config.logit_format.low)
    worst = [nearest_misses(config, threshold) for threshold in (sound - 1, sound)]
    logits = np.concatenate([random, *worst])
    exits = log_odds_score(config, logits) >= sound
    assert exits.any()
    assert count_below(config, logits, exits, confidence) == 0


def test_threshold_outside_the_register_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Threshold must be in -255\.\.255, not 256$"):
        nearest_misses(CONFIG, 256)
