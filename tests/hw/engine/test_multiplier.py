import random
from itertools import product

import pytest

from offramp.hw.engine.multiplier import Multiplier

from .simulation import sees, trace

WIDTHS = [(18, 17), (9, 17), (9, 8), (18, 18)]


def edges(width):
    top = 1 << (width - 1)
    return [-top, 1 - top, -1, 0, 1, 2, top - 2, top - 1]


def check(block, widths=(9, 8)):
    rng = random.Random(0)
    pairs = list(product(*map(edges, widths)))
    pairs += [
        tuple(rng.randrange(-(1 << (w - 1)), 1 << (w - 1)) for w in widths) for _ in range(100)
    ]
    rows = [{"a": a, "b": b} for a, b in pairs]
    found = trace(block(*widths), rows, ["product"], more=Multiplier.latency)
    # a product in each cycle, `latency` cycles behind its operands
    assert found[Multiplier.latency :] == [(a * b,) for a, b in pairs]


@pytest.mark.parametrize("widths", WIDTHS)
def test_products_equal_pythons_one_a_cycle(widths):
    check(Multiplier, widths)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("halfway.eq(a * b)", "halfway.eq(a * b + 1)"),
        ("halfway.eq(a * b)", "halfway.eq(a.as_unsigned() * b)"),
        ("self.product.eq(halfway)", "self.product.eq(a * b)"),
        ("a.eq(self.a)", "a.eq(self.b)"),
    ],
)
def test_broken_multiplier_is_seen(right, wrong):
    assert sees(check, Multiplier, right, wrong)
