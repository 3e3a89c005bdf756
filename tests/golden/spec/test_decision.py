from fractions import Fraction
from itertools import pairwise
from math import exp, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offramp.golden.spec.decision import DecisionConfig

ALL_TABLES = [(f, b) for f in range(2, 7) for b in range(4, 11)]


def config_of(fraction_bits: int, mantissa_bits: int) -> DecisionConfig:
    return DecisionConfig(
        logit_width=fraction_bits + 2, fraction_bits=fraction_bits, mantissa_bits=mantissa_bits
    )


# -- the table ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("fraction_bits", "mantissa_bits"), ALL_TABLES)
def test_table_is_normalized_and_makes_the_exponential_monotone(
    fraction_bits: int, mantissa_bits: int
) -> None:
    config = config_of(fraction_bits, mantissa_bits)
    assert len(config.table) == 1 << fraction_bits
    assert all(entry.bit_length() == mantissa_bits for entry in config.table)
    values = [config.exponential(x) for x in range(1 << config.logit_width)]
    assert all(left <= right for left, right in pairwise(values))
    assert values[-1] < 1 << config.accumulator_width <= 2 << values[-1].bit_length()


@pytest.mark.parametrize(("fraction_bits", "mantissa_bits"), ALL_TABLES)
def test_spread_is_below_the_bound_of_rounding_to_the_nearest(
    fraction_bits: int, mantissa_bits: int
) -> None:
    config = config_of(fraction_bits, mantissa_bits)
    smallest = 1 << (mantissa_bits - 1)
    assert 1 < config.spread <= Fraction(2 * smallest + 1, 2 * smallest - 1)


@pytest.mark.parametrize(("fraction_bits", "mantissa_bits"), [(2, 4), (3, 4), (3, 7), (4, 6)])
def test_no_scale_of_a_fine_grid_rounds_to_a_smaller_spread(
    fraction_bits: int, mantissa_bits: int
) -> None:
    config = config_of(fraction_bits, mantissa_bits)
    steps = 1 << fraction_bits
    growth = [2 ** (r / steps) for r in range(steps)]
    low, high = 1 << (mantissa_bits - 1), (1 << mantissa_bits) - 1
    for place in range(5000):
        scale = low * (1 + place / 5000)
        entries = [min(high, round(scale * g)) for g in growth]
        errors = [entry / g for entry, g in zip(entries, growth, strict=True)]
        if entries[-1] <= 2 * entries[0]:
            assert max(errors) / min(errors) >= config.spread * (1 - 1e-12)


def test_spread_power_is_the_spread_of_the_table_without_rounding() -> None:
    config = DecisionConfig()
    powers = [Fraction(c**8, 2**r) for r, c in enumerate(config.table)]
    assert config.spread_power == max(powers) / min(powers)
    assert config.spread == pytest.approx(float(config.spread_power) ** (1 / 8), rel=1e-12)


def test_exponential_is_zero_below_the_logits_and_all_ones_beyond() -> None:
    config = DecisionConfig()
    ones = (1 << config.accumulator_width) - 1
    assert config.exponential(-1) == 0
    assert config.exponential(0) == config.table[0]
    assert config.exponential(8) == 2 * config.table[0]
    assert config.exponential(255) == config.table[7] << 31 <= ones
    assert config.exponential(256) == ones


# -- widths ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_classes", "n_exits", "label_width", "exit_index_width"),
    [(2, 1, 1, 1), (3, 2, 2, 1), (4, 3, 2, 2), (5, 16, 3, 4), (1024, 4, 10, 2)],
)
def test_widths_hold_every_class_and_every_exit(
    n_classes: int, n_exits: int, label_width: int, exit_index_width: int
) -> None:
    config = DecisionConfig(n_classes=n_classes, n_exits=n_exits)
    assert (config.label_width, config.exit_index_width) == (label_width, exit_index_width)


def test_threshold_leaves_the_lowest_score_to_an_overflown_sum() -> None:
    config = DecisionConfig(logit_width=6)
    assert (config.threshold_format.low, config.threshold_format.high) == (-64, 63)
    assert (config.threshold_low, config.threshold_high) == (-63, 63)


