import json
import subprocess
import sys

import click
import pytest

from offramp.host.cli.main import offramp, run

COMMANDS = [
    "demo",
    "train",
    "import",
    "quantize",
    "calibrate",
    "run",
    "report",
    "export",
    "compile",
    "zoo",
    "verilog",
    "sim",
    "synth",
    "explore",
    "program",
    "bench",
]


def all_commands(group=offramp, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


@pytest.mark.parametrize("command", [" ".join(path) for path, _ in all_commands()])
def test_help_shows_an_example(capsys, command):
    assert run([*command.split(), "--help"]) == 0
    output = capsys.readouterr().out
    assert f"\n  Example: offramp {command}" in output  # on a line of its own
    assert "\\b" not in output


def test_every_sub_command_is_there():
    assert offramp.list_commands(click.Context(offramp)) == COMMANDS


def test_help_of_the_whole_does_not_import_torch():
    code = (
        "import sys\nfrom offramp.host.cli.main import run\n"
        "run(['--version'])\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_json_is_one_object_with_the_result(capsys, network_file, tmp_path):
    output = tmp_path / "results.csv"
    arguments = ["run", str(network_file), "--device", "golden", "--json", "-o", str(output)]
    assert run(arguments) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["result"] == str(output)
    rows = output.read_text().splitlines()
    assert rows[0] == "image,label,exit,score,macs,true_label"
    assert len(rows) == values["images"] + 1


def test_last_line_says_where_the_result_lies(capsys, tmp_path):
    assert run(["verilog", "decision", "--classes", "7", "-o", str(tmp_path)]) == 0
    path = tmp_path / "offramp_decision.v"
    assert capsys.readouterr().out.splitlines()[-1] == f"Result: {path}"
    assert "classes        7" in path.read_text()


def test_emulator_bench_compares_with_cocotb_in_one_run(capsys, tmp_path):
    arguments = ["bench", "emulator", "--vectors", "20000", "--json", "-o", str(tmp_path)]
    assert run(arguments) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["decisions_that_differ_from_golden"] == 0
    assert values["emulator_vectors_per_second"] > values["cocotb_vectors_per_second"]
