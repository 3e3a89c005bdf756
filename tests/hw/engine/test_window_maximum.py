import random

import pytest

from offramp.golden.spec.engine import EngineConfig
from offramp.hw.engine.window_maximum import WindowMaximum

from .simulation import sees, trace


def check(block, out_lanes=8, requantizers=2, windows=60):
    config = EngineConfig(out_lanes=out_lanes, requantizers=requantizers)
    rng = random.Random(out_lanes)
    low, high = rng.choice([(-128, 127), (0, 255)])
    rows, expected = [], {}
    for _ in range(windows):
        steps = rng.randrange(1, config.tile_steps + 1)
        tiles = rng.choice([1, 1, 2, 4, 9])
        best = [[None] * requantizers for _ in range(steps)]
        for tile in range(tiles):
            for step in range(steps):
                while rng.random() < 0.1 or (steps == 1 and rows and rows[-1]["valid"]):
                    # nothing is kept, whatever is there
                    rows.append(row_of([high] * requantizers, 0, rng.randrange(2), 0))
                values = [rng.choice([low, high, rng.randrange(low, high)]) for _ in best[step]]
                best[step] = [
                    value if tile == 0 else max(value, so_far)
                    for value, so_far in zip(values, best[step], strict=True)
                ]
                expected[len(rows)] = best[step]
                rows.append(row_of(values, step, tile == 0, 1))
            if steps == 1:
                rows.append(row_of([high] * requantizers, 0, 1, 0))
    maximum = block(config)
    outputs = [maximum.maxima[lane] for lane in range(requantizers)]
    found = trace(maximum, rows, outputs, more=WindowMaximum.latency)
    for cycle, maxima in expected.items():
        assert list(found[cycle + WindowMaximum.latency]) == maxima


def row_of(values, step, first, valid):
    lanes = sum((value & 511) << (9 * lane) for lane, value in enumerate(values))
    return {"values": lanes, "step": step, "first": first, "valid": valid}


@pytest.mark.parametrize(("out_lanes", "requantizers"), [(4, 1), (8, 2), (4, 4), (32, 4)])
def test_maxima_of_windows_equal_pythons(out_lanes, requantizers):
    check(WindowMaximum, out_lanes, requantizers)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("first | (value > so_far)", "value > so_far"),
        ("first | (value > so_far)", "first | (value < so_far)"),
        ("valid & (step == number)", "step == number"),
        ("valid & (step == number)", "valid"),
        ("Array(running)[self.step]", "running[0]"),
        ("value.eq(self.values[lane])", "value.eq(self.values[0])"),
    ],
)
def test_broken_maximum_is_seen(right, wrong):
    assert sees(check, WindowMaximum, right, wrong)
