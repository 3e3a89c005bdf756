"""The binary version of CIFAR-10: batches of a label and three planes of 32 x 32 pixels each.

Source: Krizhevsky, The CIFAR-10 dataset, https://www.cs.toronto.edu/~kriz/cifar.html, section
"Binary version".
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .data_files import DataError, find_file, find_folder, unpacked
from .idx import Arrays, check_labels

LAYOUTS = ("cifar-10-batches-bin", "cifar10")

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

TRAIN_FILES = tuple(f"data_batch_{index}.bin" for index in range(1, 6))

TEST_FILES = ("test_batch.bin", "test_first1000.bin")
"""The whole test set, or its first images."""

SIDE = 32
RECORD = 1 + 3 * SIDE * SIDE
"""Bytes of an image with its label."""


def read_cifar10(data_dir: Path) -> tuple[Arrays, Arrays]:
    """Return the train batches that are there, in their order, and the test images.

    Returns
    -------
    train, test : (uint8 [n, 32, 32, 3], int64 [n])

    Raises
    ------
    DataError
        If there is no train batch or no test file, or one is damaged.
    """
    folder = find_folder(data_dir, LAYOUTS, TRAIN_FILES)
    train = [_read_batch(folder, name) for name in TRAIN_FILES if find_file(folder, name)]
    tests = [name for name in TEST_FILES if find_file(folder, name)]
    test = _read_batch(folder, tests[0] if tests else TEST_FILES[0])
    images, labels = zip(*train, strict=True)
    return (np.concatenate(images), np.concatenate(labels)), test


def _read_batch(folder: Path, name: str) -> Arrays:
    path, content = unpacked(folder, name)
    if len(content) % RECORD:
        raise DataError(
            f"Unpacked size of {str(path)!r} must be a multiple of {RECORD} bytes, "
            f"not {len(content)}"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    check_labels(path, labels, len(CLASS_NAMES))
    # planes of red, green, blue -> channel-last
    planes: NDArray[np.uint8] = records[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels.astype(np.int64)
