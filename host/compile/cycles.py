"""How many cycles a program takes: exactly, from its operations alone."""

from dataclasses import dataclass

from ...golden.spec.engine import (
    FETCH_BEHIND,
    SECOND_PASS,
    STEP_LATENCY,
    WRITE_LATENCY,
    EngineConfig,
)
from ...golden.spec.operation import WORDS, Operation, drain_interval
from ...golden.spec.program import Program

FETCH_CYCLES = 1 + len(WORDS)
"""Cycles in which an operation is fetched, if nothing hides them."""

NEXT_IMAGE = 3
"""Cycles from a result to the first cycle of the next image, if that is there."""


def tile_cycles(operation: Operation, out_row: int, window_row: int) -> int:
    """Return the cycles of a tile of an output row, without waiting for the drain.

    A kernel row takes one cycle for each step of its runs, or one if it lies in the padding.
    """
    row = (
        operation.row_start
        + out_row * operation.out_row_step
        + window_row * operation.window_row_step
    )
    inside = sum(
        0 <= row + kernel_row * operation.kernel_row_step < operation.row_limit
        for kernel_row in range(operation.kernel_rows)
    )
    return inside * operation.kernel_columns * operation.run_steps + operation.kernel_rows - inside


def issue_cycles(operation: Operation) -> int:
    """Return the cycles from the first step of an operation to its last, both counted."""
    tiles = sum(
        max(tile_cycles(operation, out_row, window_row), operation.tile_spacing)
        for out_row in range(operation.out_rows)
        for window_row in range(operation.window_rows)
    )
    cycles = tiles * operation.groups * operation.out_columns * operation.window_columns
    # the first tile waits for none
    return cycles - max(0, operation.tile_spacing - tile_cycles(operation, 0, 0))


def written_after(operation: Operation, config: EngineConfig) -> int:
    """Return the cycles from the start of an operation to its last transfer to memory."""
    leaves = issue_cycles(operation) + STEP_LATENCY + config.array_latency
    interval = drain_interval(
        config.requantizers, residual=operation.residual, logits=operation.logits
    )
    # steps leave in cycles whose number it divides
    leaves += -leaves % interval + SECOND_PASS * operation.residual
    return leaves + interval * (operation.last_group_steps - 1) + WRITE_LATENCY


def decided_after(operation: Operation, program: Program) -> int:
    """Return the cycles from the start of an operation with logits to their decision."""
    config = program.config
    # the logits of a step follow each other
    last = program.logit_lanes(operation)[-1][-1]
    return written_after(operation, config) + last + config.decision.latency


def operation_cycles(operation: Operation, program: Program) -> int:
    """Return the cycles from the start of an operation to that of the next."""
    if operation.logits:
        return decided_after(operation, program) + 1 + FETCH_CYCLES
    # the words for the loops are fetched meanwhile, those for the drain behind it
    return written_after(operation, program.config) + FETCH_BEHIND


def exit_machinery_cycles(program: Program, exit_index: int) -> int:
    """Return the cycles that deciding costs an image that leaves at an exit.

    At each exit passed, the wait for the decision behind the last logits, and the part of the next
    fetch that another operation would hide; at the last exit, the wait, and all cycles up to the
    first operation of the next image.
    """
    exits = {
        operation.exit_index - 1: operation for operation in program.operations if operation.logits
    }
    waits = [
        decided_after(exits[k], program) - written_after(exits[k], program.config)
        for k in range(exit_index + 1)
    ]
    passed = exit_index * (1 + FETCH_CYCLES - FETCH_BEHIND)
    return sum(waits) + passed + NEXT_IMAGE + FETCH_CYCLES


@dataclass(frozen=True, kw_only=True)
class CyclePrediction:
    """Cycles of a program.

    Attributes
    ----------
    operations : tuple of int
        From the start of each operation to that of the next, or to the decision that takes the
        exit if it is the last.
    exits : mapping of int to int
        Of an image that leaves at an exit, by its index, as the engine counts them: from the
        first cycle that works on it to the decision.
    """

    operations: tuple[int, ...]
    exits: dict[int, int]

    @property
    def whole(self) -> int:
        """Cycles of an image that goes through all operations."""
        return max(self.exits.values())

    def interval(self, exit_index: int) -> int:
        """Return the cycles from a result to the next, if that leaves at `exit_index`."""
        return self.exits[exit_index] + NEXT_IMAGE


def predict_cycles(program: Program) -> CyclePrediction:
    """Return the cycles of each operation and of each exit of a program."""
    each = []
    exits = {}
    start = FETCH_CYCLES
    for operation in program.operations:
        each.append(operation_cycles(operation, program))
        if operation.logits:
            decided = decided_after(operation, program)
            exits[operation.exit_index - 1] = start + decided
            if operation.final:
                each[-1] = decided
        start += each[-1]
    return CyclePrediction(operations=tuple(each), exits=exits)
