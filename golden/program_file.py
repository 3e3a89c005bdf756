"""Programs of the engine as files, see `docs/design/accelerator.md` for the format."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .container import Container, FileError
from .program_check import check_program
from .spec.decision import DecisionConfig
from .spec.engine import EngineConfig
from .spec.layout import AnnotatedProgram, OperationNote, TensorLayout
from .spec.operation import WORDS, Operation
from .spec.program import CHANNEL_WORDS, Program

NUMBERS = ("image_base", "image_stride", "image_words", "n_classes")
"""Fields of a program that are plain integers."""

TENSORS = {"program": np.dtype(np.uint32), "channels": np.dtype(np.uint32),
           "weights": np.dtype(np.int8)}  # fmt: skip
"""Contents of the memories by name in the file."""


class ProgramFileError(FileError):
    """A program file that cannot be read or written; the message is one line that names it."""


PROGRAM_FILE = Container(
    thing="Program file", format_name="offramp-program", version=1, error=ProgramFileError
)
"""Format name and version of program files."""


def save_program(annotated: AnnotatedProgram, path: str | Path) -> None:
    """Write a program to a file, at once or not at all; `ProgramFileError` if impossible."""
    program = annotated.program
    description = {
        "name": annotated.name,
        "engine": asdict(program.config),
        "thresholds": list(program.thresholds),
        "notes": [asdict(note) for note in annotated.notes],
        **{name: getattr(program, name) for name in NUMBERS},
    }
    tensors: dict[str, NDArray[Any]] = {
        "program": np.array(program.words, np.uint32),
        "channels": np.array(program.channels, np.uint32),
        "weights": np.frombuffer(program.weights, np.int8),
    }
    PROGRAM_FILE.write(path, description, tensors)


def load_program(path: str | Path) -> AnnotatedProgram:
    """Return the program that `save_program` wrote.

    Raises
    ------
    ProgramFileError
        If the file is missing, damaged, truncated, foreign, newer than this release, or holds no
        legal program.
    """
    description, tensors = PROGRAM_FILE.read(path)
    try:
        return _program_of_description(description, tensors)
    except (TypeError, ValueError, KeyError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ProgramFileError(
            f"Program file must hold a legal program, not {str(path)!r}: {reason}"
        ) from error


def _program_of_description(description: Any, tensors: dict[str, NDArray[Any]]) -> AnnotatedProgram:
    engine = dict(description["engine"])
    unit: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in engine.pop("decision").items()
    }
    config = EngineConfig(**engine, decision=DecisionConfig(**unit))
    for name, kind in TENSORS.items():
        if tensors[name].dtype != kind or tensors[name].ndim != 1:
            raise TypeError(f"Tensor {name} must be a vector of {kind}, not {tensors[name].dtype}")
    words = tensors["program"].tolist()
    operations = tuple(
        Operation.decode(words[start : start + len(WORDS)])
        for start in range(0, len(words), len(WORDS))
    )
    channel_line = config.requantizers * CHANNEL_WORDS
    for thing, size, unit_size, most in (
        ("Program words", len(words), 1, config.program_words),
        ("Channel words", tensors["channels"].size, channel_line, config.channel_lines),
        ("Weight bytes", tensors["weights"].size, config.line_bytes, config.weight_lines),
    ):
        if size % unit_size or size > unit_size * most:
            raise ValueError(
                f"{thing} must be a multiple of {unit_size} up to {unit_size * most}, not {size}"
            )
    notes = tuple(_note(note) for note in description["notes"])
    if len(notes) != len(operations):
        raise ValueError(f"Notes must be {len(operations)} as operations, not {len(notes)}")
    program = Program(
        config=config,
        operations=operations,
        channels=tuple(tensors["channels"].tolist()),
        weights=tensors["weights"].tobytes(),
        thresholds=tuple(description["thresholds"]),
        **{name: description[name] for name in NUMBERS},
    )
    check_program(program)
    return AnnotatedProgram(name=description["name"], program=program, notes=notes)


def _note(values: Any) -> OperationNote:
    note = OperationNote(**values)
    return replace(
        note,
        layers=tuple(note.layers),
        reads=tuple(_layout(layout) for layout in values["reads"]),
        writes=_layout(values["writes"]),
    )


def _layout(values: Any) -> TensorLayout:
    layout = TensorLayout(**values)
    height, width, channels = layout.shape
    return replace(layout, shape=(height, width, channels), places=tuple(layout.places))
