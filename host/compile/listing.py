"""A program as tables for people, and as JSON data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...golden.spec.layout import AnnotatedProgram, TensorLayout
from ...golden.spec.operation import Operation
from .checks import MemoryUse
from .cycles import predict_cycles

HEAD = ("", "layers", "reads", "writes", "tiles", "lines", "cycles", "% of peak")
"""Columns of a listing."""


def summary(
    annotated: AnnotatedProgram, uses: Sequence[MemoryUse], macs: Mapping[int, int]
) -> dict[str, Any]:
    """Return the figures of a program by name.

    Parameters
    ----------
    annotated : AnnotatedProgram
    uses : sequence of MemoryUse
    macs : mapping of int to int
        Multiply-accumulates of an image that leaves at an exit of the program.
    """
    config = annotated.program.config
    cycles = predict_cycles(annotated.program)
    return {
        "network": annotated.name,
        "macs_a_cycle": config.macs,
        "operations": len(annotated.program.operations),
        **{use.memory: {"needed": use.needed, "of": getattr(config, use.memory)} for use in uses},
        "cycles_at_exit": [cycles.exits[index] for index in sorted(cycles.exits)],
        "percent_of_peak_at_exit": [
            100 * macs[index] / (cycles.exits[index] * config.macs) for index in sorted(macs)
        ],
    }


def rows(annotated: AnnotatedProgram) -> list[tuple[str, ...]]:
    """Return one row for each operation, see `HEAD`."""
    program = annotated.program
    cycles = predict_cycles(program).operations
    return [
        (
            str(number),
            " + ".join(note.layers) or "copy",
            ", ".join(_tensor(layout) for layout in note.reads),
            _tensor(note.writes),
            f"{operation.tiles:,}",
            _lines(operation),
            f"{taken:,}",
            f"{100 * note.macs / (taken * program.config.macs):.1f}",
        )
        for number, (operation, note, taken) in enumerate(
            zip(program.operations, annotated.notes, cycles, strict=True)
        )
    ]


def operations_data(annotated: AnnotatedProgram) -> list[dict[str, Any]]:
    """Return everything about each operation, as JSON data."""
    cycles = predict_cycles(annotated.program).operations
    return [
        {"fields": asdict(operation), **asdict(note), "cycles": taken}
        for operation, note, taken in zip(
            annotated.program.operations, annotated.notes, cycles, strict=True
        )
    ]


def _tensor(layout: TensorLayout) -> str:
    """Return shape, format and bytes of a tensor: ``8x8x32 u 4096..6143``."""
    shape = "x".join(map(str, layout.shape))
    kind = "s" if layout.signed else "u"
    return f"{shape} {kind} {layout.base}..{layout.base + layout.size - 1}"


def _lines(operation: Operation) -> str:
    """Return the lines of weights of an operation: ``12..47``."""
    lines = operation.run_steps
    if not operation.weight_rewind:
        lines *= operation.groups * operation.kernel_rows * operation.kernel_columns
    return f"{operation.weight_base}..{operation.weight_base + lines - 1}"
