import random

import pytest

from offramp.golden.spec.numbers import INT8, SHIFT_MAX, UINT8, requantize
from offramp.hw.engine.round_shift import RoundShift

from .simulation import sees, trace

WIDTHS = [42, 27]


def near(width, shift):
    """Return x around all that matters for a shift: ties, bounds of int8 and uint8, extremes."""
    top = 1 << (width - 1)
    places = [-top, top - 1, -(1 << 20), 1 << 20]
    for result in (-3, -2, -1, 0, 1, 2, 127, 128, 255, 256, -128, -129, 1023, -1024):
        tie = (result << shift) - (1 << (shift - 1))
        places += [tie - 1, tie, tie + 1]
    return [x for x in places if -top <= x < top]


def check(block, width=27, shifts=range(1, SHIFT_MAX + 1)):
    rng = random.Random(0)
    cases = [(x, shift) for shift in shifts for x in near(width, shift)]
    for _ in range(200):
        x = rng.randrange(-(1 << (width - 1)), 1 << (width - 1)) >> rng.randrange(width)
        cases.append((x, rng.choice(shifts)))
    # neighbours in time have other shifts
    rng.shuffle(cases)
    for limits in (INT8, UINT8):
        rows = [
            {"x": x, "shift_less_one": shift - 1, "is_signed": limits.signed} for x, shift in cases
        ]
        found = trace(block(width), rows, ["y"], more=RoundShift.latency)
        expected = [(requantize(x, 1, shift, limits.low, limits.high),) for x, shift in cases]
        assert found[RoundShift.latency :] == expected


@pytest.mark.parametrize("width", WIDTHS)
def test_round_shift_equals_golden(width):
    check(RoundShift, width)


def test_ties_go_up_as_the_table_of_golden_says():
    rows = [{"x": x, "shift_less_one": 0, "is_signed": 1} for x in (-5, -3, -1, 1, 3, 5)]
    found = trace(RoundShift(27), rows, ["y"], more=RoundShift.latency)
    assert found[RoundShift.latency :] == [(y,) for y in (-2, -1, 0, 1, 2, 3)]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(short + 1) >> 1", "short >> 1"),
        ("(short + 1) >> 1", "(short + short[-1]) >> 1"),
        ("rounded < low", "rounded < low - 1"),
        ("rounded > high", "rounded > high + 1"),
        ("Mux(is_signed[-1], -128, 0)", "Mux(is_signed[-1], -127, 0)"),
        ("Mux(is_signed[-1], 127, 255)", "127"),
        ("octets[self.shift_less_one[3:]]", "octets[self.shift_less_one[3:5]]"),
        ("coarse >> shift[:3]", "coarse >> shift[:2]"),
        ("Mux(self.x[-1], bits.all(), ~bits.any())", "~bits.any()"),
        ("shift[3:] > octet", "shift[3:] > octet + 1"),
        ("(plain | Cat(shifted_out)).all()", "plain.all()"),
        ("(above.all() | ~above.any())", "1"),
        ("m.If(fits &", "m.If("),
        ("negative[1].eq(negative[0])", "negative[1].eq(0)"),
    ],
)
def test_broken_round_shift_is_seen(right, wrong):
    assert sees(lambda block: check(block, shifts=range(1, 41, 3)), RoundShift, right, wrong)
