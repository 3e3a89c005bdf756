"""The IDX format of MNIST and of the sets made after it: images and labels, gzipped or not.

All numbers of the header are big-endian uint32: the magic number, the count, and for images
height and width. One byte a pixel, row by row, or a label follows.

Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits, section on file
formats.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .data_files import DataError, find_folder, unpacked

IMAGES_MAGIC = 0x803
"""Unsigned bytes in three dimensions."""

LABELS_MAGIC = 0x801
"""Unsigned bytes in one dimension."""

N_CLASSES = 10

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


def read_idx_set(data_dir: Path, layouts: Sequence[str], size: int = 28) -> tuple[Arrays, Arrays]:
    """Return the published train and test splits of a set in MNIST's four files.

    Parameters
    ----------
    data_dir : path
    layouts : sequence of str
        Folders below `data_dir` where the files may lie.
    size : int
        Height and width of an image.

    Returns
    -------
    train, test : (uint8 [n, size, size, 1], int64 [n])

    Raises
    ------
    DataError
        If a file is missing, damaged, of another kind, or does not fit the others.
    """
    folder = find_folder(data_dir, layouts, ["train-images-idx3-ubyte"])
    return _read_part(folder, "train", size), _read_part(folder, "t10k", size)


def _read_part(folder: Path, part: str, size: int) -> Arrays:
    path, images = _read_array(folder, f"{part}-images-idx3-ubyte", IMAGES_MAGIC)
    if images.shape[1:] != (size, size):
        raise DataError(
            f"Images of {str(path)!r} must be {size} x {size} pixels, "
            f"not {images.shape[1]} x {images.shape[2]}"
        )
    path, labels = _read_array(folder, f"{part}-labels-idx1-ubyte", LABELS_MAGIC)
    if len(labels) != len(images):
        raise DataError(
            f"Labels of {str(path)!r} must be one for each of {len(images)} images, "
            f"not {len(labels)}"
        )
    check_labels(path, labels, N_CLASSES)
    return images[..., None], labels.astype(np.int64)


def check_labels(path: Path, labels: NDArray[np.uint8], n_classes: int) -> None:
    """Raise `DataError` if there is no label, or one is no class."""
    if not len(labels):
        raise DataError(f"Images of {str(path)!r} must be at least one, not 0")
    if labels.max() >= n_classes:
        raise DataError(
            f"Label in {str(path)!r} must be in 0..{n_classes - 1}, not {int(labels.max())}"
        )


def _read_array(folder: Path, name: str, magic: int) -> tuple[Path, NDArray[np.uint8]]:
    path, content = unpacked(folder, name)
    found = int.from_bytes(content[:4])
    if found != magic:
        raise DataError(f"Magic number of {str(path)!r} must be {magic}, not {found}")
    n_header = 4 * (1 + magic % 256)  # the last byte of the magic number counts the dimensions
    header = content[4:n_header].ljust(n_header - 4, b"\0")  # a shorter one fails below
    shape = tuple(np.frombuffer(header, ">u4").tolist())
    expected = n_header + math.prod(shape)
    if len(content) != expected:
        raise DataError(
            f"Unpacked size of {str(path)!r} must be {expected} bytes, not {len(content)}"
        )
    return path, np.frombuffer(content, np.uint8, offset=n_header).reshape(shape)
