"""Files of published data sets: found in the usual folders, unpacked, refused in one line."""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path


class DataError(ValueError):
    """A data set that cannot be read; the message is one line."""


def read_file(folder: Path, name: str) -> bytes:
    """Return the content of a file of a data folder.

    Raises
    ------
    DataError
        If the folder is none, or the file is missing or cannot be read.
    """
    _require_folder(folder)
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"Data folder must hold {name}, and {str(folder)!r} does not") from error
    except OSError as error:
        raise DataError(f"Data file must be readable: {folder / name}: {error.strerror}") from error


def find_folder(data_dir: Path, layouts: Sequence[str], file_names: Sequence[str]) -> Path:
    """Return the first folder ``data_dir / layout`` with any of the files, packed or not.

    `data_dir` itself is never one: data sets share file names, so that its files would not say of
    which set they are.

    Raises
    ------
    DataError
        If there is none.
    """
    _require_folder(data_dir)
    for layout in layouts:
        folder = data_dir / layout
        if any(find_file(folder, name) is not None for name in file_names):
            return folder
    raise DataError(
        f"Data folder must hold {file_names[0]}.gz in {' or '.join(layouts)}, "
        f"and {str(data_dir)!r} does not"
    )


def find_file(folder: Path, name: str) -> Path | None:
    """Return the path of `name` or of ``<name>.gz`` in `folder`, None if neither is there."""
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.exists():
            return candidate
    return None


def unpacked(folder: Path, name: str) -> tuple[Path, bytes]:
    """Return path and content of ``<name>`` or ``<name>.gz`` in `folder`, unpacked.

    Raises
    ------
    DataError
        If neither is there, or it cannot be read or unpacked.
    """
    path = find_file(folder, name)
    if path is None:
        raise DataError(f"Data folder must hold {name}.gz, and {str(folder)!r} does not")
    content = read_file(folder, path.name)
    if path.suffix != ".gz":
        return path, content
    try:
        return path, gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Data file must be whole gzip, not {str(path)!r}: {error}") from error


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(f"Data folder must be an existing folder, not {str(folder)!r}")
