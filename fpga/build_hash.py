"""What a bitstream was made of, as one number that the link can read back."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from ..golden.spec.engine import EngineConfig

__all__ = ["build_hash"]

SOURCES = ("fpga", "golden/spec", "hw")
"""Folders of the package that a design depends on."""


def build_hash(board: str, config: EngineConfig, clock_hz: int, baud: int) -> int:
    """Return 32 bits that differ, as good as surely, for designs that differ.

    They depend on the configuration of the engine, the board, the clocks, the version of the
    package and the text of its sources that make hardware. Placement does not count: all bitstreams
    of one hash do the same.

    Parameters
    ----------
    board : str
        Name of the board.
    config : EngineConfig
    clock_hz, baud : int
    """
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
    for part in (board, config, clock_hz, baud, version("offramp"), version("amaranth")):
        digest.update(repr(part).encode() + b"\0")
    for folder in SOURCES:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return int.from_bytes(digest.digest()[:4], "big")