def test_description_has_the_parameters_and_their_values() -> None:
    described = DecisionConfig(n_classes=7).describe()
    assert described["classes"] == 7
    assert described["logit_width"] == 8
    assert all(isinstance(value, int) for value in described.values())


# -- thresholds --------------------------------------------------------------------------------


@given(st.integers(-255, 255))
def test_confidence_of_threshold_is_the_logistic_of_the_log_odds(threshold: int) -> None:
    octaves = threshold / 8
    expected = 1 / (1 + exp(-octaves * 0.6931471805599453))
    confidence = DecisionConfig().confidence_of_threshold(threshold)
    assert confidence == pytest.approx(expected, rel=1e-12)


@given(st.integers(-25, 255))
def test_threshold_survives_the_way_through_its_confidence(threshold: int) -> None:
    config = DecisionConfig()
    confidence = config.confidence_of_threshold(threshold)
    assert config.threshold_of_confidence(confidence) == threshold


@given(st.floats(0.1, 1, exclude_min=True, exclude_max=True))
def test_nearest_threshold_is_within_half_a_step(confidence: float) -> None:
    config = DecisionConfig(logit_width=8, fraction_bits=2)
    threshold = config.threshold_of_confidence(confidence)
    assert abs(threshold - 4 * log2(confidence / (1 - confidence))) <= 0.5 + 1e-9


@given(
    confidence=st.floats(0.5, 0.9999),
    fraction_bits=st.integers(2, 5),
    mantissa_bits=st.integers(4, 8),
)
def test_sound_threshold_is_the_smallest_that_never_exits_below_the_confidence(
    confidence: float, fraction_bits: int, mantissa_bits: int
) -> None:
    config = DecisionConfig(
        logit_width=fraction_bits + 5, fraction_bits=fraction_bits, mantissa_bits=mantissa_bits
    )
    threshold = config.threshold_of_confidence(confidence, sound=True)

    def never_below(candidate: int) -> bool:
        # rho 2**(-lam / 2**F) <= (1-T)/T, both sides to the power 2**F
        odds = (1 - Fraction(confidence)) / Fraction(confidence)
        return config.spread_power / Fraction(2) ** candidate <= odds ** (1 << fraction_bits)

    assert never_below(threshold)
    assert not never_below(threshold - 1)
    assert threshold >= config.threshold_of_confidence(confidence)


def test_low_confidence_takes_the_lowest_threshold_of_a_narrow_register() -> None:
    config = DecisionConfig(n_classes=1024, logit_width=4, fraction_bits=3)
    assert config.threshold_of_confidence(0.002) == config.threshold_low
    assert config.threshold_of_confidence(0.002, sound=True) == config.threshold_low


@pytest.mark.parametrize("confidence", [0.1, 0.0, -1.0, 1.0, 2.0, float("nan"), float("inf")])
@pytest.mark.parametrize("sound", [False, True])
def test_confidence_outside_the_softmax_is_refused(confidence: float, sound: bool) -> None:
    with pytest.raises(
        ValueError,
        match=rf"^Confidence threshold must be in \(1/10, 1\) for 10 classes, not {confidence!r}$",
    ):
        DecisionConfig().threshold_of_confidence(confidence, sound=sound)


def test_confidence_of_fewer_classes_has_their_bound() -> None:
    config = DecisionConfig()
    assert config.threshold_of_confidence(0.4, n_classes=3) < 0
    with pytest.raises(ValueError, match=r"^Confidence .* \(1/2, 1\) for 2 classes, not 0\.4$"):
        config.threshold_of_confidence(0.4, n_classes=2)
    with pytest.raises(ValueError, match=r"^Number of classes must be in 2\.\.10, not 11$"):
        config.threshold_of_confidence(0.4, n_classes=11)


