from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from offramp.golden.random_program import random_program
from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.operation import Operation
from offramp.hw.engine.loop_counters import LoopCounters
from offramp.hw.engine.loops import Loops
from offramp.hw.engine.offsets import Columns, Lines, Rows

from .simulation import descriptor_bits, sees, trace

CONFIG = EngineConfig(activation_bytes=1024)
STEP = ("inside", "row", "column", "line", "last")
TILE = ("window_first", "window_last", "group_last", "last_group")


def tiles(op, lanes):
    """Enumerate the loops: for each tile its steps (inside, row, column, line), and its flags."""
    group_lines = op.kernel_rows * op.kernel_columns * op.run_steps
    outs = list(product(range(op.out_rows), range(op.out_columns)))
    windows = list(product(range(op.window_rows), range(op.window_columns)))
    for group, out, window in product(range(op.groups), outs, windows):
        steps = []
        for kernel_row in range(op.kernel_rows):
            row = op.row_start + kernel_row * op.kernel_row_step
            row += out[0] * op.out_row_step + window[0] * op.window_row_step
            if not 0 <= row < op.row_limit:
                steps.append((0, None, None, None))
                continue
            for kernel_column, step in product(range(op.kernel_columns), range(op.run_steps)):
                column = op.column_start + group * op.group_source_step + step * lanes
                column += out[1] * op.out_column_step + window[1] * op.window_column_step
                column += kernel_column * op.kernel_column_step
                line = op.weight_base + step
                if not op.weight_rewind:
                    line += group * group_lines
                    line += (kernel_row * op.kernel_columns + kernel_column) * op.run_steps
                steps.append((1, row, column, line))
        first, last = window == windows[0], window == windows[-1]
        yield steps, (first, last, last and out == outs[-1], group == op.groups - 1)


def check(block, operations):
    rows, expected, ends = [], {}, []
    for op in operations:
        # the next operation begins as soon as it may
        rows += [{"descriptor": descriptor_bits(op)}, {"start": 1}]
        begin = len(rows) - 1
        now, end = begin + Loops.latency, None
        for steps, flags in tiles(op, CONFIG.in_lanes):
            natural = now + len(steps) - 1
            end = natural if end is None else max(natural, end + op.tile_spacing)
            for place, step in enumerate(steps[:-1]):
                expected[now + place] = (*step, 0)
            expected[end] = (*steps[-1], 1, *map(int, flags))
            now = end + 1
        ends.append(end)
        rows += [{"start": 0}] * (end - begin)
    outputs = [f"step.{name}" for name in STEP] + [f"step.tile.{name}" for name in TILE]
    found = trace(block(CONFIG), rows, ["valid", "done", *outputs], more=5)
    assert [cycle for cycle, values in enumerate(found) if values[0]] == sorted(expected)
    assert [cycle for cycle, values in enumerate(found) if values[1]] == ends
    for cycle, values in expected.items():
        step = found[cycle][2:]
        # where a row is outside nothing is read; flags count at the end of a tile
        seen = step if step[0] else (0, None, None, None, *step[4:])
        assert seen[: len(values)] == values


def operations_of(seed):
    return random_program(np.random.default_rng(seed), CONFIG, 2).operations


PLAIN = Operation(
    source_base=0, column_limit=8, weight_base=0, out_base=0, out_pixel_step=4, out_group_step=4,
    channel_base=0, run_steps=1, tile_spacing=4, drain_steps=4, last_group_steps=4,
)  # fmt: skip
WIDE = replace(
    PLAIN, row_start=-8, row_limit=24, kernel_row_step=8, kernel_rows=3, out_rows=3, out_row_step=8,
    column_start=-1, kernel_columns=3, kernel_column_step=1, out_columns=2, out_column_step=2,
    run_steps=2, row_weight_lines=6, weight_base=5, groups=2, group_source_step=7,
)  # fmt: skip
POOLED = replace(
    WIDE, window_rows=2, window_row_step=4, window_columns=2, window_column_step=3, pool=True,
    kernel_rows=2, kernel_columns=2, row_weight_lines=4, out_rows=2,
)  # fmt: skip

EDGES = {
    "one step": [PLAIN],
    "a step a tile, not spaced": [replace(PLAIN, out_columns=9, tile_spacing=1)],
    "a step a tile, spaced": [replace(PLAIN, out_columns=5, tile_spacing=9)],
    "all rows outside": [replace(WIDE, row_start=-500)],
    "rows outside, spaced": [replace(WIDE, tile_spacing=15)],
    "rows outside, rewound": [replace(WIDE, weight_rewind=True)],
    "windows": [POOLED],
    "windows, spaced by as much as the tile": [replace(POOLED, tile_spacing=8)],
    "windows, rewound, longest spacing of all": [
        replace(POOLED, weight_rewind=True, tile_spacing=40)
    ],
    "one operation behind the other": [PLAIN, replace(PLAIN, tile_spacing=30, out_columns=2), WIDE],
}


