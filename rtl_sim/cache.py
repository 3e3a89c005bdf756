"""Where compiled simulators are kept between runs, each under the hash of what it is made of."""

import hashlib
import os
from importlib.metadata import version
from pathlib import Path

import platformdirs

from .verilator import ToolError


def cache_folder() -> Path:
    """Return the folder, made if need be: OFFRAMP_CACHE if it is set, else the user's cache.

    Raises
    ------
    ToolError
        The folder cannot be written.
    """
    folder = Path(os.environ.get("OFFRAMP_CACHE") or platformdirs.user_cache_dir("offramp"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        writable = False
    else:
        writable = os.access(folder, os.W_OK | os.X_OK)
    if not writable:
        raise ToolError(f"Cache folder must be writable, not {str(folder)!r} (set OFFRAMP_CACHE)")
    return folder


def content_key(*content: str) -> str:
    """Return a name for what is compiled from `content` with this version of Verilator."""
    text = "\0".join([version("verilator"), *content])
    return hashlib.sha256(text.encode()).hexdigest()[:20]
