"""Tiny files in the formats of published data sets, and where the real ones are."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

_BESIDE = Path(__file__).parents[3] / "shared" / "data"

DATA_DIR = Path(os.environ.get("OFFRAMP_DATA", _BESIDE))
"""Folder of real data sets."""

needs_data = pytest.mark.skipif(
    not DATA_DIR.is_dir(), reason="needs real data sets in the folder OFFRAMP_DATA"
)


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # the same bytes, hence test names, in every process


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes in the IDX format."""
    header = [0x800 + array.ndim, *array.shape]
    return b"".join(n.to_bytes(4) for n in header) + array.astype(np.uint8).tobytes()


def write_idx_set(folder: Path, n_train: int = 60, n_test: int = 20) -> dict[str, np.ndarray]:
    """Write the four files of a set of random 28 x 28 images; return the arrays by file name."""
    rng = np.random.default_rng(n_train)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for part, n in (("train", n_train), ("t10k", n_test)):
        arrays[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 28, 28))
        arrays[f"{part}-labels-idx1-ubyte"] = np.arange(n) % 10
    for name, array in arrays.items():
        (folder / f"{name}.gz").write_bytes(packed(idx(array)))
    return arrays


def cifar_batch(n: int, seed: int) -> np.ndarray:
    """Return records uint8 [n, 3073] of the binary version of CIFAR-10."""
    records = np.random.default_rng(seed).integers(0, 256, (n, 3073)).astype(np.uint8)
    records[:, 0] = np.arange(n) % 10
    return records
