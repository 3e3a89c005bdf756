"""Program files keep everything, and what is no program is refused in one line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offramp.golden.container import Container
from offramp.golden.network_file import load_network
from offramp.golden.program_file import (
    PROGRAM_FILE,
    ProgramFileError,
    load_program,
    save_program,
)
from offramp.golden.spec.engine import ENGINES
from offramp.golden.spec.layout import AnnotatedProgram
from offramp.golden.spec.operation import WORDS, Operation
from offramp.host.compile import compile_network


@pytest.fixture(scope="module")
def compiled() -> AnnotatedProgram:
    compilation = compile_network(load_network("zoo:digits"), ENGINES["64"])
    return AnnotatedProgram(
        name=compilation.name, program=compilation.program, notes=compilation.notes
    )


@pytest.fixture
def path(tmp_path: Path, compiled: AnnotatedProgram) -> Path:
    file = tmp_path / "program.safetensors"
    save_program(compiled, file)
    return file


def refusal(path: Path) -> str:
    with pytest.raises(ProgramFileError) as error:
        load_program(path)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_program_survives_its_file(path: Path, compiled: AnnotatedProgram) -> None:
    assert load_program(path) == compiled


def test_the_same_program_gives_the_same_file(path: Path, compiled: AnnotatedProgram) -> None:
    again = path.with_name("again.safetensors")
    save_program(compiled, again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("size", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    assert refusal(path).startswith(
        f"Program file must be a whole safetensors file, not {str(path)!r}"
    )


def test_a_flipped_bit_is_refused(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert (
        refusal(path) == f"Program file must match its checksum, not {str(path)!r}: it is damaged"
    )


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "must be readable" in refusal(tmp_path / "none")


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    Container(thing="Other", format_name="other", version=1).write(path, {}, {"a": np.zeros(3)})
    assert refusal(path).endswith("must have the format 'offramp-program', not 'other'")


def test_a_newer_file_is_refused(path: Path) -> None:
    description, tensors = PROGRAM_FILE.read(path)
    replace(PROGRAM_FILE, version=2).write(path, description, tensors)
    assert refusal(path).endswith("must have version 1 to 1, which this release reads, not '2'")


@pytest.mark.parametrize(
    ("tensor", "content", "reason"),
    [
        ("program", np.zeros(20, np.uint32), "Words of a descriptor must be 19, not 1"),
        ("program", np.zeros(19 * 60, np.uint32), "Program words must be a multiple of 1 up to"),
        ("weights", np.zeros(65, np.int8), "Weight bytes must be a multiple of 64 up to"),
        ("channels", np.zeros(9, np.uint32), "Channel words must be a multiple of 8 up to"),
        ("channels", np.zeros(8), "Tensor channels must be a vector of uint32, not float64"),
        ("program", np.zeros(19, np.uint32), "Notes must be 1 as operations, not "),
        ("weights", None, "no 'weights'"),
    ],
)
def test_an_illegal_program_is_refused(
    path: Path, tensor: str, content: np.ndarray | None, reason: str
) -> None:
    description, tensors = PROGRAM_FILE.read(path)
    tensors.pop(tensor)
    if content is not None:
        tensors[tensor] = content
    PROGRAM_FILE.write(path, description, tensors)
    message = refusal(path)
    assert message.startswith(f"Program file must hold a legal program, not {str(path)!r}: ")
    assert reason in message


def test_a_program_that_an_engine_must_not_run_is_refused(path: Path) -> None:
    description, tensors = PROGRAM_FILE.read(path)
    # the tile of the first operation drains faster than it can
    operation = Operation.decode(tensors["program"][: len(WORDS)].tolist())
    wrong = replace(operation, tile_spacing=operation.drain_steps - 1)
    tensors["program"][: len(WORDS)] = wrong.encode()
    PROGRAM_FILE.write(path, description, tensors)
    assert "Operation 0 must have a tile spacing of at least" in refusal(path)


def test_a_description_that_lacks_something_is_refused(path: Path) -> None:
    description, tensors = PROGRAM_FILE.read(path)
    for name in json.loads(json.dumps(description)):
        less = {key: value for key, value in description.items() if key != name}
        PROGRAM_FILE.write(path, less, tensors)
        assert f"no '{name}'" in refusal(path)
