import random
from itertools import product

import pytest

from offramp.golden.spec.engine import ACCUMULATOR_WIDTH
from offramp.golden.spec.numbers import INT8, MULTIPLIER_WIDTH, SHIFT_MAX, UINT8, requantize
from offramp.hw.engine.requantizer import Requantizer

from .simulation import sees, trace

FACTOR_MAX = (1 << MULTIPLIER_WIDTH) - 1
TOP = 1 << (ACCUMULATOR_WIDTH - 1)


def random_shift(rng):
    return rng.randrange(1, SHIFT_MAX + 1)


def check_requantizer(block, count=600):
    rng = random.Random(0)
    sums = [-TOP, 1 - TOP, -(1 << 17), -(1 << 17) - 1, -1, 0, 1, (1 << 17) - 1, 1 << 17, TOP - 1]
    cases = [
        (total, multiplier, shift)
        for total, multiplier, shift in product(
            sums, (0, 1, 1 << 15, FACTOR_MAX), (1, 8, 9, 26, 33, SHIFT_MAX)
        )
    ]
    # around one, where nothing is clamped
    for _ in range(count):
        total = rng.randrange(-TOP, TOP) >> rng.randrange(ACCUMULATOR_WIDTH)
        multiplier = rng.randrange(FACTOR_MAX + 1)
        bits = abs(total * multiplier).bit_length()
        shift = min(max(1, bits - rng.randrange(10)), SHIFT_MAX)
        cases.append((total, multiplier, shift))
    rng.shuffle(cases)
    for limits in (INT8, UINT8):
        rows = []
        for total, multiplier, shift in cases:
            accumulator = rng.choice([0, total, rng.randrange(-TOP, TOP)])
            rows.append(
                {
                    "accumulator": accumulator,
                    "scale": line(total - accumulator, multiplier, shift) | rng.randrange(2) << 54,
                    "is_signed": limits.signed,
                    "again": 0,
                }
            )
        found = trace(block(), rows, ["value", "logit"], more=Requantizer.latency)
        marks = [row["scale"] >> 54 & 1 for row in rows]
        expected = [
            (requantize(*case, limits.low, limits.high), mark)
            for case, mark in zip(cases, marks, strict=True)
        ]
        assert found[Requantizer.latency :] == expected


def check_second_pass(block, count=600):
    """Let first and second passes alternate, the second one on what comes out then."""
    rng = random.Random(0)
    values, factors = (-128, -1, 0, 1, 127, 255), (0, 1, FACTOR_MAX)
    cases = list(product(values, values, factors, factors, (1, 17)))
    for _ in range(count):
        a, b = rng.randrange(-128, 256), rng.randrange(-128, 256)
        m, n = (rng.randrange(FACTOR_MAX + 1) for _ in range(2))
        bits = abs(a * m + b * n).bit_length()
        cases.append((a, b, m, n, min(max(1, bits - rng.randrange(10)), SHIFT_MAX)))
    cases += [(255, 255, FACTOR_MAX, FACTOR_MAX, shift) for shift in range(1, SHIFT_MAX + 1)]
    cases += [(-128, -128, FACTOR_MAX, FACTOR_MAX, shift) for shift in range(1, SHIFT_MAX + 1)]
    rng.shuffle(cases)
    latency = Requantizer.latency
    rows = [{} for _ in range(2 * len(cases) + latency)]
    expected = {}
    for number, (a, b, m, n, shift) in enumerate(cases):
        limits = INT8 if a < 0 or (a < 128 and rng.random() < 0.5) else UINT8
        of_sum = rng.choice([INT8, UINT8])
        accumulator = rng.randrange(-TOP, TOP)
        first, second = 2 * number, 2 * number + latency
        rows[first] = {
            "accumulator": accumulator,
            "scale": line((a << 4) - accumulator, 1, 4),
            "again": 0,
            "is_signed": limits.signed,
        }
        # the accumulator does not count
        rows[second] = {
            "other": b,
            "scale": line(n | rng.randrange(1 << 16) << 16, m, shift),
            "again": 1,
            "is_signed": of_sum.signed,
        }
        expected[first + latency] = a
        expected[second + latency] = requantize(a * m + b * n, 1, shift, of_sum.low, of_sum.high)
    found = trace(block(), rows, ["value"], more=latency)
    assert {cycle: found[cycle][0] for cycle in expected} == expected


def line(bias, multiplier, shift):
    return bias & 0xFFFFFFFF | multiplier << 32 | (shift - 1) << 48


def test_requantizer_equals_golden_one_a_cycle():
    check_requantizer(Requantizer)


def test_residual_addition_is_a_second_pass_between_first_ones():
    check_second_pass(Requantizer)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.accumulator + self.scale.bias", "self.accumulator - self.scale.bias"),
        ("high_product << LOW_WIDTH", "high_product << (LOW_WIDTH - 1)"),
        ("total[:LOW_WIDTH])", "total[:LOW_WIDTH].as_signed())"),
        ("total[LOW_WIDTH:].as_signed()", "total[LOW_WIDTH:-1]"),
        ("high.a.eq(high_operand)", "high.a.eq(low_operand)"),
        ("1 + Multiplier.latency + 1, self._family", "1 + Multiplier.latency, self._family"),
        ("round_shift.x.eq(product)", "round_shift.x.eq(product + 1)"),
        ("range(RoundShift.latency)", "range(RoundShift.latency - 1)"),
    ],
)
def test_broken_requantizer_is_seen(right, wrong):
    assert sees(lambda block: check_requantizer(block, 100), Requantizer, right, wrong)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Mux(again, value, total[:LOW_WIDTH])", "total[:LOW_WIDTH]"),
        ("Mux(again, other, ", "Mux(0, other, "),
        ("scale.bias[:MULTIPLIER_WIDTH]", "scale.bias[1:]"),
        ("again = begun.again", "again = self.again"),
        ("Mux(multiplied.o.again, beside, above)", "Mux(added.again, beside, above)"),
        ("Mux(multiplied.o.again, beside, above)", "above"),
        ("round_shift.is_signed.eq(added.is_signed)", "round_shift.is_signed.eq(0)"),
        (
            "round_shift.is_signed.eq(added.is_signed)",
            "round_shift.is_signed.eq(multiplied.o.is_signed)",
        ),
    ],
)
def test_broken_second_pass_is_seen(right, wrong):
    assert sees(lambda block: check_second_pass(block, 100), Requantizer, right, wrong)
