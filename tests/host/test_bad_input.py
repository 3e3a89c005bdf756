"""Every mistake of a user costs one line and a non-zero exit code, and no file."""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from offramp.golden.checkpoint import load_checkpoint
from offramp.golden.network_file import NETWORK_FILE
from offramp.host.cli.main import run


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run the command line, check that it fails in one line, and return that line."""
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert code not in (0, 130)
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert "Traceback" not in captured.err
    assert sum(line.startswith("Error: ") for line in lines) == 1
    return next(line for line in lines if line.startswith("Error: "))


def with_metadata(content: bytes, old: str, new: str) -> bytes:
    """Return a safetensors file with `old` replaced in its header."""
    size = struct.unpack("<Q", content[:8])[0]
    header = content[8 : 8 + size].decode()
    assert old in header
    changed = header.replace(old, new).encode()
    return struct.pack("<Q", len(changed)) + changed + content[8 + size :]


def test_truncated_network_file_is_named(capsys, network_file, tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(network_file.read_bytes()[:-100])
    assert "damaged.safetensors" in fails(capsys, "run", damaged, "--device", "golden")


def test_network_file_with_one_flipped_bit_is_refused(capsys, network_file, tmp_path):
    content = bytearray(network_file.read_bytes())
    content[-1000] ^= 4
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    assert "damaged.safetensors" in fails(capsys, "run", damaged, "--device", "golden")


def test_newer_network_file_is_refused(capsys, network_file, tmp_path):
    newer = tmp_path / "newer.safetensors"
    this, next_one = (f'"version":"{NETWORK_FILE.version + i}"' for i in (0, 1))
    newer.write_bytes(with_metadata(network_file.read_bytes(), this, next_one))
    assert "version" in fails(capsys, "run", newer, "--device", "golden")


def test_foreign_file_is_refused_as_network(capsys, tmp_path):
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_text(json.dumps({"not": "a network"}))
    assert "foreign.safetensors" in fails(capsys, "run", foreign, "--device", "golden")


def test_missing_network_file_is_named(capsys, tmp_path):
    assert "absent" in fails(capsys, "run", tmp_path / "absent", "--device", "golden")


def test_calibrating_a_damaged_file_leaves_it_as_it_is(capsys, network_file, tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    content = network_file.read_bytes()[:-100]
    damaged.write_bytes(content)
    fails(capsys, "calibrate", damaged)
    assert damaged.read_bytes() == content
    assert list(tmp_path.iterdir()) == [damaged]


def test_data_folder_without_data_is_named(capsys, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    output = tmp_path / "out" / "checkpoint"
    message = fails(capsys, "train", "--data-dir", empty, "-o", output)
    assert "Data folder must hold" in message
    assert not output.exists()


def test_missing_data_folder_is_named(capsys, tmp_path):
    absent = tmp_path / "absent"
    message = fails(capsys, "train", "--data-dir", absent, "-o", tmp_path / "checkpoint")
    assert "Data folder must be" in message


@pytest.mark.parametrize("threshold", ["0.1", "1.0", "0", "-3", "nan", "1.5"])
def test_threshold_outside_its_range_is_refused(capsys, network_file, threshold):
    message = fails(capsys, "run", network_file, "--device", "golden", "--threshold", threshold)
    assert re.search(r"Confidence threshold must be in \(1/10, 1\)", message)


@pytest.mark.parametrize("classes", ["0", "1", "-4", "1025"])
@pytest.mark.parametrize("command", ["verilog", "sim"])
def test_number_of_classes_out_of_range_is_refused(capsys, tmp_path, command, classes):
    output = tmp_path / "out"
    message = fails(capsys, command, "decision", "--classes", classes, "-o", output)
    assert message == f"Error: Number of classes must be in 2..1024, not {classes}"
    assert not output.exists()


LEAN = "confidence, margin, both, or entropy"
NAMES = "input, operand, threshold, mantissa, addend, decision"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--logit-width 3", "Logit width must be in 4..16, not 3"),
        ("--logit-width 17", "Logit width must be in 4..16, not 17"),
        ("--fraction-bits 7", "Fraction bits must be in 2..6, not 7"),
        ("--mantissa-bits 3", "Mantissa bits must be in 4..10, not 3"),
        ("--exits 0", "Number of exits must be in 1..16, not 0"),
        ("--tag-width 33", "Tag width must be in 0..32, not 33"),
        ("--lanes 3", "Lanes must be one of 1, 2, 4, 8, not 3"),
        (
            "--lanes 4 --criteria entropy",
            "Criteria with 4 lanes must be without entropy, not entropy",
        ),
        (
            "--criteria magic",
            "Criterion must be one of confidence, margin, entropy, gate, patience, not 'magic'",
        ),
        (
            "--criteria margin,margin",
            "Criteria must be one or more different ones, not ('margin', 'margin')",
        ),
        ("--criteria none", "Criteria must be one or more different ones, not ()"),
        (
            "--criteria gate",
            "Criteria with gate must have one of confidence, margin, entropy, not gate",
        ),
        (
            "--criteria patience --exits 1",
            "Number of exits with patience must be in 2..16, not 1",
        ),
        (
            "--criteria patience --tag-width 13",
            "Tag width with patience must be in 1..12, not 13",
        ),
        (
            "--criteria margin,entropy --no-score",
            f"Criteria without score must be {LEAN}, not margin, entropy",
        ),
        (
            "--registers addend,operand",
            f"Registers must be a tuple of {NAMES} in this order, not ('addend', 'operand')",
        ),
        ("--registers flux", f"Registers must be a tuple of {NAMES} in this order, not ('flux',)"),
    ],
)
@pytest.mark.parametrize("command", ["verilog", "sim", "synth"])
def test_illegal_parameter_of_the_unit_is_refused(capsys, tmp_path, command, options, text):
    output = tmp_path / "out"
    device = ["--device", "up5k"] if command == "synth" else []
    arguments = [command, "decision", *device, *options.split(), "-o", output]
    assert fails(capsys, *arguments) == f"Error: {text}"
    assert not output.exists()


@pytest.mark.parametrize("command", ["verilog", "sim"])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--tag-width 0", "Tag width of a unit with buses must be in 1..28, not 0"),
        ("--no-score", "With score of a unit with buses must be True, not False"),
        (
            "--registers none",
            "Registers of a unit with buses must have operand and not input, not ()",
        ),
    ],
)
def test_parameter_that_the_buses_cannot_have_is_refused(capsys, tmp_path, command, options, text):
    output = tmp_path / "out"
    arguments = [command, "decision", "--bus", "axi", *options.split(), "-o", output]
    assert fails(capsys, *arguments) == f"Error: {text}"
    assert not list(tmp_path.glob("out/*"))


def test_unknown_bus_is_refused(capsys, tmp_path):
    for command in ("verilog", "sim"):
        message = fails(capsys, command, "decision", "--bus", "apb", "-o", tmp_path)
        assert message == "Error: Bus must be one of none, axi, not 'apb'"


def test_unknown_device_to_run_on_is_refused(capsys, network_file):
    message = fails(capsys, "run", network_file, "--device", "abacus")
    assert message == (
        "Error: Device must be one of golden, unit, emulator, uart, uart-model, serial:PORT, "
        "not 'abacus'"
    )


def test_unknown_device_to_synthesize_for_is_refused(capsys, tmp_path):
    message = fails(capsys, "synth", "decision", "--device", "abacus", "-o", tmp_path / "out")
    assert (
        message
        == "Error: Device must be one of ecp5-25k, ecp5-45k, ecp5-85k, up5k, hx8k, not 'abacus'"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("verilog", "decision", "-o"),
        ("sim", "decision", "-o"),
        ("synth", "decision", "--device", "up5k", "-o"),
        ("demo", "-o"),
    ],
)
def test_unwritable_output_folder_is_refused(capsys, blocked_folder, arguments):
    message = fails(capsys, *arguments, blocked_folder)
    assert "Output folder must be writable" in message


def test_unwritable_output_file_is_refused(capsys, checkpoint, blocked_folder):
    fails(capsys, "quantize", checkpoint, "-o", blocked_folder / "network")
    fails(capsys, "train", "-o", blocked_folder / "checkpoint")


def test_uncalibrated_network_is_refused(capsys, checkpoint, tmp_path):
    network = tmp_path / "network.safetensors"
    assert run(["quantize", str(checkpoint), "-o", str(network)]) == 0
    capsys.readouterr()
    message = fails(capsys, "run", network, "--device", "golden")
    assert "Network must be calibrated" in message


def test_wrong_option_exits_with_2(capsys):
    assert run(["run", "--nonsense"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_interrupt_exits_with_130_and_resumes_to_the_same_weights(tmp_path):
    # a shell's background jobs ignore the interrupt, and so would what they start
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from offramp.host.cli import main; main()"
    )

    def train(name: str) -> list[str]:
        return ["train", "--epochs", "8", "-o", str(tmp_path / name)]

    assert run(train("whole")) == 0
    process = subprocess.Popen(
        [sys.executable, "-c", program, *train("parts")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "parts").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "Interrupted."
    assert sorted(os.listdir(tmp_path)) == ["parts", "whole"]  # no temporary file stays

    assert load_checkpoint(tmp_path / "parts").epochs_done < 8
    assert run(train("parts")) == 0
    once, twice = (load_checkpoint(tmp_path / name).model for name in ("whole", "parts"))
    assert once.keys() == twice.keys()
    assert all(torch.equal(once[name], twice[name]) for name in once)
