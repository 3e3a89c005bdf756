"""The way of a user's own network, as the document shows it, and where it can go wrong."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from offramp.golden.network_file import load_network
from offramp.golden.onnx_import import _READERS as ONNX_READERS
from offramp.golden.torch_import import _READERS as TORCH_READERS
from offramp.host.cli.main import run

from .test_bad_input import fails

DOCUMENT = (Path(__file__).parents[2] / "docs" / "bring-your-own.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after the document's first command: a trained module."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mynetwork.py").write_text(block("python"))
    # on one thread: two that wait for each other cost more than they give on images this small
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "mynetwork.py"], cwd=folder, check=True, env=environment)
    return folder


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "mynetwork", raising=False)
    return folder


def test_every_command_of_the_document_works(inside, capsys):
    first, *commands = [shlex.split(line) for line in block("sh").splitlines()]
    assert first == ["python", "mynetwork.py"]
    results = []
    for program, *arguments in commands:
        assert program == "offramp"
        assert run([*arguments, "--json"]) == 0, capsys.readouterr().err
        results.append(json.loads(capsys.readouterr().out))
    imported, quantized, calibrated, ran, exported = results
    assert imported["exits"] == 2
    assert imported["image"] == [8, 8, 1]
    assert quantized["macs_at_exit"] == imported["macs_at_exit"]
    assert calibrated["calibration_accuracy_with_exits"] > 0.9
    assert ran["accuracy"] > 0.9
    assert exported["logits_that_differ"] == 0
    network = load_network(inside / "mine.safetensors")
    assert network.metadata["imported"] == {
        "source": "mynetwork:make",
        "mean": [0.0],
        "std": [1.0],
    }


def test_document_lists_exactly_the_operators_that_are_read():
    rows = [line.split("|")[2:4] for line in DOCUMENT.splitlines() if line.startswith("| ")][1:]
    named = [set(re.findall(r"`(\w+)`", " ".join(column))) for column in zip(*rows, strict=True)]
    refused = {"_native_batch_norm_legit"}  # batch statistics, for the message
    assert named[0] == {packet.__name__ for packet in TORCH_READERS} - refused
    assert named[1] == set(ONNX_READERS)


def test_own_images_quantize_calibrate_and_run(inside, capsys):
    from offramp.golden.data import load_dataset  # noqa: PLC0415 -- beside what it makes

    digits = load_dataset("digits")
    np.savez("mine.npz", images=digits.images[:600], labels=digits.labels[:600])
    assert run(["import", "mynetwork:make", "--input-shape", "1,8,8", "-o", "own.float"]) == 0
    assert run(["quantize", "own.float", "--data", "mine.npz", "-o", "own.safetensors"]) == 0
    assert run(["calibrate", "own.safetensors"]) == 0
    capsys.readouterr()
    assert run(["run", "own.safetensors", "--device", "golden", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mynetwork"], "Network must be MODULE:FUNCTION or a file that ends in .onnx, not 'mynet"),
        (["mynetwork:make"], "Input shape must be given for a torch module (--input-shape"),
        (["mynetwork:make", "--input-shape", "8,8"], "Input shape must be three sizes"),
        (["mynetwork:make", "--input-shape", "1,8,-8"], "Input shape must be three sizes"),
        (["mynetwork:make", "--input-shape", "1,0,8"], "Size in the input shape must be in 1"),
        (["mynetwork:make", "--input-shape", "3,8,8"], "Network must take images of [2, 3, 8, 8]"),
        (["mynetwork:make", "--input-shape", "1,9,9", "--exits", "a"], "Exits must be named"),
        (["mynetwork:absent", "--input-shape", "1,8,8"],
         "Network must be made by mynetwork:absent without arguments, not raise AttributeError"),
        (["nowhere:make", "--input-shape", "1,8,8"],
         "Network must be made by nowhere:make without arguments, not raise ModuleNotFoundError"),
        (["mynetwork:torch", "--input-shape", "1,8,8"],
         "Network must be made by mynetwork:torch without arguments, not raise TypeError"),
        (["mynetwork:F.relu", "--input-shape", "1,8,8"], "Network must be made by"),
        (["mynetwork:make", "--input-shape", "1,8,8", "--mean", "0.5"],
         "Node conv2d of module stem must be a convolution without padding, behind images less "),
        (["mynetwork:make", "--input-shape", "1,8,8", "--mean", "0,0"],
         "Mean of the images must be 1 or 1 finite numbers, not (0.0, 0.0)"),
        (["mynetwork:make", "--input-shape", "1,8,8", "--std", "0"],
         "Standard deviation of the images must be 1 or 1 positive numbers, not (0.0,)"),
        (["mynetwork:make", "--input-shape", "1,8,8", "--std", "1/0"],
         "Standard deviation must be numbers like 0.5 or 1/255, not '1/0'"),
        (["absent.onnx"], "ONNX file must be a whole model with all its data, not 'absent.onnx'"),
        (["broken.onnx"], "ONNX file must be a whole model with all its data, not 'broken.onnx'"),
    ],
)  # fmt: skip
def test_sources_that_are_none_are_refused(inside, capsys, arguments, message):
    (inside / "broken.onnx").write_bytes(b"\x08")
    line = fails(capsys, "import", *arguments, "-o", "out.float")
    assert line.startswith(f"Error: {message}"), line
    assert not (inside / "out.float").exists()


def test_data_that_does_not_fit_an_imported_network_is_refused(inside, capsys, checkpoint):
    assert run(["import", "mynetwork:make", "--input-shape", "1,8,8", "-o", "net.float"]) == 0
    capsys.readouterr()

    def refused(*arguments: str) -> str:
        return fails(capsys, "quantize", *arguments, "-o", "refused.safetensors")

    assert "Data set of an imported network must be given (--data)" in refused("net.float")
    message = refused(str(checkpoint), "--data", "digits")
    assert "must be given for imported networks only" in message
    images, labels = np.zeros((50, 9, 9, 1), np.uint8), np.arange(50) % 10
    np.savez("large.npz", images=images, labels=labels)
    message = refused("net.float", "--data", "large.npz")
    assert "Calibration images must be (8, 8, 1) as the model takes, not (9, 9, 1)" in message
    np.savez("few.npz", images=images[:, :8, :8], labels=labels % 4)
    message = refused("net.float", "--data", "few.npz")
    assert "Classes of the calibration data must be 10 as the model has, not 4" in message
    np.savez("label.npz", images=images, labels=labels, class_names=["a", "b"])
    assert "Label in 'label.npz' must be in 0..1, not 2" in refused(
        "net.float", "--data", "label.npz"
    )
    np.savez("reals.npz", images=images / 255, labels=labels)
    assert "must be uint8 [n, H, W, C], not float64" in refused("net.float", "--data", "reals.npz")
    Path("damaged.float").write_bytes(Path("net.float").read_bytes()[:-16])
    message = refused("damaged.float", "--data", "digits")
    assert "Float network file must be a whole safetensors file, not 'damaged.float'" in message
    assert not Path("refused.safetensors").exists()
