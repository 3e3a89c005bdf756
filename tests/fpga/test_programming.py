import os
import stat

import pytest

from offramp.fpga.boards import find_board
from offramp.fpga.programming import program_board, program_command
from offramp.fpga.tools import ToolError

BOARD = find_board("ulx3s-85f")


@pytest.fixture
def bitstream(tmp_path):
    path = tmp_path / "a.bit"
    path.write_bytes(b"bits")
    return path


def loader(folder, script):
    """Put a program called openFPGALoader at the only place on PATH besides the shell's."""
    path = folder / "openFPGALoader"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:{os.defpath}"


def test_command_names_the_board_and_the_file():
    assert program_command(BOARD, "a.bit") == ["openFPGALoader", "-b", "ulx3s", "a.bit"]


def test_board_is_programmed_with_that_command(monkeypatch, tmp_path, bitstream):
    monkeypatch.setenv("PATH", loader(tmp_path, f'echo "$@" > {tmp_path}/said'))
    program_board(BOARD, bitstream)
    assert (tmp_path / "said").read_text() == f"-b ulx3s {bitstream}\n"


def test_missing_loader_is_one_line(monkeypatch, tmp_path, bitstream):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as failure:
        program_board(BOARD, bitstream)
    assert str(failure.value) == (
        "Tool openFPGALoader must be installed to program a board "
        "(https://trabucayre.github.io/openFPGALoader)"
    )


def test_loader_that_fails_is_quoted_in_one_line(monkeypatch, tmp_path, bitstream):
    monkeypatch.setenv("PATH", loader(tmp_path, "echo first >&2; echo no device >&2; exit 1"))
    with pytest.raises(ToolError, match=r"^Tool openFPGALoader must succeed, not say: no device$"):
        program_board(BOARD, bitstream)


def test_missing_bitstream_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"^Bitstream must be a file, not '.*none\.bit'$"):
        program_board(BOARD, tmp_path / "none.bit")
