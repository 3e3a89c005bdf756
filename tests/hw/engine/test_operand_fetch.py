import random

import pytest

from offramp.golden.spec.engine import EngineConfig
from offramp.hw.engine.operand_fetch import ADDRESSED, OperandFetch
from offramp.hw.engine.wide_memory import WideMemory

from .simulation import sees, trace


def check(block, lanes=4):
    """Steps at every column around both borders of rows of every length, one a cycle."""
    config = EngineConfig(in_lanes=lanes, activation_bytes=1024)
    rng = random.Random(lanes)
    base = 320
    rows, steps = [], {}
    for limit in (*range(1, 2 * lanes + 2), 200, 512):
        columns = [*range(-2 * lanes - 1, 2 * lanes + 1), *range(limit - 2 * lanes, limit + lanes)]
        columns += [limit + 500 - lanes, -500, rng.randrange(limit)]
        rng.shuffle(columns)
        # the limit stays until all that is inside has left
        rows += [{"valid": 0, "column_limit": limit, "base": base}] * OperandFetch.latency
        for column in columns:
            row = rng.randrange(0, 150)
            valid, inside = rng.random() < 0.8, rng.random() < 0.8
            line, last = rng.randrange(config.weight_lines), rng.randrange(2)
            steps[len(rows)] = (valid, inside, row, column, limit, line, last)
            rows.append(
                {
                    "valid": valid,
                    "step.inside": inside,
                    "step.row": row,
                    "step.column": column,
                    "step.line": line,
                    "step.last": last,
                }
            )
        rows += [{"valid": 0}] * OperandFetch.latency
    outputs = ["address", "mask", "line", "operands_valid", "operands_last"]
    found = trace(block(config), rows, outputs)
    assert {cycle for cycle, values in enumerate(found) if values[3]} == {
        cycle + OperandFetch.latency for cycle, step in steps.items() if step[0]
    }
    for cycle, (valid, inside, row, column, limit, line, last) in steps.items():
        mask = sum(1 << j for j in range(lanes) if valid and inside and 0 <= column + j < limit)
        # the mask comes a cycle behind the address
        assert found[cycle + ADDRESSED + 1][1] == mask
        if mask:
            address = base + row + column
            assert found[cycle + ADDRESSED][0] % config.activation_bytes == address
        assert found[cycle + OperandFetch.latency - WideMemory.latency][2] == line
        if valid:
            assert found[cycle + OperandFetch.latency][4] == last


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_masks_tell_bytes_inside_the_row(lanes):
    check(OperandFetch, lanes)


@pytest.mark.parametrize("lanes", [4, 16])
def test_bytes_and_their_signs_become_activations(lanes):
    fetch = OperandFetch(EngineConfig(in_lanes=lanes))
    rng = random.Random(0)
    rows, expected = [], []
    for signed in (0, 1):
        for _ in range(40):
            values = [rng.choice([0, 127, 128, 255, rng.randrange(256)]) for _ in range(lanes)]
            packed = sum(value << (8 * lane) for lane, value in enumerate(values))
            signs = sum(signed << lane for lane, value in enumerate(values) if value >= 128)
            rows.append({"bytes": packed, "signs": signs})
            expected.append(tuple(x - 256 if signed and x >= 128 else x for x in values))
    outputs = [fetch.activations[lane] for lane in range(lanes)]
    assert trace(fetch, rows, outputs) == expected


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.step.row + self.base", "self.base"),
        ("self.address.eq(row_address + column[0])", "self.address.eq(row_address)"),
        ("self.column_limit - column[0]", "self.column_limit - column[0] - 1"),
        ("self.valid & self.step.inside", "self.valid"),
        ("self.valid & self.step.inside", "self.step.inside"),
        ("before[:lane_bits] >= lanes - lane", "before[:lane_bits] > lanes - lane"),
        ("beyond[:lane_bits] > lane if", "beyond[:lane_bits] >= lane if"),
        ("~before_far & near_start", "near_start"),
        ("before[-1] & ~before[lane_bits:].all()", "before[-1]"),
        ("~beyond[-1] & (", "("),
        ("beyond[lane_bits:].any() | near_end", "near_end"),
        ("self.latency - self._weight_latency", "self.latency"),
        ("self.latency - self._weight_latency", "self.latency - self._weight_latency - 1"),
        ("last[-1].eq(last[-2])", "last[-1].eq(self.step.last)"),
    ],
)
def test_broken_operand_fetch_is_seen(right, wrong):
    assert sees(check, OperandFetch, right, wrong)
