"""The container of all files of this package: safetensors with a checked, versioned description.

The metadata of a file holds ``format`` and ``version``, a JSON ``description``, and ``sha256``
over the description and all tensors. Files appear at once or not at all: they are written under a
temporary name in the same folder and moved.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .files import replacing

HEADER_MAX = 1 << 24
"""Bytes of the longest header that is looked into."""

Tensors = Mapping[str, NDArray[Any]]


class FileError(ValueError):
    """A file that cannot be read or written; the message is one line that names it."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """One kind of file.

    Parameters
    ----------
    thing : str
        What messages call it, capitalised.
    format_name : str
        Its ``format``.
    version : int
        That this release writes, and the newest it reads.
    error : type
        Of all errors raised.
    """

    thing: str
    format_name: str
    version: int
    error: type[FileError] = FileError

    def write(self, path: str | Path, description: Any, tensors: Tensors) -> None:
        """Write a file; `error` if the folder does not allow it."""
        path = Path(path)
        text = json.dumps(description, sort_keys=True)
        metadata = {
            "format": self.format_name,
            "version": str(self.version),
            "description": text,
            "sha256": _digest(text, tensors),
        }
        content = _canonical(
            save({key: np.asarray(a, order="C") for key, a in tensors.items()}, metadata)
        )
        try:
            with replacing(path) as temporary, temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self.error(
                f"{self.thing} must be writable, not {str(path)!r}: {error.strerror}"
            ) from error

    def read(self, path: str | Path) -> tuple[Any, dict[str, NDArray[Any]]]:
        """Return the description and the tensors of a file.

        Raises
        ------
        FileError
            Of type `error`, if the file is missing, damaged, foreign or newer than this release.
        """
        path = Path(path)
        metadata, tensors = self._load(path)
        if metadata.get("format") != self.format_name:
            raise self._refusal(path, f"have the format {self.format_name!r}", "format", metadata)
        version = metadata.get("version", "")
        if not version.isdecimal() or not 1 <= int(version) <= self.version:
            rule = f"have version 1 to {self.version}, which this release reads"
            raise self._refusal(path, rule, "version", metadata)
        text = metadata.get("description", "")
        if metadata.get("sha256") != _digest(text, tensors):
            raise self.error(
                f"{self.thing} must match its checksum, not {str(path)!r}: it is damaged"
            )
        return json.loads(text), tensors

    def made(self, path: str | Path) -> bool:
        """Return whether a file says that it is one of these, whole or not."""
        try:
            with Path(path).open("rb") as file:
                n_header = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(min(n_header, HEADER_MAX)))
            return bool(header["__metadata__"]["format"] == self.format_name)
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def _load(self, path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
        try:
            # what safe_open says of a missing file or a folder differs between systems
            with path.open("rb"):
                pass
            with safe_open(path, framework="numpy") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                return dict(file.metadata() or {}), tensors
        except OSError as error:
            reason = error.strerror or "damaged"
            raise self.error(
                f"{self.thing} must be readable, not {str(path)!r}: {reason}"
            ) from error
        except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self.error(
                f"{self.thing} must be a whole safetensors file, not {str(path)!r}: "
                "it is damaged, truncated or of another kind"
            ) from error

    def _refusal(self, path: Path, rule: str, key: str, metadata: Mapping[str, str]) -> FileError:
        return self.error(f"{self.thing} {str(path)!r} must {rule}, not {metadata.get(key)!r}")


def _canonical(content: bytes) -> bytes:
    """Return a safetensors file with its header sorted: the library leaves the order to chance."""
    n_header = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + n_header])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors stay aligned
    return len(text).to_bytes(8, "little") + text + content[8 + n_header :]


def _digest(text: str, tensors: Tensors) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")
        digest.update(f"\0{name}\0{array.dtype}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
