import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offramp.golden.parameters import (
    LayerParameters,
    accumulator_bound,
    check_parameters,
    product_bound,
    prove_accumulator,
)
from offramp.golden.spec.layers import AveragePool, Convolution, MaxPool
from offramp.golden.spec.numbers import INT8

LAYER = Convolution(name="c", in_shape=(3, 3, 2), out_channels=2, kernel=(1, 2), relu=True)
VALUES = LayerParameters(
    weight=np.array([[[[1, -2], [3, 4]]], [[[127, -127], [0, 5]]]], np.int8),
    bias=np.array([-7, 100], np.int32),
    multiplier=np.array([1, 65535], np.uint16),
    shift=np.array([1, 40], np.uint8),
)


def test_legal_parameters_pass() -> None:
    check_parameters(LAYER, VALUES)
    check_parameters(MaxPool(name="m", in_shape=(2, 2, 1), kernel=(2, 2)), LayerParameters())


def test_bounds_are_those_of_the_worst_channel() -> None:
    assert product_bound(LAYER, VALUES) == 255 * (127 + 127 + 5)
    assert accumulator_bound(LAYER, VALUES) == 255 * (127 + 127 + 5) + 100
    signed = replace(LAYER, in_format=INT8)
    assert product_bound(signed, VALUES) == 128 * (127 + 127 + 5)
    pool = AveragePool(name="a", in_shape=(3, 3, 2), kernel=(3, 2))
    assert accumulator_bound(pool, LayerParameters()) == 255 * 6


def test_an_accumulator_fits_exactly_or_is_refused_with_layer_and_bound() -> None:
    weight = np.zeros((2, 1, 2, 2), np.int8)
    weight[0, 0, 0, 0] = 1
    fits = replace(VALUES, weight=weight, bias=np.array([2**15 - 1 - 255, 0], np.int32))
    assert prove_accumulator(LAYER, fits, 16) == 2**15 - 1
    beyond = replace(VALUES, weight=weight, bias=np.array([-(2**15) + 255, 0], np.int32))
    message = "Accumulator of c must fit 16 signed bits, not reach 32768 (17 bits)"
    with pytest.raises(ValueError, match=re.escape(message)):
        prove_accumulator(LAYER, beyond, 16)


def test_the_smallest_int32_bias_does_not_wrap_in_the_bound() -> None:
    low = replace(VALUES, bias=np.array([-(2**31), 0], np.int32))
    message = "Accumulator of c must fit 32 signed bits, not reach 2147486198 (33 bits)"
    with pytest.raises(ValueError, match=re.escape(message)):
        prove_accumulator(LAYER, low, 32)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        (
            {"bias": None},
            TypeError,
            "Parameters of c must be weight, bias, multiplier, shift, not ",
        ),
        (
            {"other_multiplier": VALUES.multiplier},
            TypeError,
            "Parameters of c must be weight, bias, multiplier, shift, not weight, bias, multiplier",
        ),
        (
            {"bias": np.zeros(2, np.int64)},
            TypeError,
            "Bias of c must be int32, not int64",
        ),
        (
            {"multiplier": np.zeros(3, np.uint16)},
            ValueError,
            "Multiplier of c must be of shape (2,), not (3,)",
        ),
        (
            {"weight": np.full((2, 1, 2, 2), -128, np.int8)},
            ValueError,
            "Weight of c must be in -127..127, not -128",
        ),
        ({"shift": np.array([1, 0], np.uint8)}, ValueError, "Shift of c must be in 1..40, not 0"),
        ({"shift": np.array([41, 9], np.uint8)}, ValueError, "Shift of c must be in 1..40, not 41"),
    ],
)
def test_illegal_parameters_are_refused_by_name(
    fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        check_parameters(LAYER, replace(VALUES, **fields))


def test_equality_looks_at_every_integer() -> None:
    same = replace(VALUES, bias=np.array([-7, 100], np.int32))
    assert same == VALUES
    assert replace(VALUES, bias=np.array([-7, 101], np.int32)) != VALUES
    assert replace(VALUES, bias=None) != VALUES
    assert VALUES != 1
