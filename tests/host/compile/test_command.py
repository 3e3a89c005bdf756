"""The command that compiles: its file, its listing, its refusals."""

import json
from pathlib import Path

import pytest

from offramp.golden.program_file import load_program
from offramp.host.cli.main import run
from offramp.host.compile.cycles import FETCH_CYCLES


def test_compile_writes_a_program_and_lists_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "program.safetensors"
    arguments = ["--net", "zoo:blenet-mnist", "--engine", "128", "--listing", "-o", str(path)]
    assert run(["compile", *arguments]) == 0
    output = capsys.readouterr().out
    loaded = load_program(path)
    assert loaded.name == "blenet"
    for note in loaded.notes:
        assert all(layer in output for layer in note.layers)
        assert f"{note.writes.base}..{note.writes.base + note.writes.size - 1}" in output
    assert output.splitlines()[-1] == f"Result: {path}"


def test_compile_reports_figures_as_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "program.safetensors"
    arguments = ["compile", "--net", "zoo:digits", "--json", "--listing", "-o", str(path)]
    assert run(arguments) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["result"] == str(path)
    assert values["operations"] == len(values["program"]) == len(load_program(path).notes)
    cycles = [operation["cycles"] for operation in values["program"]]
    assert values["cycles_at_exit"][-1] == FETCH_CYCLES + sum(cycles)


def test_compile_refuses_what_does_not_fit_and_enlarges_on_request(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "program.safetensors"
    arguments = ["compile", "--net", "zoo:resnet8-cifar10", "--engine", "16", "-o", str(path)]
    assert run(arguments) == 1
    assert capsys.readouterr().err.startswith("Error: Activation bytes must be at least 38,912 ")
    assert not path.exists()
    assert run([*arguments, "--enlarge"]) == 0
    assert load_program(path).program.config.activation_bytes == 38912


def test_bench_programs_shows_every_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "programs", "zoo:digits", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["zoo:digits"]
    assert list(found) == ["8", "16", "32", "64", "128"]
    wholes = [values["cycles_at_exit"][-1] for values in found.values()]
    assert wholes == sorted(wholes, reverse=True)
