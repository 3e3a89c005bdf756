"""Compile Verilog and a C++ driver into a shared library, once for each content."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from ..cache import cache_folder, content_key
from ..verilator import ToolError, require_tool, tool_environment, verilator_root

COMPILER_OPTIONS = ("-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden")
NATIVE_OPTION = "-march=native"
"""All instructions of this processor: a sixth faster on engines of 128 MACs."""

RUNTIME_SOURCES = ("verilated.cpp", "verilated_threads.cpp")
WAVEFORM_SOURCE = "verilated_fst_c.cpp"
WAVEFORM_HEADERS = Path(__file__).with_name("waveform")
WAVEFORM_SYMBOL = "WAVEFORM"
"""Preprocessor symbol of a driver that is to write waveforms."""


def build_library(
    verilog: str, top: str, driver: Path, defines: dict[str, str], *, waveform: bool = False
) -> Path:
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
    waveform : bool
        Build what can write waveforms, and is slower; the driver finds `WAVEFORM_SYMBOL`.

    Raises
    ------
    ToolError
        A tool is missing or fails; the log is kept and named.
    """
    compiler = require_tool("g++", "Debian package g++")
    options, target = _compiler_options(compiler)
    sources: tuple[str, ...] = RUNTIME_SOURCES
    verilating: tuple[str, ...] = ()
    if waveform:
        _require_header(compiler, "zlib.h", "Debian package zlib1g-dev")
        defines = {**defines, WAVEFORM_SYMBOL: "1"}
        sources = (*RUNTIME_SOURCES, WAVEFORM_SOURCE)
        verilating = ("--trace-fst",)
        # for a few images: better compiled fast
        options = (*options, "-O1", f"-I{WAVEFORM_HEADERS}")
    key = content_key(
        verilog, top, driver.read_text(), repr(sorted(defines.items())), repr(options), target
    )
    folder = cache_folder()
    library = folder / f"{top}-{key}.so"
    if library.exists():
        return library
    require_tool("perl", "Debian package perl")
    runtime = [_runtime_object(compiler, options, target, source) for source in sources]
    log = folder / f"{top}-{key}.log"
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as name:
        work = Path(name)
        (work / f"{top}.v").write_text(verilog)
        _call(
            [str(verilator_root() / "bin" / "verilator"), "--cc", "-O3", "--x-assign", "fast",
             "--x-initial", "fast", "--no-timing", *verilating, "--prefix", "Model",
             "--top-module", top, "--Mdir", "model", f"{top}.v"],
            work, log,
        )  # fmt: skip
        # one translation unit: Verilator's headers are read once, and the driver inlines the model
        parts = [*sorted((work / "model").glob("*.cpp")), driver]
        (work / "library.cpp").write_text("".join(f'#include "{part}"\n' for part in parts))
        _call(
            [compiler, *options, *_include_options(), "-Imodel",
             *(f"-D{symbol}={value}" for symbol, value in sorted(defines.items())),
             "-shared", "library.cpp", *map(str, runtime), *(["-lz"] if waveform else []),
             "-o", "library.so"],
            work, log,
        )  # fmt: skip
        # moved, so that a second process never loads half a library
        os.replace(work / "library.so", library)
    return library


@cache
def _compiler_options(compiler: str) -> tuple[tuple[str, ...], str]:
    """Return the options for this machine, and what the compiler then takes its processor for.

    A cache may lie where machines with other processors find it.
    """
    asked = [compiler, NATIVE_OPTION, "-dM", "-E", "-x", "c++", os.devnull]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    if told.returncode:
        return COMPILER_OPTIONS, ""
    return (*COMPILER_OPTIONS, NATIVE_OPTION), told.stdout


def _runtime_object(compiler: str, options: Sequence[str], target: str, source: str) -> Path:
    """Return a part of Verilator's own runtime as object: long to compile, for all designs."""
    key = content_key(compiler, repr(options), target)
    folder = cache_folder()
    path = folder / f"{Path(source).stem}-{key}.o"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as name:
            _call(
                [compiler, *options, *_include_options(), "-c",
                 str(verilator_root() / "include" / source), "-o", "runtime.o"],
                Path(name), path.with_suffix(".log"),
            )  # fmt: skip
            os.replace(Path(name) / "runtime.o", path)
    return path


def _require_header(compiler: str, name: str, hint: str) -> None:
    """Raise ToolError with `hint` if the compiler does not find a header."""
    found = subprocess.run(
        [compiler, "-E", "-include", name, "-x", "c++", os.devnull],
        capture_output=True, check=False,
    )  # fmt: skip
    if found.returncode:
        raise ToolError(f"Header {name} must be installed ({hint})")


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
