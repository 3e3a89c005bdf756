"""Networks that come with the package: how each was made, and where its files are.

Wherever a network file is expected, ``zoo:<name>`` is one of these.
"""

from dataclasses import dataclass
from pathlib import Path

PREFIX = "zoo:"
"""What a path starts with if it names a network of the zoo."""

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The files of one network.

    Parameters
    ----------
    name : str
        Without the prefix.
    """

    name: str

    @property
    def network_file(self) -> Path:
        """The calibrated integer network."""
        return FOLDER / f"{self.name}.safetensors"

    @property
    def checkpoint_file(self) -> Path:
        """The float network that it was made from."""
        return FOLDER / f"{self.name}.checkpoint.safetensors"


def entries() -> tuple[Entry, ...]:
    """Return all networks of the zoo, by name."""
    checkpoints = ".checkpoint.safetensors"
    names = {path.name.removesuffix(checkpoints) for path in FOLDER.glob(f"*{checkpoints}")}
    return tuple(Entry(name=name) for name in sorted(names))


def zoo_entry(path: str | Path) -> Entry | None:
    """Return the network that `path` names with the prefix, None if it is an ordinary path.

    Raises
    ------
    ValueError
        If the zoo has no such network.
    """
    text = str(path)
    if not text.startswith(PREFIX):
        return None
    known = {entry.name: entry for entry in entries()}
    name = text.removeprefix(PREFIX)
    if name not in known:
        raise ValueError(f"Network of the zoo must be one of {', '.join(known)}, not {name!r}")
    return known[name]
