import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use

from offramp.golden.data import load_dataset
from offramp.golden.mlperf_tiny import read_resnet8
from offramp.golden.models import resnet8
from offramp.golden.train import float_logits

from .published import DATA_DIR, needs_data

KERAS_EPSILON = 1e-3
CHANNELS = [(3, 3, 16), (3, 16, 16), (3, 16, 16), (3, 16, 32), (3, 32, 32), (1, 16, 32)]
CHANNELS += [(3, 32, 64), (3, 64, 64), (1, 32, 64)]
NORMED = [0, 1, 2, 3, 4, 6, 7]


def number(index: int) -> str:
    return f"_{index}" if index else ""


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """Random weights under the names of the Keras file."""
    rng = np.random.default_rng(0)
    found = {}
    for index, (kernel, n_in, n_out) in enumerate(CHANNELS):
        scale = (kernel * kernel * n_in) ** -0.5 / (255 if index == 0 else 1)
        shape = (kernel, kernel, n_in, n_out)
        found[f"conv2d{number(index)}/kernel"] = rng.normal(0, scale, shape)
        found[f"conv2d{number(index)}/bias"] = rng.normal(0, 0.1, n_out)
    for index, conv in enumerate(NORMED):
        n_out = CHANNELS[conv][2]
        for name in ("beta", "gamma", "moving_mean"):
            found[f"batch_normalization{number(index)}/{name}"] = rng.normal(0, 1, n_out)
        variance = rng.uniform(0.001, 2, n_out)  # so small that epsilon matters
        found[f"batch_normalization{number(index)}/moving_variance"] = variance
    found["dense/kernel"] = rng.normal(0, 0.2, (64, 10))
    found["dense/bias"] = rng.normal(0, 0.2, 10)
    return found


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            layer, field = name.split("/")
            file[f"model_weights/{layer}/{layer}/{field}:0"] = array.astype(np.float32)
    return path


def keras_logits(arrays: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Return the logits as Keras computes them: pixels of 0 to 255, padding "same"."""
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def conv(x: torch.Tensor, index: int, stride: int = 1) -> torch.Tensor:
        kernel = tensors[f"conv2d{number(index)}/kernel"].permute(3, 2, 0, 1)
        size = kernel.shape[2]
        total = max(size - stride, 0)
        before = total // 2
        x = F.pad(x, (before, total - before, before, total - before))
        return F.conv2d(x, kernel, tensors[f"conv2d{number(index)}/bias"], stride)

    def norm(x: torch.Tensor, index: int) -> torch.Tensor:
        values = (
            tensors[f"batch_normalization{number(index)}/{name}"][:, None, None]
            for name in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        mean, variance, gamma, beta = values
        return (x - mean) / torch.sqrt(variance + KERAS_EPSILON) * gamma + beta

    x = torch.from_numpy(images.astype(np.float64)).permute(0, 3, 1, 2)
    x = torch.relu(norm(conv(x, 0), 0))
    y = norm(conv(torch.relu(norm(conv(x, 1), 1)), 2), 2)
    x = torch.relu(x + y)
    y = norm(conv(torch.relu(norm(conv(x, 3, 2), 3)), 4), 4)
    x = torch.relu(conv(x, 5, 2) + y)
    y = norm(conv(torch.relu(norm(conv(x, 6, 2), 5)), 7), 6)
    x = torch.relu(conv(x, 8, 2) + y).mean(dim=(2, 3))
    return (x @ tensors["dense/kernel"] + tensors["dense/bias"]).numpy()


def test_the_import_computes_what_keras_does(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    state = read_resnet8(write(tmp_path / "resnet.h5", arrays))
    model = resnet8()
    names = model.load_state_dict(state, strict=False)
    assert not names.unexpected_keys
    untouched = ("branches.0.", "branches.1.")
    assert all(
        name.startswith(untouched) or name.endswith("num_batches_tracked")
        for name in names.missing_keys
    )
    images = np.random.default_rng(1).integers(0, 256, (20, 32, 32, 3)).astype(np.uint8)
    expected = keras_logits(arrays, images)
    found = float_logits(model, images)[-1]
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_other_files_are_refused_in_one_line(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "resnet.h5"
    with pytest.raises(ValueError, match=r"must be readable HDF5, not .*: No such file"):
        read_resnet8(path)
    path.write_bytes(b"no hdf5")
    with pytest.raises(ValueError, match="must be readable HDF5, not") as caught:
        read_resnet8(path)
    assert "\n" not in str(caught.value)
    write(path, {name: array for name, array in arrays.items() if "conv2d_8" not in name})
    with pytest.raises(ValueError, match=re.escape(f"ResNet-8, not {str(path)!r}")):
        read_resnet8(path)


@needs_data
def test_published_weights_have_the_published_accuracy() -> None:
    model = resnet8()
    state = read_resnet8(DATA_DIR / "mlperf_tiny" / "ic" / "pretrainedResnet.h5")
    model.load_state_dict(state, strict=False)
    data = load_dataset("cifar10", DATA_DIR)
    test = data.subset(np.arange(len(data) - data.n_published_test, len(data)))
    found = float_logits(model, test.images)[-1].argmax(axis=1)
    assert (found == test.labels).mean() >= 0.87
