import random
from itertools import product

import pytest

from offramp.golden.spec.engine import ACCUMULATOR_WIDTH
from offramp.golden.spec.numbers import INT8, MULTIPLIER_WIDTH, SHIFT_MAX, UINT8, requantize
from offramp.hw.engine.requantizer import Requantizer, ResidualAdder

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
                    "bias": total - accumulator,
                    "multiplier": multiplier,
                    "shift_less_one": shift - 1,
                    "is_signed": limits.signed,
                }
            )
        found = trace(block(), rows, ["value"], more=Requantizer.latency)
        expected = [(requantize(*case, limits.low, limits.high),) for case in cases]
        assert found[Requantizer.latency :] == expected


def check_adder(block, count=600):
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
    for limits in (INT8, UINT8):
        rows = [
            {
                "value": a,
                "other": b,
                "value_multiplier": m,
                "other_multiplier": n,
                "shift_less_one": shift - 1,
                "is_signed": limits.signed,
            }
            for a, b, m, n, shift in cases
        ]
        found = trace(block(), rows, ["total"], more=ResidualAdder.latency)
        expected = [
            (requantize(a * m + b * n, 1, shift, limits.low, limits.high),)
            for a, b, m, n, shift in cases
        ]
        assert found[ResidualAdder.latency :] == expected


def test_requantizer_equals_golden_one_a_cycle():
    check_requantizer(Requantizer)


def test_residual_adder_equals_golden_one_a_cycle():
    check_adder(ResidualAdder)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.accumulator + self.bias", "self.accumulator - self.bias"),
        ("high.product << LOW_WIDTH", "high.product << (LOW_WIDTH - 1)"),
        ("low.a.eq(total[:LOW_WIDTH])", "low.a.eq(total[:LOW_WIDTH].as_signed())"),
        ("high.a.eq(total[LOW_WIDTH:].as_signed())", "high.a.eq(total[LOW_WIDTH:-1])"),
        ("Cat(factor, Const(0, 1)).as_signed()", "factor.as_signed()"),
        ("range(1 + Multiplier.latency + 1)", "range(Multiplier.latency + 1)"),
        ("round_shift.x.eq(product)", "round_shift.x.eq(product + 1)"),
    ],
)
def test_broken_requantizer_is_seen(right, wrong):
    assert sees(lambda block: check_requantizer(block, 100), Requantizer, right, wrong)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("products[0] + products[1]", "products[0] - products[1]"),
        ("signed(len(products[0]) + 1)", "signed(len(products[0]) - 1)"),
        ("range(Multiplier.latency + 1)", "range(Multiplier.latency + 2)"),
        ("round_shift.x.eq(total)", "round_shift.x.eq(products[0])"),
        ('getattr(self, f"{name}_multiplier")', "self.value_multiplier"),
    ],
)
def test_broken_residual_adder_is_seen(right, wrong):
    assert sees(lambda block: check_adder(block, 100), ResidualAdder, right, wrong)
