"""The interpreter against the equations of an operation, byte by byte in Python's integers."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from offramp.golden.decision import log_odds_score
from offramp.golden.engine import EngineError, run_program
from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.operation import Operation, tile_spacing
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
            for window in product(range(op.window_rows), range(op.window_columns)):
                accumulator = tile(program, op, memory, base, (group, *place, *window))
                for channel in range(steps * requantizers):
                    first = (channel_line * requantizers + channel) * CHANNEL_WORDS
                    words = program.channels[first : first + CHANNEL_WORDS]
                    bias = words[0] - (1 << 32) if words[0] >> 31 else words[0]
                    q = (accumulator[channel] + bias) * (words[1] & 0xFFFF)
                    q = scale(q, (words[1] >> 16) + 1, op.out_signed)
                    if op.residual:
                        b = signed(memory[op.residual_base + start + channel], op.other_signed)
                        q = q * (words[2] & 0xFFFF) + b * (words[2] >> 16)
                        q = scale(q, words[3] + 1, op.sum_signed)
                    best[channel] = max(best.get(channel, q), q)
            for channel, q in best.items():
                memory[op.out_base + start + channel] = q % 256
                if op.logits and channel % requantizers == 0:
                    logits.append(q)
        channel_line += steps
    return logits


def random_operation(rng: np.random.Generator, config: EngineConfig) -> Operation:
    """Return an operation that reads the first half of the memory and writes the second."""

    def pick(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    def flag() -> bool:
        return bool(rng.integers(2))

    groups, steps = pick(1, 2), pick(1, config.tile_steps)
    pool, residual = flag(), flag()
    window = (pick(1, 2), pick(1, 2)) if pool else (1, 1)
    pixel_step = groups * steps * config.requantizers
    logits = not pool and not residual and groups * steps > 2
    out_rows, out_columns = (1, 1) if logits else (pick(1, 3), pick(1, 3))
    last_steps = pick(1, steps) if groups > 1 else steps
    return Operation(
        source_base=pick(0, 40),
        row_start=pick(-20, 5),
        row_limit=pick(1, 100),
        kernel_row_step=pick(0, 12),
        window_row_step=pick(0, 12),
        out_row_step=pick(0, 12),
        column_start=pick(-9, 9),
        column_limit=pick(1, 120),
        kernel_column_step=pick(0, 9),
        window_column_step=pick(0, 9),
        out_column_step=pick(0, 9),
        group_source_step=pick(0, 9),
        weight_base=pick(0, 3),
        row_weight_lines=0,
        out_base=512 + pick(0, 3) * 16,
        out_pixel_step=pixel_step,
        out_group_step=steps * config.requantizers,
        residual_base=768,
        channel_base=pick(0, 3),
        kernel_rows=pick(1, 3),
        window_rows=window[0],
        out_rows=out_rows,
        run_steps=pick(1, 3),
        kernel_columns=pick(1, 2),
        window_columns=window[1],
        out_columns=out_columns,
        groups=groups,
        tile_spacing=tile_spacing(steps, residual=residual),
        drain_steps=steps,
        last_group_steps=last_steps,
        image=flag(),
        source_signed=flag(),
        weight_rewind=flag(),
        out_signed=logits or flag(),
        residual=residual,
        other_signed=flag(),
        sum_signed=flag(),
        pool=pool,
        logits=logits,
        final=logits,
    )


def random_program(seed: int) -> Program:
    """Return a program of one operation and random memories, the sums small enough to matter."""
    rng = np.random.default_rng(seed)
    config = EngineConfig(
        in_lanes=int(rng.choice([4, 8])),
        out_lanes=int(rng.choice([4, 8])),
        requantizers=int(rng.choice([1, 2, 4])),
        activation_bytes=SIZE,
    )
    lines = 40
    lanes = 24 * config.requantizers
    channels = np.zeros((lanes, CHANNEL_WORDS), np.int64)
    channels[:, 0] = rng.integers(-2000, 2000, lanes) & 0xFFFFFFFF
    channels[:, 1] = rng.integers(0, 1 << 16, lanes) | rng.integers(20, 24, lanes) << 16
    channels[:, 2] = rng.integers(0, 1 << 16, lanes) | rng.integers(0, 1 << 16, lanes) << 16
    channels[:, 3] = rng.integers(14, 17, lanes)
    return Program(
        config=config,
        operations=(random_operation(rng, config),),
        channels=tuple(channels.reshape(-1).tolist()),
        weights=rng.integers(0, 256, lines * config.line_bytes, np.uint8).tobytes(),
        image_base=0,
        image_stride=64,
        image_words=10,
        n_classes=3,
        thresholds=(config.decision.threshold_low,),
    )


@pytest.mark.parametrize("seed", range(40))
def test_interpreter_computes_the_equations(seed: int) -> None:
    program = random_program(seed)
    rng = np.random.default_rng(seed)
    memory = rng.integers(0, 256, SIZE, np.uint8)
    image = rng.integers(0, 256, (1, 2, 5, 4), np.uint8)
    expected = bytearray(memory.tobytes())
    buffer = seed % 2
    expected[64 * buffer : 64 * buffer + 40] = image.tobytes()
    logits = by_the_book(program, program.operations[0], expected, 64 * buffer)
    found = []

    def watch(_number: int, _left: np.ndarray, memories: np.ndarray) -> None:
        found.append(memories[0].tobytes())

    results = run_program(program, image, buffer=buffer, memory=memory, watch=watch)
    assert found == [bytes(expected)]
    if logits:
        vector = np.array([logits], np.int8)
        assert results.label[0] == vector[0].argmax()
        assert results.score[0] == log_odds_score(program.config.decision, vector)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_base": 1000, "row_start": 0, "column_start": 0}, "reads must be below 1024, not"),
        ({"out_base": 1023, "out_pixel_step": 9}, "writes must be below 1024, not"),
        ({"residual_base": 1023, "residual": True}, "reads must be below 1024, not"),
        ({"weight_base": 40}, "Lines of weights of operation 0 must be below 40, not"),
        ({"channel_base": 24}, "Lines of channels of operation 0 must be below 24, not"),
    ],
)
def test_access_beyond_a_memory_is_refused(changes: dict[str, int], message: str) -> None:
    program = random_program(0)
    wrong = replace(program.operations[0], row_limit=100, column_limit=100, **changes)
    program = replace(program, operations=(wrong,))
    with pytest.raises(EngineError, match=message):
        run_program(program, np.zeros((1, 2, 5, 4), np.uint8))


def test_accumulator_beyond_its_bits_is_refused() -> None:
    program = random_program(0)
    words = list(program.channels)
    words[0::4] = [1 << 25] * (len(words) // 4)
    with pytest.raises(EngineError, match=r"Accumulators of operation 0 must fit int26, not "):
        run_program(replace(program, channels=tuple(words)), np.zeros((1, 2, 5, 4), np.uint8))
