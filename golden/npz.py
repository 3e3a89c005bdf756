"""One's own images: an ``.npz`` file with ``images``, ``labels`` and, optional, ``class_names``."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data_files import DataError

NPZ_SUFFIX = ".npz"

ARRAYS = ("images", "labels", "class_names")


def read_npz(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """Return images uint8 [n, H, W, C], labels int64 [n] and the names of the classes.

    Without names, the classes are the numbers from 0 to the largest label.

    Raises
    ------
    DataError
        If the file cannot be read, or an array is missing, of another type or shape, or a label
        is no class.
    """
    arrays = _arrays(path)
    for name in ARRAYS[:2]:
        if name not in arrays:
            raise DataError(f"Data file {str(path)!r} must hold {name}, not {sorted(arrays)}")
    images, labels = arrays["images"], arrays["labels"]
    if images.dtype != np.uint8 or images.ndim != 4 or not images.size:
        raise DataError(
            f"Images of {str(path)!r} must be uint8 [n, H, W, C], "
            f"not {images.dtype} {list(images.shape)}"
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise DataError(
            f"Labels of {str(path)!r} must be integers [{len(images)}], "
            f"not {labels.dtype} {list(labels.shape)}"
        )
    names = arrays.get("class_names")
    if names is None:
        names = np.arange(int(labels.max()) + 1).astype(str)
    if names.dtype.kind != "U" or names.ndim != 1:
        raise DataError(
            f"Class names of {str(path)!r} must be a list of texts, "
            f"not {names.dtype} {list(names.shape)}"
        )
    wrong = labels[(labels < 0) | (labels >= len(names))]
    if wrong.size:
        raise DataError(
            f"Label in {str(path)!r} must be in 0..{len(names) - 1}, not {int(wrong[0])}"
        )
    return images, labels.astype(np.int64), tuple(names.tolist())


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        # objects would be pickles, which run code
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array")
            return {name: file[name] for name in ARRAYS if name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise DataError(f"Data file must be a whole .npz, not {str(path)!r}: {reason}") from error
