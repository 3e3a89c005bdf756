"""Whether a program is legal for its engine: nothing past a memory, no operation in its own way.

The checks read nothing but the program, so that they hold for programs from files too.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .decision import check_threshold
from .spec.operation import LOOPS, Operation, drain_interval, tile_spacing
from .spec.program import CHANNEL_WORDS, Program

PLACES_MAX = 1 << 24
"""Most places of a loop nest that are looked at."""


class ProgramError(ValueError):
    """A program that an engine must not run; the message is one line that names the operation."""


def check_program(program: Program) -> None:
    """Raise `ProgramError` unless a program is legal.

    Reads and writes lie inside the memories; what an operation writes is apart from what it reads
    (but for a sum in the place of its operand) and from the image buffers; bases and steps are
    aligned; the drain is not faster than it can be; the last operation alone is final.
    """
    if not program.operations:
        raise ProgramError("Operations of a program must be at least one, not 0")
    unit = program.config.decision
    for thing, value, most in (
        ("Classes", program.n_classes, unit.n_classes),
        ("Thresholds", len(program.thresholds), unit.n_exits),
    ):
        if value > most:
            raise ProgramError(f"{thing} of a program must be at most {most}, not {value}")
    for threshold in program.thresholds:
        check_threshold(unit, threshold)
    size, end = program.config.activation_bytes, _images(program).stop
    if end > size:
        raise ProgramError(f"Image buffers must end within {size} bytes, not at {end}")
    last = len(program.operations) - 1
    for number, operation in enumerate(program.operations):
        for rule, problem in _problems(program, operation, final=number == last):
            raise ProgramError(f"Operation {number} must {rule}, not {problem}")


def _problems(
    program: Program, operation: Operation, *, final: bool
) -> Iterator[tuple[str, object]]:
    """Iterate over all rules that an operation breaks, with what it does instead."""
    config = program.config
    size = config.activation_bytes
    writes, reads = _writes(program, operation), _reads(program, operation)
    if reads.stop > size:
        yield f"read below address {size}", reads.stop - 1
    if writes.stop > size:
        yield f"write below address {size}", writes.stop - 1
    if _meet(reads, writes):
        yield "write beside what it reads", f"{_text(writes)} with {_text(reads)}"
    if _meet(writes, _images(program)):
        yield "write beside the image buffers", _text(writes)
    if operation.residual:
        if not config.residual:
            yield "have no residual operand on an engine without", "one"
        yield from _residual_problems(operation, writes, size)
    yield from _memory_problems(program, operation)
    for thing, value, unit in (
        ("source_base", operation.source_base, 2 * config.in_lanes),
        # a word of the operand is cut where that of the output is
        (
            "residual_base",
            operation.residual_base if operation.residual else 0,
            2 * config.in_lanes,
        ),
        ("out_base", operation.out_base, 2 * config.in_lanes),
        ("out_pixel_step", operation.out_pixel_step, config.requantizers),
        ("out_group_step", operation.out_group_step, config.requantizers),
    ):
        if value % unit:
            yield f"have {thing} a multiple of {unit}", value
    yield from _count_problems(operation, 1 << config.count_bits)
    steps = max(operation.drain_steps, operation.last_group_steps)
    if steps > config.tile_steps:
        yield f"drain in at most {config.tile_steps} steps", steps
    # the last group counts where it is the only one
    longest = steps if operation.groups > 1 else operation.last_group_steps
    interval = drain_interval(
        config.requantizers, residual=operation.residual, logits=operation.logits
    )
    spacing = tile_spacing(longest, interval=interval)
    if operation.tile_spacing < spacing:
        yield f"have a tile spacing of at least {spacing}", operation.tile_spacing
    if operation.final != final or (final and not operation.logits):
        yield f"{'be' if final else 'not be'} final with logits", operation.final
    yield from _exit_problems(program, operation)


def _count_problems(operation: Operation, most: int) -> Iterator[tuple[str, object]]:
    for name in (*LOOPS, "tile_spacing"):
        count = getattr(operation, name)
        if count > most:
            yield f"have at most {most} {name}", count


def _exit_problems(program: Program, operation: Operation) -> Iterator[tuple[str, object]]:
    if not operation.logits:
        return
    lanes = program.logit_lanes(operation)
    logits = sum(map(len, lanes)) * operation.out_rows * operation.out_columns
    if logits != program.n_classes:
        yield f"have {program.n_classes} logits", logits
    elif not lanes[-1]:
        yield "have a logit in its last step", "in earlier ones alone"
    if operation.exit_index > len(program.thresholds):
        yield f"have an exit index of at most {len(program.thresholds)}", operation.exit_index


def _residual_problems(
    operation: Operation, writes: range, size: int
) -> Iterator[tuple[str, object]]:
    operand = range(operation.residual_base, operation.residual_base + len(writes))
    if operand.stop > size:
        yield f"read its operand below address {size}", operand.stop - 1
    if operand != writes and _meet(operand, writes):
        yield "write in the place of its operand or beside it", _text(writes)


def _memory_problems(program: Program, operation: Operation) -> Iterator[tuple[str, object]]:
    config = program.config
    lines = operation.run_steps
    if not operation.weight_rewind:
        lines *= operation.groups * operation.kernel_rows * operation.kernel_columns
    weight_lines = len(program.weights) // config.line_bytes
    if operation.weight_base + lines > weight_lines:
        yield f"read weights below line {weight_lines}", operation.weight_base + lines - 1
    lines = (operation.groups - 1) * operation.drain_steps + operation.last_group_steps
    channel_lines = len(program.channels) // (config.requantizers * CHANNEL_WORDS)
    if operation.channel_base + lines > channel_lines:
        yield f"read channels below line {channel_lines}", operation.channel_base + lines - 1


def _reads(program: Program, operation: Operation) -> range:
    """Return the addresses from the first that an operation reads to the last."""
    op = operation
    rows = _sums(
        op.row_start,
        op.row_limit,
        (op.out_rows, op.out_row_step),
        (op.window_rows, op.window_row_step),
        (op.kernel_rows, op.kernel_row_step),
    )
    columns = _sums(
        op.column_start,
        op.column_limit,
        (op.groups, op.group_source_step),
        (op.out_columns, op.out_column_step),
        (op.window_columns, op.window_column_step),
        (op.kernel_columns, op.kernel_column_step),
        (op.run_steps * program.config.in_lanes, 1),
    )
    rows, columns = rows[rows >= 0], columns[columns >= 0]
    if not (len(rows) and len(columns)):
        return range(op.source_base, op.source_base)
    first, last = int(rows.min() + columns.min()), int(rows.max() + columns.max())
    other_buffer = program.image_stride if op.image else 0
    return range(op.source_base + first, op.source_base + other_buffer + last + 1)


def _sums(start: int, limit: int, *loops: tuple[int, int]) -> NDArray[np.int64]:
    """Return all different values below `limit` that nested loops of (count, step) reach."""
    values = np.array([start], np.int64)
    for count, step in loops:
        if step == 0 or count == 1:
            continue
        if len(values) * count > PLACES_MAX:
            raise ProgramError(f"Loops of an operation must have up to {PLACES_MAX} places")
        # steps are not negative: what is beyond the limit stays there
        values = np.unique(values[:, None] + np.arange(count) * step)
        values = values[values < limit]
    return values[values < limit]


def _writes(program: Program, operation: Operation) -> range:
    op = operation
    requantizers = program.config.requantizers
    ends = [(op.groups - 1) * op.out_group_step + op.last_group_steps * requantizers]
    if op.groups > 1:
        ends.append((op.groups - 2) * op.out_group_step + op.drain_steps * requantizers)
    pixels = op.out_rows * op.out_columns
    return range(op.out_base, op.out_base + (pixels - 1) * op.out_pixel_step + max(ends))


def _images(program: Program) -> range:
    start = program.image_base
    return range(start, start + program.image_stride + 4 * program.image_words)


def _meet(one: range, other: range) -> bool:
    return bool(one and other) and one.start < other.stop and other.start < one.stop


def _text(places: range) -> str:
    return f"{places.start}..{places.stop - 1}"
