"""Quantization-aware training from the command line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from offramp.golden.checkpoint import load_checkpoint, save_checkpoint
from offramp.golden.network_file import load_network
from offramp.host.cli.main import run
from offramp.host.workflow import load_splits, train_network


@pytest.fixture(scope="module")
def three_bits(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aware") / "three.checkpoint"
    arguments = ["--weight-bits", "3", "--start", str(checkpoint), "--epochs", "2"]
    assert run(["train", *arguments, "-o", str(path)]) == 0
    return path


def test_bits_of_the_training_are_those_of_the_network(
    three_bits: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "three.safetensors"
    assert run(["quantize", str(three_bits), "-o", str(output), "--json"]) == 0
    network = load_network(output)
    weights = [values.weight for values in network.parameters.values() if values.weight is not None]
    assert max(np.abs(weight).max() for weight in weights) == 3
    assert network.metadata["quantization"]["weight_bits"] == 3
    assert network.metadata["training"]["weight_bits"] == 3
    start = network.metadata["data"]["start"]
    assert start["training"] == load_checkpoint(checkpoint).config
    assert run(["calibrate", str(output), "--max-loss", "5"]) == 0
    capsys.readouterr()
    assert run(["run", str(output), "--device", "golden", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.8


def test_weights_have_fewer_bits_without_training_too(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "four.safetensors"
    assert run(["quantize", str(checkpoint), "--weight-bits", "4", "-o", str(output)]) == 0
    capsys.readouterr()
    weights = [values.weight for values in load_network(output).parameters.values()]
    assert max(np.abs(weight).max() for weight in weights if weight is not None) == 7


def test_wrong_starts_are_refused_in_one_line(
    three_bits: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "x")

    def fails(*arguments: str) -> str:
        assert run([*arguments, "-o", output]) == 1
        return capsys.readouterr().err

    message = fails("train", "--weight-bits", "4")
    assert "Weight bits and start must be given together, not 4 and None" in message
    message = fails("quantize", str(three_bits), "--weight-bits", "4")
    assert "Weight bits must be the 3 that training saw, not 4" in message
    message = fails("train", "--weight-bits", "12", "--start", str(checkpoint))
    assert "Weight bits must be in 2..8, not 12" in message
    message = fails("train", "--weight-bits", "4", "--start", "zoo:blenet-mnist")
    assert "Start must be trained on digits of split seed 0, not mnist of 0" in message
    message = fails("train", "--weight-bits", "4", "--start", str(three_bits))
    assert re.search(r"Initial state must be of the model digits, not '", message)
    assert "Traceback" not in message


def test_a_start_on_another_split_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    message = "^Start must be trained on digits of split seed 1, not digits of 0$"
    with pytest.raises(ValueError, match=message):
        train_network(
            load_splits("digits", None, 1), tmp_path / "x", weight_bits=4, start=checkpoint
        )


def test_unfinished_starts_are_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = load_checkpoint(checkpoint)
    path = tmp_path / "part"
    whole.config["epochs"] += 1
    save_checkpoint(whole, path)
    arguments = ["--weight-bits", "4", "--start", str(path), "-o", str(tmp_path / "x")]
    assert run(["train", *arguments]) == 1
    assert "Checkpoint must be of a finished training" in capsys.readouterr().err
