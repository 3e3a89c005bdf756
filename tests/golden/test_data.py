import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from offramp.golden.data import DIGITS_FILE, Dataset, load_dataset, split_dataset
from offramp.golden.data_files import DataError


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # the same bytes, hence test names, in every process


def test_digits_are_those_of_scikit_learn_scaled_to_uint8() -> None:
    data, source = load_dataset("digits"), load_digits()
    assert (data.images.shape, data.images.dtype) == ((1797, 8, 8, 1), np.uint8)
    assert np.abs(data.images[..., 0] - source.images * 255 / 16).max() <= 0.5
    assert (data.images.min(), data.images.max()) == (0, 255)
    assert (data.labels == source.target).all()
    assert data.labels.dtype == np.int64
    assert data.class_names == tuple("0123456789")
    assert (len(data), data.n_classes) == (1797, 10)


@pytest.mark.parametrize("seed", [0, 1, 99])
def test_splits_are_disjoint_complete_and_stratified(seed: int) -> None:
    data = load_dataset("digits")
    splits = split_dataset(data, seed)
    parts = (splits.train, splits.calibration, splits.test)
    assert [len(part) for part in parts] == [899, 359, 539]
    # no image occurs twice in the digits, so pixels identify them
    identities = [image.tobytes() for part in parts for image in part.images]
    assert sorted(identities) == sorted(image.tobytes() for image in data.images)
    assert len(set(identities)) == len(identities)
    for part, share in zip(parts, (0.5, 0.2, 0.3), strict=True):
        expected = np.bincount(data.labels) * share
        assert np.abs(np.bincount(part.labels) - expected).max() <= 1


def test_splits_depend_on_the_seed_alone() -> None:
    data = load_dataset("digits")
    first, same, other = (split_dataset(data, seed) for seed in (0, 0, 1))
    assert (first.test.images == same.test.images).all()
    assert not np.array_equal(first.test.images, other.test.images)
    # fixed for ever: figures of different releases stay comparable
    assert first.test.labels[:12].tolist() == FIRST_TEST_LABELS


FIRST_TEST_LABELS = [7, 5, 8, 0, 5, 5, 0, 9, 7, 3, 5, 2]


def test_an_unknown_name_is_refused() -> None:
    names = "digits, mnist, fashion_mnist, cifar10"
    message = f"Data set must be one of {names} or an .npz file, not 'imagenet'"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_dataset("imagenet")


def test_a_folder_with_the_file_is_read(tmp_path: Path) -> None:
    lines = [",".join(["16"] * 64 + ["3"]), ",".join(["0"] * 64 + ["4"])]
    (tmp_path / DIGITS_FILE).write_bytes(packed("\n".join(lines).encode()))
    data = load_dataset("digits", tmp_path)
    assert data.labels.tolist() == [3, 4]
    assert (data.images[0] == 255).all()


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    message = f"Data folder must hold {DIGITS_FILE}, and {str(tmp_path)!r} does not"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_dataset("digits", tmp_path)
    missing = tmp_path / "none"
    message = f"Data folder must be an existing folder, not {str(missing)!r}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_dataset("digits", missing)
    (tmp_path / DIGITS_FILE).mkdir()
    with pytest.raises(DataError, match=r"Data file must be readable: .*: Is a directory"):
        load_dataset("digits", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        packed(b"1,2,3\n")[:-3],
        packed(b""),
        packed(b"1,2,3\n"),
        packed(b"1,2\n1,2,3\n"),
        packed(b"\xff\xfe"),
        packed(",".join(["x"] * 65).encode()),
        packed(",".join(["17"] * 65).encode()),
        packed(",".join(["0.5"] * 65).encode()),
        packed(",".join(["nan"] * 65).encode()),
        packed(",".join(["16"] * 65).encode()),  # 16 is no label
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DIGITS_FILE).write_bytes(content)
    with pytest.raises(DataError, match="must be the digits, gzipped") as caught:
        load_dataset("digits", tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_damaged_deflate_data_is_refused(tmp_path: Path) -> None:
    content = bytearray(packed(np.random.default_rng(0).bytes(4000)))
    content[20:40] = b"\xff" * 20
    (tmp_path / DIGITS_FILE).write_bytes(bytes(content))
    with pytest.raises(DataError, match="must be the digits, gzipped"):
        load_dataset("digits", tmp_path)


def test_flipped_bytes_change_nothing_or_are_refused_in_one_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [",".join(map(str, [*rng.integers(0, 17, 64), label])) for label in range(10)]
    content = packed("\n".join(rows).encode())
    (tmp_path / DIGITS_FILE).write_bytes(content)
    whole = load_dataset("digits", tmp_path)
    refused = 0
    for index in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[index] ^= int(rng.integers(1, 256))
        (tmp_path / DIGITS_FILE).write_bytes(damaged)
        try:
            found = load_dataset("digits", tmp_path)
            # bytes of the header say when and where it was packed
            assert (found.images == whole.images).all()
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017 -- not every one raises
            refused += 1
    assert refused > 0.9 * len(range(0, len(content), 3))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            np.zeros((2, 1, 1, 1), np.float32),
            np.zeros(2, np.int64),
            "Images and labels must be uint8 and int64, not float32 and int64",
        ),
        (
            np.zeros((2, 1, 1, 1), np.uint8),
            np.zeros(3, np.int64),
            "Images and labels must be of shape [n, H, W, C] and [n], not (2, 1, 1, 1) and (3,)",
        ),
        (np.zeros((1, 1, 1, 1), np.uint8), np.array([2]), "Label must be in 0..1, not 2"),
        (np.zeros((1, 1, 1, 1), np.uint8), np.array([-1]), "Label must be in 0..1, not -1"),
    ],
)
def test_illegal_data_sets_are_refused(
    images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        Dataset(name="x", images=images, labels=labels, class_names=("a", "b"))
