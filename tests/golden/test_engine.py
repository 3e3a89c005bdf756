"""The interpreter against the equations of an operation, byte by byte in Python's integers."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from offramp.golden.decision import log_odds_score
from offramp.golden.engine import EngineError, run_program
from offramp.golden.program_check import check_program
from offramp.golden.random_program import IMAGE_SHAPE, random_program
from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.operation import Operation
from offramp.golden.spec.program import CHANNEL_WORDS, Program

SIZE = 1024


def signed(byte: int, yes: bool) -> int:
    return byte - 256 if yes and byte >= 128 else byte


def scale(value: int, shift: int, to_signed: bool) -> int:
    low, high = (-128, 127) if to_signed else (0, 255)
    return min(max((value + (1 << (shift - 1))) >> shift, low), high)


def tile(
    program: Program, op: Operation, memory: bytearray, base: int, loops: tuple[int, ...]
) -> list[int]:
    """Return the accumulators of a tile; `loops` are group, row, column, row and column of it."""
    lanes, wide = program.config.in_lanes, program.config.out_lanes
    group, out_row, out_column, window_row, window_column = loops
    accumulator = [0] * wide
    group_lines = op.kernel_rows * op.kernel_columns * op.run_steps
    line = op.weight_base + (0 if op.weight_rewind else group * group_lines)
    for kernel_row, kernel_column in product(range(op.kernel_rows), range(op.kernel_columns)):
        if op.weight_rewind:
            line = op.weight_base
        row = op.row_start + out_row * op.out_row_step
        row += window_row * op.window_row_step + kernel_row * op.kernel_row_step
        column = op.column_start + group * op.group_source_step + out_column * op.out_column_step
        column += window_column * op.window_column_step + kernel_column * op.kernel_column_step
        for _, j in product(range(op.run_steps), range(lanes)):
            if 0 <= row < op.row_limit and 0 <= column + j < op.column_limit:
                a = signed(memory[base + row + column + j], op.source_signed)
                for o in range(wide):
                    weight = program.weights[(line * wide + o) * lanes + j]
                    accumulator[o] += a * signed(weight, True)
            if j == lanes - 1:
                line += 1
                column += lanes
    return accumulator


def by_the_book(program: Program, op: Operation, memory: bytearray, image: int) -> list[int]:
    """Run one operation as its equations say; return the logits."""
    requantizers = program.config.requantizers
    logits = []
    base = op.source_base + (image if op.image else 0)
    channel_line = op.channel_base
    pixels = list(enumerate(product(range(op.out_rows), range(op.out_columns))))
    for group in range(op.groups):
        steps = op.last_group_steps if group == op.groups - 1 else op.drain_steps
        for pixel, place in pixels:
            start = pixel * op.out_pixel_step + group * op.out_group_step
            best: dict[int, int] = {}
            marked: dict[int, int] = {}
            for window in product(range(op.window_rows), range(op.window_columns)):
                accumulator = tile(program, op, memory, base, (group, *place, *window))
                for channel in range(steps * requantizers):
                    first = (channel_line * requantizers + channel) * CHANNEL_WORDS
                    words = program.channels[first : first + CHANNEL_WORDS]
                    bias = words[0] - (1 << 32) if words[0] >> 31 else words[0]
                    q = (accumulator[channel] + bias) * (words[1] & 0xFFFF)
                    q = scale(q, (words[1] >> 16 & 63) + 1, op.out_signed)
                    if op.residual:
                        b = signed(memory[op.residual_base + start + channel], op.other_signed)
                        q = q * (words[3] & 0xFFFF) + b * (words[2] & 0xFFFF)
                        q = scale(q, (words[3] >> 16 & 63) + 1, op.sum_signed)
                    best[channel] = max(best.get(channel, q), q)
                    marked[channel] = words[3 if op.residual else 1] >> 22 & 1
            for channel, q in best.items():
                memory[op.out_base + start + channel] = q % 256
                if op.logits and marked[channel]:
                    logits.append(q)
        channel_line += steps
    return logits


def program_of(seed: int) -> Program:
    """Return a random program of two operations for a small engine."""
    rng = np.random.default_rng(seed)
    config = EngineConfig(
        in_lanes=int(rng.choice([4, 8])),
        out_lanes=int(rng.choice([4, 8])),
        requantizers=int(rng.choice([1, 2, 4])),
        activation_bytes=SIZE,
    )
    return random_program(rng, config)


@pytest.mark.parametrize("seed", range(100))
def test_random_programs_are_legal(seed: int) -> None:
    check_program(program_of(seed))


@pytest.mark.parametrize("seed", range(40))
def test_interpreter_computes_the_equations(seed: int) -> None:
    program = program_of(seed)
    rng = np.random.default_rng(seed)
    memory = rng.integers(0, 256, SIZE, np.uint8)
    image = rng.integers(0, 256, (1, *IMAGE_SHAPE), np.uint8)
    found = []

    def watch(_number: int, _left: np.ndarray, memories: np.ndarray) -> None:
        found.append(memories[0].tobytes())

    buffer = seed % 2
    results = run_program(program, image, buffer=buffer, memory=memory, watch=watch)

    book = bytearray(memory.tobytes())
    place = program.image_base + buffer * program.image_stride
    book[place : place + image.size] = image.tobytes()
    expected = []
    for operation in program.operations:
        logits = by_the_book(program, operation, book, buffer * program.image_stride)
        expected.append(bytes(book))
        if operation.logits:
            vector = np.array([logits], np.int8)
            score = log_odds_score(program.config.decision, vector)[0]
            if operation.final or score >= program.thresholds[operation.exit_index - 1]:
                break
    assert found == expected
    assert results.label[0] == vector[0].argmax()
    assert results.score[0] == score
    assert results.exit[0] == operation.exit_index - 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_base": 1023, "row_start": 0, "column_start": 0}, "reads must be below 1024, not"),
        ({"out_base": 1023, "out_pixel_step": 9}, "writes must be below 1024, not"),
        ({"residual_base": 1023, "residual": True}, "reads must be below 1024, not"),
        ({"weight_base": 40}, "Lines of weights of operation 0 must be below 40, not"),
        ({"channel_base": 12}, "Lines of channels of operation 0 must be below 12, not"),
    ],
)
def test_access_beyond_a_memory_is_refused(changes: dict[str, int], message: str) -> None:
    program = program_of(0)
    wrong = replace(program.operations[0], row_limit=100, column_limit=100, **changes)
    program = replace(program, operations=(wrong,))
    with pytest.raises(EngineError, match=message):
        run_program(program, np.zeros((1, *IMAGE_SHAPE), np.uint8))


def test_accumulator_beyond_its_bits_is_refused() -> None:
    program = program_of(0)
    words = list(program.channels)
    words[0::4] = [1 << 25] * (len(words) // 4)
    with pytest.raises(EngineError, match=r"Accumulators of operation 0 must fit int26, not "):
        run_program(replace(program, channels=tuple(words)), np.zeros((1, *IMAGE_SHAPE), np.uint8))
