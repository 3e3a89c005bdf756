import random

import pytest
from amaranth.hdl import signed

from offramp.hw.engine.delay import Delay

from .simulation import sees, trace


def check(block, cycles=11, width=16, family="ice40"):
    rng = random.Random(cycles)
    values = [rng.randrange(-(1 << (width - 1)), 1 << (width - 1)) for _ in range(100)]
    found = trace(block(signed(width), cycles, family), [{"i": value} for value in values], ["o"])
    assert [value for (value,) in found[cycles:]] == values[: len(values) - cycles]


@pytest.mark.parametrize("family", ["generic", "ice40"])
@pytest.mark.parametrize("cycles", [1, 2, 3, 4, 5, 8, 9, 13, 16, 17])
def test_what_comes_in_comes_out_that_many_cycles_later(cycles, family):
    check(Delay, cycles, 30, family)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("place - (self._cycles - 1)", "place - self._cycles"),
        ("place.eq(place + 1)", "place.eq(place + 2)"),
        ("writer.en.eq(1)", "writer.en.eq(0)"),
    ],
)
def test_broken_ring_is_seen(right, wrong):
    assert sees(check, Delay, right, wrong)
