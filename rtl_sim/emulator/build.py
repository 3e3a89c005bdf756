"""Compile Verilog and a C++ driver into a shared library, once for each content."""

import os
import subprocess
import tempfile
from pathlib import Path

from ..cache import cache_folder, content_key
from ..verilator import ToolError, require_tool, tool_environment, verilator_root

COMPILER_OPTIONS = ("-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden")
RUNTIME_SOURCES = ("verilated.cpp", "verilated_threads.cpp")


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
    key = content_key(
        verilog, top, driver.read_text(), repr(sorted(defines.items())), repr(COMPILER_OPTIONS)
    )
    folder = cache_folder()
    library = folder / f"{top}-{key}.so"
    if library.exists():
        return library
    compiler = require_tool("g++", "Debian package g++")
    require_tool("perl", "Debian package perl")
    runtime = _runtime_objects(compiler)
    log = folder / f"{top}-{key}.log"
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as name:
        work = Path(name)
        (work / f"{top}.v").write_text(verilog)
        _call(
            [str(verilator_root() / "bin" / "verilator"), "--cc", "-O3", "--x-assign", "fast",
             "--x-initial", "fast", "--no-timing", "--prefix", "Model", "--top-module", top,
             "--Mdir", "model", f"{top}.v"],
            work, log,
        )  # fmt: skip
        # one translation unit: Verilator's headers are read once, and the driver inlines the model
        parts = [*sorted((work / "model").glob("*.cpp")), driver]
        (work / "library.cpp").write_text("".join(f'#include "{part}"\n' for part in parts))
        _call(
            [compiler, *COMPILER_OPTIONS, *_include_options(), "-Imodel",
             *(f"-D{symbol}={value}" for symbol, value in sorted(defines.items())),
             "-shared", "library.cpp", *map(str, runtime), "-o", "library.so"],
            work, log,
        )  # fmt: skip
        # moved, so that a second process never loads half a library
        os.replace(work / "library.so", library)
    return library


def _runtime_objects(compiler: str) -> list[Path]:
    """Return Verilator's own runtime as objects: the longest part, the same for all designs."""
    key = content_key(compiler, repr(COMPILER_OPTIONS))
    objects = []
    for source in RUNTIME_SOURCES:
        target = cache_folder() / f"{Path(source).stem}-{key}.o"
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="build-") as name:
                _call(
                    [compiler, *COMPILER_OPTIONS, *_include_options(), "-c",
                     str(verilator_root() / "include" / source), "-o", "runtime.o"],
                    Path(name), target.with_suffix(".log"),
                )  # fmt: skip
                os.replace(Path(name) / "runtime.o", target)
        objects.append(target)
    return objects


def _include_options() -> list[str]:
    include = verilator_root() / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def _call(command: list[str], folder: Path, log: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=tool_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        log.write_text(f"{command}\n{done.stdout}{done.stderr}")
        raise ToolError(f"Tool {Path(command[0]).name} must succeed, see {log}")
    log.unlink(missing_ok=True)
