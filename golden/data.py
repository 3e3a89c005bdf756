"""Data sets as uint8 images, and their division into disjoint splits that a seed fixes."""

import gzip
import hashlib
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIGITS_FILE = "digits.csv.gz"
"""File of the digits, as scikit-learn bundles it: 64 pixels of 0..16 and a label per line."""

DIGITS_PIXEL_MAX = 16

TEST_SHARE = 0.3
CALIBRATION_SHARE = 0.2


class DataError(ValueError):
    """A data set that cannot be read; the message is one line."""


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

    Raises
    ------
    TypeError, ValueError
        If arrays are of another type or shape, or a label is no class.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

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

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def subset(self, indices: NDArray[np.integer]) -> "Dataset":
        """Return the images at `indices`, in this order."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])


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
    data_dir : path
        Folder with the data set's files; None for what is bundled with scikit-learn.

    Raises
    ------
    DataError
        If there is no such data set, or the folder does not hold it.
    """
    if name not in _LOADERS:
        raise DataError(f"Data set must be one of {', '.join(_LOADERS)}, not {name!r}")
    return _LOADERS[name](None if data_dir is None else Path(data_dir))


def split_dataset(dataset: Dataset, seed: int = 0) -> Splits:
    """Divide `dataset` into 50 % train, 20 % calibration and 30 % test, each class alike.

    The order within a class is that of ``sha256(seed, index)``, so that the splits depend on the
    seed alone and not on the version of any library.
    """
    parts: dict[str, list[int]] = {"train": [], "calibration": [], "test": []}
    for label in range(dataset.n_classes):
        members = sorted(
            np.flatnonzero(dataset.labels == label).tolist(),
            key=lambda index: hashlib.sha256(f"{seed}:{index}".encode()).digest(),
        )
        n_test = round(len(members) * TEST_SHARE)
        n_calibration = round(len(members) * CALIBRATION_SHARE)
        parts["test"] += members[:n_test]
        parts["calibration"] += members[n_test : n_test + n_calibration]
        parts["train"] += members[n_test + n_calibration :]
    subsets = {part: dataset.subset(np.array(sorted(found))) for part, found in parts.items()}
    return Splits(**subsets, seed=seed)


def _load_digits(data_dir: Path | None) -> Dataset:
    if data_dir is None:
        source = files("sklearn.datasets.data").joinpath(DIGITS_FILE)
        content = source.read_bytes()
    else:
        content = _read_file(data_dir, DIGITS_FILE)
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
            class_names=tuple("0123456789"),
        )
    except (OSError, EOFError, ValueError) as error:
        where = "scikit-learn" if data_dir is None else str(data_dir)
        raise DataError(f"{DIGITS_FILE} of {where} must be the digits, gzipped: {error}") from error


def _read_file(folder: Path, name: str) -> bytes:
    if not folder.is_dir():
        raise DataError(f"Data folder must be an existing folder, not {str(folder)!r}")
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"Data folder must hold {name}, and {str(folder)!r} does not") from error
    except OSError as error:
        raise DataError(f"Data file must be readable: {folder / name}: {error.strerror}") from error


_LOADERS = {"digits": _load_digits}

DATASET_NAMES = tuple(_LOADERS)
"""All names that `load_dataset` knows."""
