from fractions import Fraction
from math import floor

import pytest

from offramp.golden.spec import numbers
from offramp.golden.spec.checks import require_choice, require_int
from offramp.golden.spec.numbers import (
    INT8,
    INT32,
    MULTIPLIER_WIDTH,
    SHIFT_MAX,
    UINT8,
    IntegerFormat,
    requantize,
)


def published_row(name: str) -> list[str]:
    (line,) = [line for line in (numbers.__doc__ or "").splitlines() if line.startswith(name)]
    return line.removeprefix(name).split()


def test_published_tie_table_is_what_requantize_computes() -> None:
    products = [int(cell) for cell in published_row("acc * multiplier")]
    halves = [Fraction(cell) for cell in published_row("times 2**-shift, s=1")]
    rounded = [int(cell) for cell in published_row("y ")]
    assert len(products) == len(halves) == len(rounded) == 6
    for product, half, y in zip(products, halves, rounded, strict=True):
        assert Fraction(product, 2) == half
        assert requantize(product, 1, 1, INT8.low, INT8.high) == y


@pytest.mark.parametrize("shift", [1, 2, 7, SHIFT_MAX])
@pytest.mark.parametrize("multiplier", [0, 1, 3, (1 << MULTIPLIER_WIDTH) - 1])
def test_requantize_rounds_half_towards_plus_infinity_in_exact_arithmetic(
    multiplier: int, shift: int
) -> None:
    around = [0, (1 << shift) // 2, 1 << shift, INT32.high]
    for accumulator in {sign * (a + d) for a in around for d in (-1, 0, 1) for sign in (-1, 1)}:
        exact = floor(Fraction(accumulator * multiplier, 1 << shift) + Fraction(1, 2))
        wide = 1 << 60
        assert requantize(accumulator, multiplier, shift, -wide, wide) == exact
        clamped = min(max(exact, INT8.low), INT8.high)
        assert requantize(accumulator, multiplier, shift, INT8.low, INT8.high) == clamped


@pytest.mark.parametrize(
    ("number_format", "low", "high", "name"),
    [
        (INT8, -128, 127, "int8"),
        (UINT8, 0, 255, "uint8"),
        (INT32, -(2**31), 2**31 - 1, "int32"),
        (IntegerFormat(1, signed=True), -1, 0, "int1"),
        (IntegerFormat(1, signed=False), 0, 1, "uint1"),
    ],
)
def test_integer_format_knows_its_bounds_and_name(
    number_format: IntegerFormat, low: int, high: int, name: str
) -> None:
    assert (number_format.low, number_format.high, str(number_format)) == (low, high, name)


@pytest.mark.parametrize(
    ("multiplier", "shift", "kind", "text"),
    [
        (-1, 1, ValueError, "Multiplier must be in 0..65535, not -1"),
        (1 << 16, 1, ValueError, "Multiplier must be in 0..65535, not 65536"),
        (0.5, 1, TypeError, "Multiplier must be an integer, not 0.5"),
        (1, 0, ValueError, "Shift must be in 1..40, not 0"),
        (1, 41, ValueError, "Shift must be in 1..40, not 41"),
        (1, True, TypeError, "Shift must be an integer, not True"),
    ],
)
def test_requantize_refuses_what_the_hardware_has_no_bits_for(
    multiplier: int, shift: int, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=f"^{text}$"):
        requantize(1, multiplier, shift, -128, 127)


def test_checks_say_the_rule_and_the_value() -> None:
    assert require_int("Width", 3, 1, 3) == 3
    assert require_choice("Device", "golden", ["golden", "uart"]) == "golden"
    with pytest.raises(ValueError, match=r"^Width must be in 1\.\.64, not 0$"):
        IntegerFormat(0, signed=True)
    with pytest.raises(ValueError, match=r"^Device must be one of golden, uart, not 'gold'$"):
        require_choice("Device", "gold", iter(["golden", "uart"]))
