"""How many cycles a program takes: exactly, from its operations alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...golden.spec.engine import DECISION_OVERHEAD, OPERATION_OVERHEAD
from ...golden.spec.operation import Operation
from ...golden.spec.program import Program


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


def operation_cycles(operation: Operation) -> int:
    """Return the cycles of an operation, its fetch and the way through the pipeline included."""
    tiles = sum(
        max(tile_cycles(operation, out_row, window_row), operation.tile_spacing)
        for out_row in range(operation.out_rows)
        for window_row in range(operation.window_rows)
    )
    cycles = tiles * operation.groups * operation.out_columns * operation.window_columns
    return cycles + OPERATION_OVERHEAD + (DECISION_OVERHEAD if operation.logits else 0)


@dataclass(frozen=True, kw_only=True)
class CyclePrediction:
    """Cycles of a program.

    Attributes
    ----------
    operations : tuple of int
        Of each operation.
    exits : mapping of int to int
        Of an image that leaves at an exit, by its index.
    """

    operations: tuple[int, ...]
    exits: dict[int, int]

    @property
    def whole(self) -> int:
        """Cycles of an image that goes through all operations."""
        return sum(self.operations)


def predict_cycles(program: Program | Sequence[Operation]) -> CyclePrediction:
    """Return the cycles of each operation and of each exit of a program."""
    operations = program.operations if isinstance(program, Program) else program
    each = tuple(operation_cycles(operation) for operation in operations)
    exits = {
        operation.exit_index - 1: sum(each[: index + 1])
        for index, operation in enumerate(operations)
        if operation.logits
    }
    return CyclePrediction(operations=each, exits=exits)
