from pathlib import Path

import numpy as np
import pytest

from offramp.golden.float_file import FLOAT_FILE, FloatFileError, load_float_network
from offramp.golden.float_file import save_float_network as save
from offramp.golden.folding import fold
from offramp.golden.models import digits_network
from offramp.golden.network_file import NETWORK_FILE, NetworkFileError, load_network

NETWORK = fold(digits_network().eval())


def test_float_network_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "net"
    save(NETWORK, path, {"source": "here"})
    found, origin = load_float_network(path)
    assert origin == {"source": "here"}
    assert (found.name, found.topology) == (NETWORK.name, NETWORK.topology)
    for name, weight in NETWORK.weights.items():
        assert (found.weights[name] == weight).all()
        assert (found.biases[name] == NETWORK.biases[name]).all()


def test_kinds_of_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "net"
    save(NETWORK, path)
    assert FLOAT_FILE.made(path)
    assert not NETWORK_FILE.made(path)
    assert not FLOAT_FILE.made(tmp_path / "absent")
    assert not FLOAT_FILE.made(Path(__file__))
    with pytest.raises(NetworkFileError, match="must have the format 'offramp-network'"):
        load_network(path)


def test_damaged_float_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net"
    save(NETWORK, path)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[-9] ^= 1
    for wrong in (content[:-8], bytes(flipped), b""):
        path.write_bytes(wrong)
        with pytest.raises(FloatFileError, match=r"^Float network file must"):
            load_float_network(path)


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("exit0.linear1.weight", np.zeros((10, 31)), r"must be float64 \(10, 32\), not float64"),
        ("exit0.linear1.bias", np.zeros(10, np.float32), r"float64 \(10,\), not float32 \(10,\)"),
        ("exit0.linear1.bias", np.full(10, np.nan), "Bias of exit0.linear1 must be finite"),
        ("exit0.linear1.weight", None, "no 'exit0.linear1.weight'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, key, array, message):
    path = tmp_path / "net"
    save(NETWORK, path)
    description, tensors = FLOAT_FILE.read(path)
    changed = {**tensors, key: array}
    FLOAT_FILE.write(path, description, {k: v for k, v in changed.items() if v is not None})
    with pytest.raises(FloatFileError, match=message):
        load_float_network(path)