def test_confidence_beyond_the_register_is_refused_with_the_largest_in_reach() -> None:
    config = DecisionConfig(logit_width=5, fraction_bits=4)
    assert config.threshold_of_confidence(0.79) == 31
    with pytest.raises(
        ValueError,
        match=r"^Confidence threshold must be at most 0\.79\d* with 5-bit logits and 4 fraction "
        r"bits, not 0\.9$",
    ):
        config.threshold_of_confidence(0.9)


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "kind", "text"),
    [
        ({"n_classes": 1}, ValueError, r"Number of classes must be in 2\.\.1024, not 1"),
        ({"n_classes": 0}, ValueError, r"Number of classes must be in 2\.\.1024, not 0"),
        ({"n_classes": 1025}, ValueError, r"Number of classes must be in 2\.\.1024, not 1025"),
        ({"n_classes": 10.0}, TypeError, r"Number of classes must be an integer, not 10\.0"),
        ({"n_classes": True}, TypeError, "Number of classes must be an integer, not True"),
        ({"logit_width": 3}, ValueError, r"Logit width must be in 4\.\.16, not 3"),
        ({"logit_width": 17}, ValueError, r"Logit width must be in 4\.\.16, not 17"),
        ({"fraction_bits": 1}, ValueError, r"Fraction bits must be in 2\.\.6, not 1"),
        ({"fraction_bits": 7}, ValueError, r"Fraction bits must be in 2\.\.6, not 7"),
        ({"mantissa_bits": 3}, ValueError, r"Mantissa bits must be in 4\.\.10, not 3"),
        ({"mantissa_bits": 11}, ValueError, r"Mantissa bits must be in 4\.\.10, not 11"),
        ({"n_exits": 0}, ValueError, r"Number of exits must be in 1\.\.16, not 0"),
        ({"n_exits": 17}, ValueError, r"Number of exits must be in 1\.\.16, not 17"),
        ({"tag_width": -1}, ValueError, r"Tag width must be in 0\.\.32, not -1"),
        (
            {"tag_width": 0, "criteria": ("margin", "entropy")},
            ValueError,
            r"Tag width must be in 1\.\.32, not 0",
        ),
        ({"lanes": 3}, ValueError, "Lanes must be one of 1, 2, 4, 8, not 3"),
        ({"lanes": 0}, ValueError, "Lanes must be one of 1, 2, 4, 8, not 0"),
        ({"lanes": "4"}, TypeError, "Lanes must be an integer, not '4'"),
        ({"lanes": True}, TypeError, "Lanes must be an integer, not True"),
        (
            {"lanes": 4, "criteria": ("confidence", "entropy")},
            ValueError,
            "Criteria with 4 lanes must be without entropy, not confidence, entropy",
        ),
        (
            {"lanes": 2, "registers": ("operand", "threshold")},
            ValueError,
            r"Registers with 2 lanes must be without threshold, not \('operand', 'threshold'\)",
        ),
        ({"with_score": 1}, TypeError, "With score must be True or False, not 1"),
        (
            {"with_score": False, "criteria": ("margin", "gate")},
            ValueError,
            "Criteria without score must be confidence, margin, both, or entropy, not margin, gate",
        ),
        (
            {"registers": ("addend", "operand")},
            ValueError,
            r"Registers must be a tuple of input, .*, decision in this order, not \('addend', .*",
        ),
        ({"tag_width": "8"}, TypeError, "Tag width must be an integer, not '8'"),
        (
            {"logit_width": 4, "fraction_bits": 4},
            ValueError,
            "Fraction bits must be below the logit width 4, not 4",
        ),
        (
            {"logit_width": 10, "lanes": 4},
            ValueError,
            r"Logit width of the confidence with 4 lanes and 3 .* must be at most 9 \(.* not 10",
        ),
        (
            {"logit_width": 9, "fraction_bits": 2, "registers": ("addend",)},
            ValueError,
            r"Logit width with registers other than operand, .*, decision must be at most 8 .*",
        ),
        (
            {"logit_width": 16, "with_score": False, "criteria": ("confidence", "margin")},
            ValueError,
            "Criteria without score in 16-bit logits must be confidence, margin or entropy, not .*",
        ),
    ],
)
def test_illegal_parameter_is_refused_by_rule_and_value(
    parameters: dict[str, object], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=f"^{text}$"):
        DecisionConfig(**parameters)  # type: ignore[arg-type]
