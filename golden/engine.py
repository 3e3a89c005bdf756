"""The engine as arithmetic on byte arrays: what a program computes, operation by operation.

It knows operations and memories only, see `offramp.golden.spec.operation`; networks and how they
are compiled are nothing to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .decision import log_odds_score
from .spec.engine import ACCUMULATOR_WIDTH
from .spec.layout import TensorLayout
from .spec.numbers import INT8, UINT8, IntegerFormat
from .spec.operation import Operation
from .spec.program import CHANNEL_WORDS, LOGIT, Program

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

Watch = Callable[[int, NDArray[np.int64], Bytes], None]
"""Called behind each operation: its number, the images that it ran on, their memories."""


class EngineError(ValueError):
    """A program that reads or writes where there is no memory, or whose sums overflow.

    Attributes
    ----------
    fault : str
        What an engine reports, of `PROGRAM_FAULTS`; empty of sums, which it does not check.
    """

    def __init__(self, message: str, fault: str = ""):
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, kw_only=True)
class EngineResults:
    """What became of n images, in their order.

    Attributes
    ----------
    label, exit, score : int64 [n]
        Class, index of the exit that was taken, and score there.
    """

    label: Integers
    exit: Integers
    score: Integers


def run_program(
    program: Program,
    images: NDArray[np.uint8],
    *,
    buffer: int = 0,
    always: bool = False,
    memory: Bytes | None = None,
    watch: Watch | None = None,
) -> EngineResults:
    """Run images through a program, each in an activation memory of its own.

    Parameters
    ----------
    program : Program
    images : uint8 [n, height, width, channels]
    buffer : int
        Image buffer that they lie in, 0 or 1.
    always : bool
        Go on to the last operation whatever the exits say; results are those of the last exit.
    memory : uint8 [activation bytes], optional
        What the memory holds before; all 0 unless given.
    watch : callable, optional
        See `Watch`.

    Raises
    ------
    EngineError
        An access lies outside a memory, or an accumulator overflows.
    """
    n = len(images)
    memories = np.zeros((n, program.config.activation_bytes), np.uint8)
    if memory is not None:
        memories[:] = memory
    start = program.image_base + buffer * program.image_stride
    flat = images.reshape(n, -1)
    memories[:, start : start + 4 * program.image_words] = 0
    memories[:, start : start + flat.shape[1]] = flat
    runner = _Runner(program, buffer * program.image_stride)
    results = EngineResults(label=np.zeros(n, np.int64), exit=np.zeros(n, np.int64),
                            score=np.zeros(n, np.int64))  # fmt: skip
    left = np.arange(n)
    for number, operation in enumerate(program.operations):
        if not len(left):
            break
        logits = runner.run(number, memories)
        if watch is not None:
            watch(number, left, memories)
        if logits is None:
            continue
        score = log_odds_score(program.config.decision, logits)
        index = operation.exit_index - 1
        results.label[left] = logits.argmax(axis=1)
        results.score[left] = score
        results.exit[left] = index
        if operation.final:
            break
        if not always:
            stays = score < program.thresholds[index]
            left, memories = left[stays], memories[stays]
    return results


def read_tensor(memories: Bytes, layout: TensorLayout) -> NDArray[np.uint8] | NDArray[np.int8]:
    """Return the tensor [n, height, width, channels] that lies in memories [n, bytes]."""
    height, width, n_channels = layout.shape
    rows = np.arange(height)[:, None, None] * layout.row_step
    columns = np.arange(width)[:, None] * layout.pixel_step
    places = layout.base + rows + columns + np.array(layout.places or range(n_channels))
    values = memories[:, places]
    return values.view(np.int8) if layout.signed else values


class _Runner:
    """Runs the operations of one program on memories uint8 [n, bytes], in place."""

    def __init__(self, program: Program, image_offset: int) -> None:
        config = program.config
        self._program = program
        self._config = config
        self._image_offset = image_offset
        self._weights = np.frombuffer(program.weights, np.int8).reshape(
            -1, config.out_lanes, config.in_lanes
        )
        self._channels = np.array(program.channels, np.int64).reshape(
            -1, config.requantizers, CHANNEL_WORDS
        )

    def run(self, number: int, memories: Bytes) -> NDArray[np.int8] | None:
        """Run an operation; return its logits int8 [n, classes] if it has any."""
        op = self._program.operations[number]
        source = _Source(op, memories.shape[1], op.source_base + op.image * self._image_offset)
        tile_lines = op.kernel_rows * op.kernel_columns * op.run_steps
        step_lines = op.run_steps if op.weight_rewind else tile_lines
        logits = []
        for group in range(op.groups):
            first = op.weight_base + (0 if op.weight_rewind else group * tile_lines)
            weights = self._lines(self._weights, first, step_lines, number, "weight")
            if op.weight_rewind:
                weights = np.tile(weights, (op.kernel_rows * op.kernel_columns, 1, 1))
            # [lines, out_lanes, in_lanes] -> [lines * in_lanes, out_lanes]
            matrix = weights.transpose(0, 2, 1).reshape(-1, self._config.out_lanes)
            a = source.read(memories, group, self._config.in_lanes, number)
            # every product and sum is an integer far below 2**53: float64 holds it exactly
            sums = (a.astype(np.float64) @ matrix.astype(np.float64)).astype(np.int64)
            values = self._drain(number, group, sums, memories)
            logits.append(values[..., self._marked(op, group)].reshape(len(memories), -1))
        return np.concatenate(logits, axis=1).astype(np.int8) if op.logits else None

    def _marked(self, op: Operation, group: int) -> NDArray[np.bool_]:
        """Return which channels of a group are logits."""
        steps = op.last_group_steps if group == op.groups - 1 else op.drain_steps
        line = op.channel_base + group * op.drain_steps
        words = self._channels[line : line + steps, :, 3 if op.residual else 1]
        marked: NDArray[np.bool_] = (words & LOGIT).reshape(-1) != 0
        return marked

    def _drain(self, number: int, group: int, sums: Integers, memories: Bytes) -> Integers:
        """Requantize sums [n, pixels, window, out_lanes] and write what `drain_steps` reach.

        Returns what is written, int64 [n, pixels, channels].
        """
        op = self._program.operations[number]
        steps = op.last_group_steps if group == op.groups - 1 else op.drain_steps
        line = op.channel_base + group * op.drain_steps
        channels = self._lines(self._channels, line, steps, number, "channel")
        channels = channels.reshape(-1, CHANNEL_WORDS)
        word = channels.T
        bias = (word[0] ^ (1 << 31)) - (1 << 31)
        accumulator = sums[..., : len(bias)] + bias
        limits = IntegerFormat(ACCUMULATOR_WIDTH, signed=True)
        if accumulator.min() < limits.low or accumulator.max() > limits.high:
            raise EngineError(
                f"Accumulators of operation {number} must fit {limits}, "
                f"not {accumulator.min()}..{accumulator.max()}"
            )
        q = _requantize(accumulator * (word[1] & 0xFFFF), (word[1] >> 16 & 63) + 1, op.out_signed)
        pixels = np.arange(q.shape[1])[:, None] * op.out_pixel_step
        places = pixels + group * op.out_group_step + np.arange(q.shape[3])
        _require_inside(memories, op.out_base + places, number, "write")
        if op.residual:
            _require_inside(memories, op.residual_base + places, number, "read")
            other = memories[:, op.residual_base + places]
            b = (other.view(np.int8) if op.other_signed else other).astype(np.int64)
            total = q * (word[3] & 0xFFFF) + b[:, :, None] * (word[2] & 0xFFFF)
            q = _requantize(total, (word[3] >> 16 & 63) + 1, op.sum_signed)
        # without pool a window is one pixel
        values: Integers = q.max(axis=2)
        memories[:, op.out_base + places] = values.astype(np.uint8)
        return values

    @staticmethod
    def _lines(
        memory: NDArray[Any], first: int, count: int, number: int, thing: str
    ) -> NDArray[Any]:
        if first + count > len(memory):
            raise EngineError(
                f"Lines of {thing}s of operation {number} must be below {len(memory)}, "
                f"not {first + count - 1}",
                f"{thing}s",
            )
        return memory[first : first + count]


class _Source:
    """What an operation reads, in the order of reading."""

    def __init__(self, op: Operation, n_bytes: int, base: int) -> None:
        self._op = op
        self._base = base
        self._n_bytes = n_bytes
        rows = (
            op.row_start
            + _steps(op.out_rows, op.out_row_step, 0, 5)
            + _steps(op.window_rows, op.window_row_step, 2, 5)
            + _steps(op.kernel_rows, op.kernel_row_step, 4, 5)
        )
        self._rows = rows  # [out rows, 1, window rows, 1, kernel rows]

    def read(self, memories: Bytes, group: int, in_lanes: int, number: int) -> NDArray[np.integer]:
        """Return the bytes of all tiles of a group.

        uint8 or int8 [n, pixels, window, kernel rows * kernel columns * run steps * in_lanes].
        """
        op = self._op
        columns = (
            op.column_start
            + group * op.group_source_step
            + _steps(op.out_columns, op.out_column_step, 0, 4)
            + _steps(op.window_columns, op.window_column_step, 1, 4)
            + _steps(op.kernel_columns, op.kernel_column_step, 2, 4)
            + _steps(op.run_steps * in_lanes, 1, 3, 4)
        )  # [out columns, window columns, kernel columns, run bytes]
        rows = self._rows[..., None, None]
        places = columns[
            None, :, None, :, None
        ]  # beside [out rows, 1, window rows, 1, kernel rows]
        inside = (rows >= 0) & (rows < op.row_limit) & (places >= 0) & (places < op.column_limit)
        addresses = np.where(inside, self._base + rows + places, 0)
        if addresses.max() >= self._n_bytes:
            raise EngineError(
                f"Addresses that operation {number} reads must be below {self._n_bytes}, "
                f"not {addresses.max()}",
                "read",
            )
        a = memories[:, addresses]
        a[:, ~inside] = 0
        values = a.view(np.int8) if op.source_signed else a
        pixels, window = op.out_rows * op.out_columns, op.window_rows * op.window_columns
        return values.reshape(len(memories), pixels, window, -1)


def _steps(count: int, step: int, axis: int, axes: int) -> Integers:
    """Return ``step * [0, count)`` along one of some axes."""
    shape = [1] * axes
    shape[axis] = count
    return (np.arange(count, dtype=np.int64) * step).reshape(shape)


def _requantize(scaled: Integers, shift: Integers, signed: bool) -> Integers:
    limits = INT8 if signed else UINT8
    rounded = (scaled + (np.int64(1) << (shift - 1))) >> shift
    clamped: Integers = np.clip(rounded, limits.low, limits.high)
    return clamped


def _require_inside(memories: Bytes, places: Integers, number: int, verb: str) -> None:
    if places.max() >= memories.shape[1]:
        raise EngineError(
            f"Addresses that operation {number} {verb}s must be below {memories.shape[1]}, "
            f"not {places.max()}",
            verb,
        )
