"""Netlists as Yosys's ``write_json`` writes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..golden.files import replacing

__all__ = ["Cell", "rewrite_netlist"]

# dictionaries of strings and of lists of numbers
Cell = dict[str, Any]


def rewrite_netlist(path: Path, top: str, change: Callable[[dict[str, Any]], int]) -> int:
    """Change module `top` of a netlist; return what `change` returns, which does it in place."""
    netlist = json.loads(path.read_text())
    count = change(netlist["modules"][top])
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(netlist))
    return count
