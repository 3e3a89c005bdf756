"""Integer scores against float64 within their bounds, against brute force, and their errors."""

from fractions import Fraction
from itertools import product
from math import floor, log2

import numpy as np
import pytest

from offramp.golden.criteria import (
    PatienceMemory,
    check_any_threshold,
    decide_by_score,
    entropy_error_bound,
    entropy_float,
    entropy_score,
    gate_error_bound,
    gate_float,
    gate_score,
    margin_float,
    margin_score,
)
from offramp.golden.decision import log_odds_score
from offramp.golden.spec.bounds import gate_bias_bounds, threshold_bounds
from offramp.golden.spec.criteria import Criterion, EntropyArithmetic
from offramp.golden.spec.decision import DecisionConfig
from tests.criteria import edge_vectors, random_vectors

ALL = ("confidence", "margin", "entropy", "gate", "patience")
TINY = DecisionConfig(n_classes=4, logit_width=4, fraction_bits=2, criteria=("entropy",))
SHAPES = [(2, 8, 3), (10, 8, 3), (10, 8, 4), (128, 8, 3), (3, 6, 2), (17, 10, 6), (12, 11, 2)]


def config_of(n_classes: int, logit_width: int, fraction_bits: int) -> DecisionConfig:
    return DecisionConfig(
        n_classes=n_classes,
        logit_width=logit_width,
        fraction_bits=fraction_bits,
        criteria=ALL,
    )


def vectors_of(config: DecisionConfig) -> list[np.ndarray]:
    sizes = sorted({2, min(3, config.n_classes), config.n_classes})
    return [
        vectors
        for n in sizes
        for vectors in (edge_vectors(config, n), random_vectors(config, 5000, n, n))
    ]


