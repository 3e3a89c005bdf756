"""Compile Verilog and a C++ driver into a shared library, once for each content."""

import hashlib
import os
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import platformdirs

from ..verilator import ToolError, require_tool, tool_environment, verilator_root

COMPILER_OPTIONS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")


def cache_folder() -> Path:
    """Return where compiled emulators are kept, OFFRAMP_CACHE if it is set."""
    named = os.environ.get("OFFRAMP_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("offramp"))


def build_library(verilog: str, top: str, driver: Path, defines: dict[str, str]) -> Path:
    """Return the shared library of module `top` and `driver`, compiled unless it is cached.

    Parameters
    ----------
    verilog : str
        The text of the design.
    top : str
        Its top module; the driver finds the model as class `Model`.
    driver : Path
        C++ source with the functions to export.
    defines : dict
        Preprocessor symbols for the driver.

    Raises
    ------
    ToolError
        A tool is missing or fails; the log is kept and named.
    """
    source = driver.read_text()
    content = [verilog, top, source, repr(sorted(defines.items())), repr(COMPILER_OPTIONS)]
    key = hashlib.sha256("\0".join([*content, version("verilator")]).encode()).hexdigest()[:20]
    folder = cache_folder()
    library = folder / f"{top}-{key}.so"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    compiler = require_tool("g++", "Debian package g++")
    require_tool("perl", "Debian package perl")
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as name:
        work = Path(name)
        log = folder / f"{top}-{key}.log"
        (work / f"{top}.v").write_text(verilog)
        _call(
            [str(verilator_root() / "bin" / "verilator"), "--cc", "-O3", "--x-assign", "fast",
             "--x-initial", "fast", "--no-timing", "--prefix", "Model", "--top-module", top,
             "--Mdir", "model", f"{top}.v"],
            work, log,
        )  # fmt: skip
        include = verilator_root() / "include"
        runtime = [include / "verilated.cpp", include / "verilated_threads.cpp"]
        models = sorted((work / "model").glob("*.cpp"))
        _call(
            [compiler, *COMPILER_OPTIONS, f"-I{include}", f"-I{include / 'vltstd'}", "-Imodel",
             *(f"-D{symbol}={value}" for symbol, value in sorted(defines.items())),
             str(driver), *map(str, models), *map(str, runtime), "-o", "library.so"],
            work, log,
        )  # fmt: skip
        log.unlink(missing_ok=True)
        # moved, so that a second process never loads half a library
        os.replace(work / "library.so", library)
    return library


def _call(command: list[str], folder: Path, log: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=tool_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        log.write_text(f"{command}\n{done.stdout}{done.stderr}")
        raise ToolError(f"Tool {Path(command[0]).name} must succeed, see {log}")


