from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from offramp.golden.random_program import random_program
from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.operation import drain_interval, tile_spacing
from offramp.hw.engine.tile_pointer import TilePointer

from .simulation import descriptor_bits, sees, trace

CONFIG = EngineConfig(out_lanes=8, activation_bytes=1024)
OUTPUTS = ["line", *(f"emission.{name}" for name in
           ("step", "address", "window_first", "window_last", "last"))]  # fmt: skip


def check(block, operations, config=CONFIG, wait=0):
    """Let tiles come at the shortest intervals, or `wait` cycles later each."""
    rows, expected = [], {}
    for op in operations:
        start = len(rows) + 1
        pulses = {}
        arrival = start + 1 + wait
        line = op.channel_base
        interval = drain_interval(config.requantizers, residual=op.residual, logits=op.logits)
        for group in range(op.groups):
            last_group = group == op.groups - 1
            steps = op.last_group_steps if last_group else op.drain_steps
            for pixel in range(op.out_rows * op.out_columns):
                address = op.out_base + pixel * op.out_pixel_step + group * op.out_group_step
                windows = op.window_rows * op.window_columns
                for window in range(windows):
                    first, last = window == 0, window == windows - 1
                    ends = last and pixel == op.out_rows * op.out_columns - 1
                    pulses[arrival] = {
                        "tile": 1,
                        "tile_end.window_first": first,
                        "tile_end.window_last": last,
                        "tile_end.group_last": ends,
                        "tile_end.last_group": last_group,
                    }
                    emitted = arrival + 1
                    # cycles that are multiples of the interval from the start
                    emitted += (start - emitted) % interval
                    for step in range(steps):
                        expected[emitted + step * interval] = (
                            line + step, step, address + step * config.requantizers, first, last,
                            ends and last_group and step == steps - 1,
                        )  # fmt: skip
                    latest = emitted + (steps - 1) * interval
                    arrival += wait + tile_spacing(steps, interval=interval)
            line += steps
        rows += [{"descriptor": descriptor_bits(op), "tile": 0}, {"start": 1}]
        rows += [
            {"start": 0, "tile": 0, **pulses.get(cycle, {})}
            for cycle in range(start + 1, latest + 2)
        ]
    found = trace(block(config), rows, ["valid", *OUTPUTS], more=3)
    emissions = {cycle: values[1:] for cycle, values in enumerate(found) if values[0]}
    assert emissions == expected


def operations_of(seed, config=CONFIG):
    return random_program(np.random.default_rng(seed), config, 3).operations


@pytest.mark.parametrize("requantizers", [1, 2, 4])
@pytest.mark.parametrize("wait", [0, 1])
def test_steps_of_tiles_follow_each_other_as_the_equations_say(requantizers, wait):
    config = replace(CONFIG, requantizers=requantizers)
    operations = [op for seed in range(8) for op in operations_of(seed, config)]
    assert {op.residual for op in operations} == {op.pool for op in operations} == {True, False}
    check(TilePointer, operations, config, wait)


@pytest.mark.parametrize("out_lanes", [4, 32])
def test_tiles_of_one_step_and_of_all(out_lanes):
    config = replace(CONFIG, out_lanes=out_lanes, requantizers=4, activation_bytes=4096)
    one = replace(operations_of(1, config)[0], groups=1, out_columns=4, drain_steps=1,
                  last_group_steps=1)  # fmt: skip
    longest = replace(one, drain_steps=config.tile_steps, last_group_steps=config.tile_steps)
    for operation in (one, longest):
        for residual, logits in product((False, True), repeat=2):
            check(TilePointer, [replace(operation, residual=residual, logits=logits)], config)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("following.eq(Mux(self.start, 0, phase + 1))", "following.eq(phase + 1)"),
        ("active & due", "active"),
        ("fields.residual & ~following[0]", "fields.residual & following[0]"),
        ("waits | fields.logits & (following != requantizers - 1)", "waits"),
        ("Mux(end.last_group, fields.last_group_steps, fields.drain_steps)", "fields.drain_steps"),
        ("pixel + fields.out_pixel_step", "address + fields.out_pixel_step"),
        ("group + fields.out_group_step", "pixel + fields.out_group_step"),
        ("address.eq(address + requantizers)", "address.eq(address + 1)"),
        ("group_line.eq(line + 1)", "group_line.eq(line)"),
        ("line.eq(group_line)", "line.eq(line + 1)"),
        ("with m.Else():\n                        m.d.sync += address.eq(pixel)", ""),
        ("last_step & end.group_last & end.last_group", "last_step & end.group_last"),
        ("end.eq(self.tile_end), step.eq(0)", "end.eq(self.tile_end)"),
    ],
)
def test_broken_tile_pointer_is_seen(right, wrong):
    config = replace(CONFIG, requantizers=2)
    operations = [op for seed in range(4) for op in operations_of(seed, config)]

    def check_both(block):
        check(block, operations, config)
        check(block, operations, config, wait=1)

    assert sees(check_both, TilePointer, right, wrong)