def two_level_vectors(config: DecisionConfig) -> np.ndarray:
    """Return one winner over any number of equal others: the largest errors of the tables add."""
    low, high = config.logit_format.low, config.logit_format.high
    rows = []
    for distance in range(high - low + 1):
        for n_others in sorted({1, 2, 3, config.n_classes // 2, config.n_classes - 1}):
            row = np.full(config.n_classes, low)
            row[0] = high
            row[1 : 1 + n_others] = high - distance
            rows.append(row)
    return np.array(rows)


# -- margin ------------------------------------------------------------------------------------


def test_margin_equals_brute_force_on_every_small_vector() -> None:
    vectors = list(product(range(-8, 8), repeat=3))
    expected = [sorted(vector)[-1] - sorted(vector)[-2] for vector in vectors]
    assert margin_score(TINY, np.array(vectors)).tolist() == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_margin_is_the_log2_of_the_ratio_of_probabilities_exactly(shape: tuple[int, int, int]):
    config = config_of(*shape)
    for vectors in vectors_of(config):
        octaves = margin_score(config, vectors) / 2**config.fraction_bits
        assert np.allclose(octaves, margin_float(config, vectors), rtol=0, atol=1e-9)


# -- entropy -----------------------------------------------------------------------------------


def entropy_by_definition(config: DecisionConfig, vector: tuple[int, ...]) -> int:
    """Sum, take logarithms and quotient as the equations say, number by number."""
    arithmetic = config.entropy
    one = 2**arithmetic.sum_fraction_bits
    winner, *others = sorted(vector, reverse=True)
    places = [min(winner - z, len(arithmetic.exponentials) - 1) for z in others]
    s = one + sum(arithmetic.exponentials[place] for place in places)
    d = sum(arithmetic.moments[place] for place in places)
    if s >= 4 * one or d >= 2 * one:
        return arithmetic.SATURATED

    def logarithm(value: int, fraction_bits: int) -> int | None:
        """L(x) in 1/256; None if the leading one is more than 7 places below the top of ten."""
        window = value * 2**fraction_bits // one
        if window < 4:
            return None
        octave = window.bit_length() - 1
        mantissa = floor((Fraction(window, 2**octave) - 1) * 256)
        return 256 * (octave - fraction_bits) + arithmetic.logarithms[mantissa]

    # ten bits each: S has two before the point, D one; what is out of a shifter's reach is 0
    s_log, d_log = logarithm(s, 8), logarithm(d, 9)
    assert s_log is not None
    if d_log is None:
        return -1 - s_log
    octave, fraction = divmod(d_log - s_log, 256)
    if octave < -7:
        return -1 - s_log
    quotient = floor((256 + arithmetic.powers[fraction]) * Fraction(2) ** octave)
    return -1 - s_log - quotient


@pytest.mark.parametrize("n", [2, 3])
def test_entropy_equals_its_definition_on_every_small_vector(n: int) -> None:
    vectors = list(product(range(-8, 8), repeat=n))
    expected = [entropy_by_definition(TINY, vector) for vector in vectors]
    assert entropy_score(TINY, np.array(vectors)).tolist() == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_entropy_equals_its_definition_on_edges_and_random_vectors(shape: tuple[int, int, int]):
    config = config_of(*shape)
    for vectors in (edge_vectors(config, shape[0]), random_vectors(config, 300, shape[0], 1)):
        expected = [entropy_by_definition(config, tuple(vector)) for vector in vectors.tolist()]
        assert entropy_score(config, vectors).tolist() == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_entropy_differs_from_float64_by_the_derived_bound_at_most(shape: tuple[int, int, int]):
    config = config_of(*shape)
    bound = entropy_error_bound(config)
    assert bound <= 0.01
    worst = 0.0
    for vectors in (*vectors_of(config), two_level_vectors(config)):
        score, entropy = entropy_score(config, vectors), entropy_float(config, vectors)
        within = entropy <= EntropyArithmetic.LIMIT
        worst = max(worst, np.abs(-score / 256 - entropy)[within].max(initial=0.0))
        # beyond, no score is legal as a threshold but for the error
        assert np.all(score[~within] <= EntropyArithmetic.THRESHOLD_LOW + 256 * bound)
    assert worst <= bound


def test_certain_vector_has_the_largest_score_and_uniform_one_is_saturated() -> None:
    config = DecisionConfig(n_classes=10, criteria=("entropy",))
    certain = np.full((1, 10), -128)
    certain[0, 3] = 127
    assert entropy_score(config, certain).tolist() == [EntropyArithmetic.THRESHOLD_HIGH]
    assert entropy_score(config, np.zeros((1, 10), np.int64)).tolist() == [-512]


@pytest.mark.parametrize("shape", SHAPES)
def test_entropy_tables_fit_their_memories_and_end_in_nothing(shape: tuple[int, int, int]) -> None:
    arithmetic = config_of(*shape).entropy
    one = 1 << arithmetic.sum_fraction_bits
    assert all(0 <= value < one for value in arithmetic.exponentials + arithmetic.moments)
    assert all(0 <= value < 256 for value in arithmetic.logarithms + arithmetic.powers)
    if arithmetic.address_width < arithmetic.logit_width:
        assert (arithmetic.exponentials[-1], arithmetic.moments[-1]) == (0, 0)


def test_entropy_tables_do_not_hang_on_the_last_bit_of_a_float() -> None:
    places = [256 * log2(1 + (m + 0.5) / 256) + 0.2 for m in range(256)]
    places += [256 * 2.0 ** (f / 256) for f in range(1, 256)]
    assert min(abs(x - round(x)) for x in places) > 1e-6


# -- gate --------------------------------------------------------------------------------------


def test_gate_is_the_weighted_sum_of_the_scores() -> None:
    config = config_of(10, 8, 3)
    vectors = random_vectors(config, 1000, 10, 5)
    weights = {"confidence": -128, "margin": 127, "entropy": 3}
    expected = (
        -128 * log_odds_score(config, vectors)
        + 127 * margin_score(config, vectors)
        + 3 * entropy_score(config, vectors)
        - 77
    )
    assert np.array_equal(gate_score(config, vectors, weights, -77), expected)


@pytest.mark.parametrize("features", [("confidence",), ("margin",), ("entropy",), ALL[:3]])
@pytest.mark.parametrize("sign", [-1, 1])
def test_gate_score_fits_its_format_at_the_extremes(features: tuple[str, ...], sign: int) -> None:
    config = DecisionConfig(criteria=(*features, "gate"))
    weight = 127 if sign > 0 else -128
    weights = dict.fromkeys(config.features, weight)
    bounds = config.score_format_of(Criterion.GATE)
    for vectors in (edge_vectors(config, 10), edge_vectors(config, 2)):
        for bias in gate_bias_bounds(config):
            score = gate_score(config, vectors, weights, bias)
            assert bounds.low <= score.min()
            assert score.max() <= bounds.high


def test_gate_differs_from_float64_by_the_weighted_bounds_at_most() -> None:
    config = config_of(10, 8, 3)
    vectors = random_vectors(config, 20000, 10, 6)
    vectors = vectors[entropy_float(config, vectors) <= EntropyArithmetic.LIMIT]
    vectors = vectors[log_odds_score(config, vectors) > config.threshold_format.low]
    for weights in (
        {"confidence": 10, "margin": -20, "entropy": 30},
        {"confidence": 127, "margin": 0, "entropy": -128},
    ):
        difference = gate_score(config, vectors, weights, 9) - gate_float(
            config, vectors, weights, 9
        )
        assert np.abs(difference).max() <= gate_error_bound(config, weights)


def test_gate_refuses_wrong_weights_and_bias() -> None:
    config = DecisionConfig(criteria=("margin", "gate"))
    vectors = np.zeros((1, 2), np.int64)
    with pytest.raises(ValueError, match=r"Gate weights must be for margin, not \['entropy'\]"):
        gate_score(config, vectors, {"entropy": 1}, 0)
    with pytest.raises(ValueError, match=r"Gate weight of margin must be in -128\.\.127, not 128"):
        gate_score(config, vectors, {"margin": 128}, 0)
    with pytest.raises(ValueError, match=r"Gate bias must be in -65536\.\.65535, not 65536"):
        gate_score(config, vectors, {"margin": 1}, 65536)
    with pytest.raises(TypeError, match=r"Gate bias must be an integer, not 0\.5"):
        gate_score(config, vectors, {"margin": 1}, 0.5)  # type: ignore[arg-type]


# -- patience ----------------------------------------------------------------------------------


def test_patience_counts_agreeing_exits_of_each_sample() -> None:
    config = DecisionConfig(criteria=("patience",), n_exits=4)
    memory = PatienceMemory(config)
    #        sample 1 agrees throughout      sample 2 changes its mind
    labels = [7, 3, 7, 3, 7, 5, 7, 5]
    exits = [0, 0, 1, 1, 2, 2, 3, 3]
    tags = [1, 2, 1, 2, 1, 2, 1, 2]
    assert memory.score(labels, exits, tags).tolist() == [0, 0, 1, 1, 2, 0, 3, 1]
    # exit index 0 starts the sample anew
    assert memory.score([7, 7], [0, 1], [1, 1]).tolist() == [0, 1]


def test_patience_count_stops_at_the_last_exit() -> None:
    memory = PatienceMemory(DecisionConfig(criteria=("patience",), n_exits=2))
    assert memory.score(0, [1, 1, 1], 0).tolist() == [1, 1, 1]


# -- thresholds and configuration --------------------------------------------------------------


def test_decision_is_the_score_against_the_threshold() -> None:
    config = config_of(10, 8, 3)
    vectors = random_vectors(config, 100, 10, 7)
    score = margin_score(config, vectors)
    decisions = decide_by_score(config, "margin", vectors, score, 12)
    assert np.array_equal(decisions.exit, score >= 12)
    assert np.array_equal(decisions.label, vectors.argmax(axis=1))


@pytest.mark.parametrize(
    ("criterion", "bounds"),
    [
        ("confidence", (-255, 255)),
        ("margin", (0, 255)),
        ("entropy", (-486, -1)),
        ("gate", (-(2**20), 2**20 - 1)),
        ("patience", (0, 1)),
    ],
)
def test_each_criterion_has_its_legal_thresholds(criterion: str, bounds: tuple[int, int]) -> None:
    config = config_of(10, 8, 3)
    assert threshold_bounds(config, criterion) == bounds
    vectors = np.zeros((1, 2), np.int64)
    message = rf"Threshold of {criterion} must be in {bounds[0]}\.\.{bounds[1]}, not"
    for threshold in (bounds[0] - 1, bounds[1] + 1):
        with pytest.raises(ValueError, match=message):
            decide_by_score(config, criterion, vectors, np.zeros(1, np.int64), threshold)


def test_threshold_of_a_unit_is_legal_for_one_of_its_criteria() -> None:
    config = DecisionConfig(criteria=("margin", "entropy"))
    assert check_any_threshold(config, -486) == -486
    with pytest.raises(ValueError, match=r"Threshold must be in -486\.\.255, not 256"):
        check_any_threshold(config, 256)
    with pytest.raises(TypeError, match=r"Threshold must be an integer, not 1\.5"):
        check_any_threshold(config, 1.5)  # type: ignore[arg-type]


def test_criteria_are_kept_in_one_order() -> None:
    config = DecisionConfig(criteria=("entropy", "confidence"))
    assert config == DecisionConfig(criteria=("confidence", "entropy"))
    assert config.criteria == ("confidence", "entropy")


@pytest.mark.parametrize(
    ("criteria", "width"),
    [
        (("confidence",), 9),
        (("margin", "patience"), 9),
        (("entropy",), 11),
        (("margin", "gate"), 19),
    ],
)
def test_score_has_the_width_of_the_widest_criterion(criteria: tuple[str, ...], width: int) -> None:
    assert DecisionConfig(criteria=criteria).score_format.width == width


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"criteria": ["margin"]},
            TypeError,
            r"Criteria must be a tuple of names, not \['margin'\]",
        ),
        ({"criteria": ()}, ValueError, r"Criteria must be one or more different ones, not \(\)"),
        ({"criteria": ("margin",) * 2}, ValueError, r"Criteria must be one or more different ones"),
        (
            {"criteria": ("softmax",)},
            ValueError,
            r"Criterion must be one of confidence, margin, entropy, gate, patience, not 'softmax'",
        ),
        (
            {"criteria": ("gate",)},
            ValueError,
            r"Criteria with gate must have one of confidence, margin, entropy, not",
        ),
        (
            {"criteria": ("patience",), "tag_width": 13},
            ValueError,
            r"Tag width with patience must be in 1\.\.12, not 13",
        ),
        (
            {"criteria": ("patience",), "n_exits": 1},
            ValueError,
            r"Number of exits with patience must be in 2\.\.16, not 1",
        ),
    ],
)
def test_illegal_criteria_are_refused(
    options: dict[str, object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        DecisionConfig(**options)  # type: ignore[arg-type]
