import random
from itertools import product

import pytest
from amaranth.hdl import signed, unsigned

from offramp.hw.engine.multiplier import Multiplier

from .simulation import sees, trace

SHAPES = [
    (signed(18), signed(17)),
    (signed(9), signed(8)),
    (signed(16), unsigned(16)),
    (unsigned(16), unsigned(16)),
]


def values(shape):
    """Return the range of a shape."""
    top = 1 << (shape.width - shape.signed)
    return range(-top * shape.signed, top)


def edges(shape):
    inside = values(shape)
    return [inside[0], inside[1], 0, 1, 2, inside[-2], inside[-1], *[-1] * shape.signed]


def check(block, shapes=SHAPES[1]):
    rng = random.Random(0)
    pairs = list(product(*map(edges, shapes)))
    pairs += [tuple(map(rng.choice, map(values, shapes))) for _ in range(100)]
    rows = [{"a": a, "b": b} for a, b in pairs]
    found = trace(block(*shapes), rows, ["product"], more=Multiplier.latency)
    # a product in each cycle, `latency` cycles behind its operands
    assert found[Multiplier.latency :] == [(a * b,) for a, b in pairs]


@pytest.mark.parametrize("shapes", SHAPES)
def test_products_equal_pythons_one_a_cycle(shapes):
    check(Multiplier, shapes)


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
