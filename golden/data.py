"""Data sets as uint8 images, and their division into disjoint splits that a seed fixes."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import cifar10
from .data_files import DataError, read_file
from .idx import Arrays, read_idx_set
from .npz import NPZ_SUFFIX, read_npz
from .spec.checks import require_int

DIGITS_FILE = "digits.csv.gz"
"""File of the digits, as scikit-learn bundles it: 64 pixels of 0..16 and a label per line."""

DIGITS_PIXEL_MAX = 16

TEST_SHARE = 0.3
CALIBRATION_SHARE = 0.2
"""Of a data set without a published test split."""

PUBLISHED_CALIBRATION_SHARE = 1 / 6
"""Of the published train split, where the test split is published: 10,000 of 60,000 images."""

DIGIT_NAMES = tuple("0123456789")

FASHION_NAMES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Images with labels.

    Parameters
    ----------
    name : str
        Of the data set.
    images : uint8 [n, H, W, C]
    labels : int64 [n]
        Class indices.
    class_names : tuple of str
    n_published_test : int
        So many images at the end are the published test split; 0 if there is none.

    Raises
    ------
    TypeError, ValueError
        If arrays are of another type or shape, or a label is no class.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    n_published_test: int = 0

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.labels.dtype != np.int64:
            raise TypeError(
                "Images and labels must be uint8 and int64, "
                f"not {self.images.dtype} and {self.labels.dtype}"
            )
        if self.images.ndim != 4 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                "Images and labels must be of shape [n, H, W, C] and [n], "
                f"not {self.images.shape} and {self.labels.shape}"
            )
        wrong = self.labels[(self.labels < 0) | (self.labels >= len(self.class_names))]
        if wrong.size:
            raise ValueError(f"Label must be in 0..{len(self.class_names) - 1}, not {wrong[0]}")
        require_int("Images of the published test split", self.n_published_test, 0, len(self))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def subset(self, indices: NDArray[np.integer]) -> "Dataset":
        """Return the images at `indices`, in this order."""
        return replace(
            self, images=self.images[indices], labels=self.labels[indices], n_published_test=0
        )


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Three disjoint parts of a data set.

    Parameters
    ----------
    train : Dataset
        For the weights.
    calibration : Dataset
        For everything that is chosen after training: ranges, temperatures, thresholds.
    test : Dataset
        For the figures that are reported; nothing is ever chosen on it.
    seed : int
        That made them.
    """

    train: Dataset
    calibration: Dataset
    test: Dataset
    seed: int


