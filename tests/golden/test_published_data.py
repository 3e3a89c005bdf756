import re
from pathlib import Path

import numpy as np
import pytest

from offramp.golden.cifar10 import read_cifar10
from offramp.golden.data import load_dataset, split_dataset
from offramp.golden.data_files import DataError

from .published import DATA_DIR, cifar_batch, idx, needs_data, packed, write_idx_set

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", "MNIST/raw"),
        ("mnist", "mnist"),
        ("fashion_mnist", "FashionMNIST/raw"),
        ("fashion_mnist", "fashion_mnist"),
    ],
)
def test_idx_sets_are_read_from_either_folder(tmp_path: Path, name: str, folder: str) -> None:
    arrays = write_idx_set(tmp_path / folder)
    data = load_dataset(name, tmp_path)
    assert (data.images.shape, data.images.dtype) == ((80, 28, 28, 1), np.uint8)
    assert (data.images[:60, ..., 0] == arrays[IMAGES]).all()
    assert (data.labels[:60] == arrays[LABELS]).all()
    assert (data.images[60:, ..., 0] == arrays["t10k-images-idx3-ubyte"]).all()
    assert (data.name, data.n_classes, data.n_published_test) == (name, 10, 20)


def test_unpacked_files_are_read_too(tmp_path: Path) -> None:
    arrays = write_idx_set(tmp_path / "mnist")
    (tmp_path / "mnist" / f"{IMAGES}.gz").unlink()
    (tmp_path / "mnist" / IMAGES).write_bytes(idx(arrays[IMAGES]))
    assert (load_dataset("mnist", tmp_path).images[:60, ..., 0] == arrays[IMAGES]).all()


@pytest.mark.parametrize("seed", [0, 7])
def test_published_test_split_stays_and_calibration_comes_from_train(
    tmp_path: Path, seed: int
) -> None:
    write_idx_set(tmp_path / "mnist", n_train=120)
    data = load_dataset("mnist", tmp_path)
    splits = split_dataset(data, seed)
    assert (splits.test.images == data.images[120:]).all()
    assert np.bincount(splits.calibration.labels).tolist() == [2] * 10
    assert np.bincount(splits.train.labels).tolist() == [10] * 10
    found = [x.tobytes() for x in (*splits.train.images, *splits.calibration.images)]
    assert sorted(found) == sorted(x.tobytes() for x in data.images[:120])
    assert splits.train.n_published_test == 0


@pytest.mark.parametrize("folder", ["cifar-10-batches-bin", "cifar10"])
def test_cifar10_is_read_from_the_batches_that_are_there(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    first, fifth, test = cifar_batch(30, 1), cifar_batch(20, 5), cifar_batch(10, 0)
    (tmp_path / folder / "data_batch_5.bin").write_bytes(fifth.tobytes())
    (tmp_path / folder / "data_batch_1.bin.gz").write_bytes(packed(first.tobytes()))
    (tmp_path / folder / "test_first1000.bin.gz").write_bytes(packed(test.tobytes()))
    data = load_dataset("cifar10", tmp_path)
    assert (data.images.shape, data.n_published_test) == ((60, 32, 32, 3), 10)
    records = np.concatenate([first, fifth, test])
    assert (data.labels == records[:, 0]).all()
    # pixel (2, 3) of the green plane
    assert (data.images[:, 2, 3, 1] == records[:, 1 + 1024 + 2 * 32 + 3]).all()
    # the whole test set comes before its first images
    (tmp_path / folder / "test_batch.bin").write_bytes(cifar_batch(40, 9).tobytes())
    assert len(read_cifar10(tmp_path)[1][1]) == 40


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (IMAGES, b"no gzip", "must be whole gzip"),
        (IMAGES, packed(idx(np.zeros((60, 28, 28))))[:-9], "must be whole gzip"),
        (IMAGES, packed(b""), "Magic number of .* must be 2051, not 0"),
        (IMAGES, packed(idx(np.zeros(60))), "Magic number of .* must be 2051, not 2049"),
        (IMAGES, packed(idx(np.zeros((60, 28, 28)))[:-1]), "size of .* must be 47056 bytes, not"),
        (IMAGES, packed(idx(np.zeros((60, 28, 28)))[:10]), "Unpacked size of .* must be"),
        (IMAGES, packed(idx(np.zeros((60, 8, 8)))), "must be 28 x 28 pixels, not 8 x 8"),
        (LABELS, packed(idx(np.zeros(59))), "must be one for each of 60 images, not 59"),
        (LABELS, packed(idx(np.full(60, 10))), r"Label in .* must be in 0\.\.9, not 10"),
    ],
)
def test_damaged_idx_files_are_refused_in_one_line(
    tmp_path: Path, file: str, content: bytes, message: str
) -> None:
    write_idx_set(tmp_path / "mnist")
    (tmp_path / "mnist" / f"{file}.gz").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset("mnist", tmp_path)
    assert "\n" not in str(caught.value)
    assert file in str(caught.value)


def test_corrupt_deflate_data_is_refused(tmp_path: Path) -> None:
    write_idx_set(tmp_path / "mnist")
    path = tmp_path / "mnist" / f"{IMAGES}.gz"
    content = bytearray(path.read_bytes())
    content[20:40] = b"\xff" * 20
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="must be whole gzip"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (cifar_batch(3, 0).tobytes()[:-1], "must be a multiple of 3073 bytes, not 9218"),
        (b"", "Images of .* must be at least one, not 0"),
        (b"\x0a" + bytes(3072), r"Label in .* must be in 0\.\.9, not 10"),
    ],
)
def test_damaged_cifar10_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_dataset("cifar10", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_missing_files_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"Data set {name} must be read from a data folder"):
        load_dataset(name)
    with pytest.raises(DataError, match=r"^Data folder must hold \S+\.gz in \S+ or \S+, and "):
        load_dataset(name, tmp_path)
    missing = tmp_path / "none"
    message = f"Data folder must be an existing folder, not {str(missing)!r}"
    with pytest.raises(DataError, match=re.escape(message)):
        load_dataset(name, missing)


def test_train_batches_without_test_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "data_batch_1.bin").write_bytes(cifar_batch(10, 1).tobytes())
    with pytest.raises(DataError, match=r"Data folder must hold test_batch\.bin\.gz"):
        load_dataset("cifar10", tmp_path)


@needs_data
@pytest.mark.parametrize(
    ("name", "shape", "n_test"),
    [
        ("mnist", (28, 28, 1), 10_000),
        ("fashion_mnist", (28, 28, 1), 10_000),
        ("cifar10", (32, 32, 3), 1000),
    ],
)
def test_real_sets_are_read(name: str, shape: tuple[int, ...], n_test: int) -> None:
    data = load_dataset(name, DATA_DIR)
    assert data.images.shape[1:] == shape
    assert data.n_published_test == n_test
    assert len(data) > n_test
