"""offramp run on boards: emulated ones, one at a port, and everything that can be wrong."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from offramp.golden.network_file import load_network
from offramp.golden.program_file import save_program
from offramp.golden.spec.engine import ENGINES
from offramp.golden.spec.link import LinkConfig
from offramp.host.cli.main import run
from offramp.host.compile import compile_network
from offramp.host.link.models import model_board
from offramp.host.link.port import SerialPort
from offramp.host.link.pseudo_terminal import PseudoTerminal

LINK = LinkConfig(clock_hz=48_000_000, build_hash=0xABC)


@pytest.fixture
def port(tmp_path) -> Path:
    return tmp_path / "board"


def arguments(device: str, *more: str, images: int = 20) -> list[str]:
    return ["run", "--device", device, "--net", "zoo:digits", "--images", str(images), *more]


def test_model_of_a_board_gives_what_the_emulator_gives(capsys, tmp_path):
    files = []
    for device, jobs in (("uart-model", ()), ("emulator", ("--jobs", "1"))):
        files.append(tmp_path / f"{device}.csv")
        assert run(arguments(device, *jobs, "--json", "-o", str(files[-1]))) == 0
        values = json.loads(capsys.readouterr().out)
        assert values["results_that_differ_from_golden"] == 0
        assert values["times_fewer_cycles"] > 1
    rows = [list(csv.DictReader(file.read_text().splitlines())) for file in files]
    assert rows[0] == rows[1]


def test_rtl_behind_a_port_gives_golden_results_with_a_table_of_exits(capsys):
    assert run(arguments("uart", images=5)) == 0
    text = capsys.readouterr().out
    assert "exit 1" in text
    assert "without exit branches" in text
    assert "results that differ from golden │ 0 " in text


def test_board_at_a_port_runs_what_fits_it(capsys, port):
    board = model_board(replace(ENGINES["32"], weight_lines=2048), LINK)
    with PseudoTerminal(board.respond, port):
        assert run(arguments(f"serial:{port}", "--build-hash", "abc", "--json")) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["array"], values["build_hash"]) == ("4 x 8", "00000abc")
    assert values["results_that_differ_from_golden"] == 0
    assert board.engine.executed == 20


def test_program_file_is_loaded_instead(capsys, port, tmp_path):
    compilation = compile_network(load_network("zoo:digits"), ENGINES["16"])
    path = tmp_path / "program.safetensors"
    save_program(compilation, path)
    board = model_board(ENGINES["16"], LINK)
    with PseudoTerminal(board.respond, port):
        assert run(arguments(f"serial:{port}", "--program", str(path))) == 0
        capsys.readouterr()
        # truncated, and for another engine
        path.write_bytes(path.read_bytes()[:-100])
        assert run(arguments(f"serial:{port}", "--program", str(path))) == 1
        error = capsys.readouterr().err
        assert error.startswith("Error: Program file must be ")
        assert error.count("\n") == 1
        save_program(compile_network(load_network("zoo:digits"), ENGINES["32"]), path)
        assert run(arguments(f"serial:{port}", "--program", str(path))) == 1
        error = capsys.readouterr().err
        assert "Program must be for 4 lanes of outputs as the board's, not 8" in error


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--build-hash", "abd"), "Bitstream must be that of build 00000abd, not 00000abc"),
        (("--build-hash", "xyz"), "Build hash must be up to 8 hexadecimal digits, not 'xyz'"),
        (("--baud", "9600"), "9600 is not in the range"),
        (("--program", "nowhere"), "nowhere"),
    ],
)
def test_wrong_board_or_program_is_one_line(capsys, port, more, message):
    with PseudoTerminal(model_board(ENGINES["16"], LINK).respond, port):
        assert run(arguments(f"serial:{port}", *more)) != 0
    assert message in capsys.readouterr().err


def test_network_that_is_too_large_is_one_line(capsys, port):
    small = replace(ENGINES["16"], weight_lines=64)
    with PseudoTerminal(model_board(small, LINK).respond, port):
        assert run(arguments(f"serial:{port}")) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: Weight lines must be at least 1,231 for digits, not 64")
    assert error.count("\n") == 1


def test_bitstream_of_another_release_is_one_line(capsys, port, monkeypatch):
    monkeypatch.setattr("offramp.golden.link_board.VERSION_MAJOR", 2)
    with PseudoTerminal(model_board(ENGINES["16"], LINK).respond, port):
        assert run(arguments(f"serial:{port}")) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: Bitstream must have the link of version 1, not 2.0")
    assert error.count("\n") == 1


def test_missing_busy_and_silent_ports_are_one_line(capsys, port, monkeypatch):
    assert run(arguments(f"serial:{port}")) == 1
    assert capsys.readouterr().err == f"Error: Port must be there, not '{port}'\n"
    with PseudoTerminal(model_board(ENGINES["16"], LINK).respond, port):
        holder = SerialPort(str(port), LINK.baud)
        assert run(arguments(f"serial:{port}")) == 1
        assert capsys.readouterr().err == f"Error: Port must be free, but '{port}' is in use\n"
        holder.close()
    monkeypatch.setattr("offramp.host.link.connection.ANSWER_S", 0.2)
    with PseudoTerminal(lambda _data: b"", port):
        assert run(arguments(f"serial:{port}")) == 1
        assert capsys.readouterr().err.startswith("Error: Board must answer, but nothing came")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--device", "golden", "--baud", "1000000"), "Baud rate and build hash must be for a"),
        (("--device", "golden", "--program", "x"), "Program must be for a board"),
        (("--device", "usb"), "Device must be one of golden, unit, emulator, uart, uart-model, se"),
    ],
)
def test_bad_choices_are_one_line(capsys, extra, message):
    assert run(["run", "--net", "zoo:digits", *extra]) != 0
    assert message in capsys.readouterr().err
