"""A small trained and calibrated network, made once for all tests of the host."""

import os
from pathlib import Path

import pytest

from offramp.golden.network import IntegerNetwork
from offramp.golden.network_file import save_network
from offramp.host.workflow import (
    calibrate_network,
    load_splits,
    quantize_checkpoint,
    train_network,
)

EPOCHS = 8  # enough to be right most of the time, in about a second


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "digits.checkpoint"
    train_network(load_splits("digits", None, 0), path, epochs=EPOCHS)
    return path


@pytest.fixture(scope="session")
def network(checkpoint: Path) -> IntegerNetwork:
    calibrated, _ = calibrate_network(
        quantize_checkpoint(checkpoint, None), load_splits("digits", None, 0), 2.0
    )
    return calibrated


@pytest.fixture(scope="session")
def network_file(network: IntegerNetwork, checkpoint: Path) -> Path:
    path = checkpoint.with_name("digits.safetensors")
    save_network(network, path)
    return path


@pytest.fixture
def blocked_folder(tmp_path: Path) -> Path:
    """A path that can be made by nobody, root included: its parent is a file."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / os.fspath("folder")