def load_dataset(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Return a data set by name.

    Parameters
    ----------
    name : str
        ``digits``: 1,797 handwritten digits of 8 x 8 pixels, scaled from 0..16 to 0..255.
        ``mnist``, ``fashion_mnist``: 70,000 grey images of 28 x 28 pixels, the last 10,000 the
        published test split. ``cifar10``: colour images of 32 x 32 pixels, the train batches
        that are there and the test images. Or the path of an ``.npz`` file with one's own.
    data_dir : path
        Folder with the data sets, in the folders that torchvision makes (``MNIST/raw``,
        ``FashionMNIST/raw``, ``cifar-10-batches-bin``) or in ``mnist``, ``fashion_mnist``,
        ``cifar10``. The digits need none: they are bundled with scikit-learn.

    Raises
    ------
    DataError
        If there is no such data set, or the folder does not hold it.
    """
    if name.endswith(NPZ_SUFFIX):
        images, labels, class_names = read_npz(Path(name))
        return Dataset(name=name, images=images, labels=labels, class_names=class_names)
    if name not in _LOADERS:
        raise DataError(
            f"Data set must be one of {', '.join(_LOADERS)} or an {NPZ_SUFFIX} file, not {name!r}"
        )
    return _LOADERS[name](None if data_dir is None else Path(data_dir))


def split_dataset(dataset: Dataset, seed: int = 0) -> Splits:
    """Divide `dataset` into train, calibration and test, each class alike.

    A published test split stays what it is, and one sixth of the other images is the calibration
    split; without one, 50 % train, 20 % calibration and 30 % test. The order within a class is
    that of ``sha256(seed, index)``, so that the splits depend on the seed alone and not on the
    version of any library.
    """
    n_free = len(dataset) - dataset.n_published_test
    published = dataset.n_published_test > 0
    calibration_share = PUBLISHED_CALIBRATION_SHARE if published else CALIBRATION_SHARE
    parts: dict[str, list[int]] = {"train": [], "calibration": [], "test": []}
    parts["test"] += range(n_free, len(dataset))
    for label in range(dataset.n_classes):
        members = sorted(
            np.flatnonzero(dataset.labels[:n_free] == label).tolist(),
            key=lambda index: hashlib.sha256(f"{seed}:{index}".encode()).digest(),
        )
        n_test = 0 if published else round(len(members) * TEST_SHARE)
        n_calibration = round(len(members) * calibration_share)
        parts["test"] += members[:n_test]
        parts["calibration"] += members[n_test : n_test + n_calibration]
        parts["train"] += members[n_test + n_calibration :]
    subsets = {
        part: dataset.subset(np.array(sorted(found), np.int64)) for part, found in parts.items()
    }
    return Splits(**subsets, seed=seed)


def _load_digits(data_dir: Path | None) -> Dataset:
    if data_dir is None:
        source = files("sklearn.datasets.data").joinpath(DIGITS_FILE)
        content = source.read_bytes()
    else:
        content = read_file(data_dir, DIGITS_FILE)
    try:
        rows = np.array(
            [line.split(",") for line in gzip.decompress(content).decode("ascii").splitlines()],
            dtype=np.float64,
        )
        if rows.ndim != 2 or rows.shape[1] != 65 or not len(rows):
            raise ValueError("not 65 numbers per line")
        pixels, labels = rows[:, :64], rows[:, 64]
        if pixels.min() < 0 or pixels.max() > DIGITS_PIXEL_MAX or (rows != rows.round()).any():
            raise ValueError(f"pixels are not integers in 0..{DIGITS_PIXEL_MAX}")
        scaled = (pixels.astype(np.int64) * 255 + DIGITS_PIXEL_MAX // 2) // DIGITS_PIXEL_MAX
        return Dataset(
            name="digits",
            images=scaled.astype(np.uint8).reshape(-1, 8, 8, 1),
            labels=labels.astype(np.int64),
            class_names=DIGIT_NAMES,
        )
    except (OSError, EOFError, ValueError, zlib.error) as error:
        where = "scikit-learn" if data_dir is None else str(data_dir)
        raise DataError(f"{DIGITS_FILE} of {where} must be the digits, gzipped: {error}") from error


def _load_mnist(data_dir: Path | None) -> Dataset:
    folder = _require_data_dir("mnist", data_dir)
    return _published("mnist", *read_idx_set(folder, ("MNIST/raw", "mnist")), DIGIT_NAMES)


def _load_fashion_mnist(data_dir: Path | None) -> Dataset:
    folder = _require_data_dir("fashion_mnist", data_dir)
    parts = read_idx_set(folder, ("FashionMNIST/raw", "fashion_mnist"))
    return _published("fashion_mnist", *parts, FASHION_NAMES)


def _load_cifar10(data_dir: Path | None) -> Dataset:
    folder = _require_data_dir("cifar10", data_dir)
    return _published("cifar10", *cifar10.read_cifar10(folder), cifar10.CLASS_NAMES)


def _require_data_dir(name: str, data_dir: Path | None) -> Path:
    if data_dir is None:
        raise DataError(f"Data set {name} must be read from a data folder (--data-dir), not None")
    return data_dir


def _published(name: str, train: Arrays, test: Arrays, class_names: tuple[str, ...]) -> Dataset:
    return Dataset(
        name=name,
        images=np.concatenate([train[0], test[0]]),
        labels=np.concatenate([train[1], test[1]]),
        class_names=class_names,
        n_published_test=len(test[1]),
    )


_LOADERS = {
    "digits": _load_digits,
    "mnist": _load_mnist,
    "fashion_mnist": _load_fashion_mnist,
    "cifar10": _load_cifar10,
}

DATASET_NAMES = tuple(_LOADERS)
"""All names that `load_dataset` knows."""