@pytest.mark.parametrize("operations", EDGES.values(), ids=EDGES)
def test_steps_are_those_of_the_loops_cycle_by_cycle(operations):
    check(Loops, operations)


@pytest.mark.parametrize("seed", range(12))
def test_steps_of_random_operations_are_those_of_the_loops(seed):
    check(Loops, operations_of(seed))


def test_random_operations_wait_for_the_drain_and_read_beside_the_source():
    operations = [op for seed in range(12) for op in operations_of(seed)]
    steps = [step for op in operations for tile, _ in tiles(op, 4) for step in tile]
    assert 0.1 < sum(step[0] for step in steps) / len(steps) < 0.9
    assert any(len(tile) < op.tile_spacing for op in operations for tile, _ in tiles(op, 4))
    assert any(len(tile) > op.tile_spacing for op in operations for tile, _ in tiles(op, 4))


FAULTS = [
    (LoopCounters, "self.final[level] | ~self.inside", "self.final[level]"),
    (LoopCounters, "advance.group_ends.eq(carry[7])", "advance.group_ends.eq(carry[6])"),
    (LoopCounters, "spaced | ~carry[3]", "spaced"),
    (LoopCounters, "spaced | ~self.final.kernel_rows", "1"),
    (LoopCounters, "running & carry[number] & ~ends", "running & ~ends"),
    (LoopCounters, "all_final & ~self.final[level]", "~self.final[level]"),
    (LoopCounters, "spaced.eq(spacing == 1)", "spaced.eq(spacing == 0)"),
    (LoopCounters, "spaced.eq(tile_spacing == 0)", "spaced.eq(0)"),
    (LoopCounters, "final.eq(count == 1)", "final.eq(count == 0)"),
    (LoopCounters, "single.eq(first == 0)", "single.eq(0)"),
    (LoopCounters, "prepare | opens", "prepare"),
    (LoopCounters, "m.d.sync += spaced.eq(1)", "m.d.sync += spaced.eq(0)"),
    (Columns, "self.column + self._config.in_lanes", "self.column + 1"),
    (Columns, "(2, advance.window_rows, out)", "(2, advance.window_rows, group)"),
    (Columns, "(3, advance.out_rows, group)", "(3, advance.out_rows, out)"),
    (Columns, "group + fields.group_source_step", "out + fields.group_source_step"),
    (Columns, "if top >= level]\n            value", "if top == level]\n            value"),
    (Rows, "kernel + fields.kernel_row_step", "kernel - fields.kernel_row_step"),
    (Rows, "(0, behind.window_columns, window)", "(0, behind.window_columns, out)"),
    (Rows, "(2, behind.groups, first)", "(2, behind.groups, out)"),
    (Rows, "self.row_ends & goes_on", "self.row_ends"),
    (Rows, "start - fields.row_limit", "start - fields.row_limit - 1"),
    (Rows, "self.inside.eq(~row[-1] & before_limit)", "self.inside.eq(before_limit)"),
    (Rows, "else kernels[1][-1]", "else 1"),
    (Lines, "Mux(self.inside, 1, fields.row_weight_lines)", "1"),
    (Lines, "fields.weight_rewind & advance.run_ends", "fields.weight_rewind & advance.tile_ends"),
    (Lines, "line.eq(group)", "line.eq(following)"),
    (Loops, "lines.inside.eq(step.inside)", "lines.inside.eq(rows.inside)"),
    (Loops, "final.window_columns & final.window_rows", "final.window_columns"),
    (Loops, "window_last & final.out_columns & final.out_rows", "window_last & final.out_columns"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "right", "wrong"), FAULTS)
def test_broken_loops_are_seen(part, right, wrong, monkeypatch):
    operations = [
        replace(PLAIN, out_columns=3, tile_spacing=1),
        replace(WIDE, tile_spacing=15),
        POOLED,
        replace(POOLED, weight_rewind=True),
    ]

    def check_with(block):
        if part is not Loops:
            monkeypatch.setattr(f"offramp.hw.engine.loops.{part.__name__}", block)
        check(Loops if part is not Loops else block, operations)

    assert sees(check_with, part, right, wrong)
