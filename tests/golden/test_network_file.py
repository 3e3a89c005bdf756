import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from offramp.golden.container import Container
from offramp.golden.network import IntegerNetwork
from offramp.golden.network_file import (
    NETWORK_FILE,
    NetworkFileError,
    load_network,
    save_network,
)
from offramp.golden.spec.rules import ExitRule

from .networks import random_network


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "network.offramp"
    save_network(random_network(3).with_thresholds([-7], {"target": 0.5}), path)
    return path


def refusal(path: Path) -> str:
    """Return the message with which `path` is refused, one line that names it."""
    with pytest.raises(NetworkFileError) as caught:
        load_network(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_a_network_survives_its_file(path: Path, quantized: IntegerNetwork) -> None:
    assert load_network(path) == random_network(3).with_thresholds([-7], {"target": 0.5})
    save_network(quantized, path)  # replaces what was there
    assert load_network(path) == quantized


def test_rules_of_every_criterion_survive_their_file(path: Path) -> None:
    gate = ExitRule(criterion="gate", threshold=-9, weights={"margin": 5, "entropy": -3}, offset=70)
    for rule in (gate, ExitRule(criterion="patience", threshold=1)):
        network = random_network(3).with_rules([rule])
        save_network(network, path)
        assert load_network(path) == network


def test_thresholds_of_version_1_are_those_of_the_confidence(path: Path) -> None:
    description, tensors = NETWORK_FILE.read(path)
    del description["rules"]
    description["thresholds"] = [-7]
    replace(NETWORK_FILE, version=1).write(path, description, tensors)
    assert load_network(path).rules == (ExitRule(threshold=-7),)
    description["thresholds"] = None
    replace(NETWORK_FILE, version=1).write(path, description, tensors)
    assert load_network(path).rules is None


def test_a_loaded_network_computes_the_same(path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 7, 6, 3)).astype(np.uint8)
    pairs = zip(load_network(path).forward(images), random_network(3).forward(images), strict=True)
    assert all((a == b).all() for a, b in pairs)


def test_the_same_network_makes_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    save_network(load_network(path), again)
    assert again.read_bytes() == path.read_bytes()


def test_nothing_but_the_file_is_left_behind(path: Path) -> None:
    assert os.listdir(path.parent) == [path.name]


def test_an_interrupted_write_leaves_the_old_file_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_network(random_network(4), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 5000, -1])
def test_a_truncated_file_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    assert "must be a whole safetensors file" in refusal(path)


def test_every_changed_byte_is_noticed(path: Path) -> None:
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    spots = {0, 7, 8, len(content) - 1, *rng.integers(0, len(content), 150).tolist()}
    for spot in spots:
        path.write_bytes(content[:spot] + bytes([content[spot] ^ 0x55]) + content[spot + 1 :])
        refusal(path)


def test_foreign_files_are_refused(path: Path) -> None:
    path.write_text("label,pixel\n1,2\n")
    assert "must be a whole safetensors file" in refusal(path)
    save_file({"weight": np.zeros(3, np.float32)}, path)
    expected = f"Network file {str(path)!r} must have the format 'offramp-network', not None"
    assert refusal(path) == expected


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").endswith("No such file or directory")
    assert refusal(tmp_path).endswith("Is a directory")


@pytest.mark.parametrize("version", ["3", "0", "1.5", ""])
def test_other_versions_are_refused_before_anything_else(path: Path, version: str) -> None:
    metadata = {"format": "offramp-network", "version": version}
    save_file({"new": np.zeros(1, np.float32)}, path, metadata)
    rule = "must have version 1 to 2, which this release reads"
    assert refusal(path) == f"Network file {str(path)!r} {rule}, not {version!r}"


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    description, tensors = NETWORK_FILE.read(path)
    change(description, tensors)
    NETWORK_FILE.write(path, description, tensors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, t: d.pop("segments"), "no 'segments'"),
        (lambda d, t: d.update(segments=7), "Segments must be a list, not int"),
        (lambda d, t: d.update(rules=d["rules"] * 2), "Thresholds must be one for each of 1 early"),
        (lambda d, t: d.update(rules=3), "'int' object is not iterable"),
        (lambda d, t: d.update(rules=[3]), "Rule must have a criterion and a threshold, not 3"),
        (lambda d, t: d["rules"][0].pop("threshold"), "Rule must have a criterion and a threshold"),
        (lambda d, t: d["rules"][0].update(gain=1), "Rule must have criterion, offset, threshold"),
        (lambda d, t: d["rules"][0].update(threshold=0.5), "Threshold must be an integer, not 0.5"),
        (lambda d, t: d.update(class_names=None), "'NoneType' object is not iterable"),
        (lambda d, t: t.pop("conv.bias"), "Parameters of conv must be weight, bias, multiplier, "),
        (lambda d, t: t.update({"conv.gain": t["conv.bias"]}), "Tensor must be one of weight, "),
        (
            lambda d, t: t.update({"conv.shift": t["conv.shift"] * 0}),
            "Shift of conv must be in 1..40, not 0",
        ),
        (lambda d, t: t.update({"other.bias": t["conv.bias"]}), "Parameters must be given for "),
    ],
)
def test_a_whole_file_of_an_illegal_network_is_refused(
    path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None], message: str
) -> None:
    rewritten(path, change)
    text = refusal(path)
    assert text.startswith("Network file must describe a legal network, not ")
    assert message in text


def test_a_description_that_is_no_mapping_is_refused(path: Path) -> None:
    _, tensors = NETWORK_FILE.read(path)
    NETWORK_FILE.write(path, [1], tensors)
    assert "must describe a legal network" in refusal(path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none" / "network"
    message = f"Network file must be writable, not {str(path)!r}: No such file or directory"
    with pytest.raises(NetworkFileError, match=re.escape(message)):
        save_network(random_network(0), path)


def test_the_file_is_plain_safetensors_with_a_json_description(path: Path) -> None:
    tensors = load_file(path)
    assert tensors["conv.weight"].shape == (8, 3, 3, 3)
    assert {str(x.dtype) for x in tensors.values()} == {"int8", "int32", "uint16", "uint8"}
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    description = json.loads(header["__metadata__"]["description"])
    assert description["segments"][0]["backbone"][0]["kind"] == "convolution"


def test_containers_differ_in_format_and_error() -> None:
    assert Container(thing="X", format_name="x", version=1).error is not NETWORK_FILE.error
