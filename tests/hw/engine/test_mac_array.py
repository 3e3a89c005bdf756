import random

import pytest

from offramp.golden.spec.engine import EngineConfig
from offramp.hw.engine.mac_array import MacArray

from .simulation import sees, trace

SHAPES = [(4, 4), (8, 4), (16, 4)]


def bits(values, width):
    mask = (1 << width) - 1
    return sum((value & mask) << (width * place) for place, value in enumerate(values))


def check(block, in_lanes=4, out_lanes=4, tiles=60):
    config = EngineConfig(in_lanes=in_lanes, out_lanes=out_lanes)
    rng = random.Random(in_lanes)
    array = block(config)
    rows, expected = [], {}
    for tile in range(tiles):
        sums = [0] * out_lanes
        steps = rng.choice([1, 1, 2, 3, 7])
        for step in range(steps):
            while tile % 3 == 2 and rng.random() < 0.4:
                # what comes without valid counts for nothing
                rows.append({"valid": 0, "last": rng.randrange(2)})
            edges = tile % 4 == 3
            a = [
                rng.choice([-128, 255]) if edges else rng.randrange(-128, 256)
                for _ in range(in_lanes)
            ]
            w = [
                [
                    rng.choice([-128, 127]) if edges else rng.randrange(-128, 128)
                    for _ in range(in_lanes)
                ]
                for _ in range(out_lanes)
            ]
            sums = [
                total + sum(x * y for x, y in zip(a, weights, strict=True))
                for total, weights in zip(sums, w, strict=True)
            ]
            last = step == steps - 1
            if last:
                expected[len(rows) + array.latency] = sums
            rows.append(
                {
                    "activations": bits(a, 9),
                    "weights": bits((y for weights in w for y in weights), 8),
                    "valid": 1,
                    "last": last,
                }
            )
    rows.append({"valid": 0})
    outputs = ["tile", *(array.accumulators[lane] for lane in range(out_lanes))]
    found = trace(array, rows, outputs, more=array.latency)
    tiles_found = {cycle: list(sums) for cycle, (tile, *sums) in enumerate(found) if tile}
    assert tiles_found == expected


@pytest.mark.parametrize(("in_lanes", "out_lanes"), SHAPES)
def test_sums_of_tiles_equal_pythons(in_lanes, out_lanes):
    check(MacArray, in_lanes, out_lanes)


def test_largest_sums_fit():
    # as many steps as the accumulator has room for
    array = MacArray(EngineConfig())
    product = 255 * 127 * 4
    steps = ((1 << 25) - 1) // product
    row = {"activations": bits([255] * 4, 9), "weights": bits([127] * 16, 8), "valid": 1, "last": 0}
    rows = [row] * (steps - 1) + [row | {"last": 1}, {"valid": 0}]
    found = trace(array, rows, ["tile", array.accumulators[3]], more=array.latency)
    assert [total for tile, total in found if tile] == [steps * product]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Mux(first, 0, accumulator) + terms[0]", "accumulator + terms[0]"),
        ("Mux(first, 0, accumulator) + terms[0]", "terms[0]"),
        ("terms[pair] + terms[pair + 1]", "terms[pair] - terms[pair + 1]"),
        ("signed(len(terms[0]) + 1)", "signed(len(terms[0]) - 1)"),
        ("first.eq(last[-1])", "first.eq(last[-2])"),
        ("self.tile.eq(valid[-1] & last[-1])", "self.tile.eq(last[-1])"),
        ("multiplier.b.eq(weights[number])", "multiplier.b.eq(weights[0])"),
    ],
)
def test_broken_mac_array_is_seen(right, wrong):
    assert sees(check, MacArray, right, wrong)
