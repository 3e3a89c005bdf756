"""Compile the firmware of the example and run it against the Verilated accelerator."""

import ctypes
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ....golden.spec.checks import require_choice
from ...emulator.library import EmulationError
from ...verilator import ToolError, require_tool
from .bus import BusError, OwnAccelerator
from .files import DELIVERY

COMPILERS = ("riscv", "host")
"""RISC-V code in an instruction-set simulator, or a library in this process."""

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
RISCV_PREFIX = "riscv64-unknown-elf-"
RISCV_HINT = "Debian package gcc-riscv64-unknown-elf"
MEMORY_BYTES = 1 << 16
BASE, SIZE = 0x40000000, 0x2000
"""Where the registers are for the RISC-V code: OWN_BASE of bus.h."""

INSTRUCTIONS = 2_000_000
"""After which the program is said to hang."""


class CheckFailedError(EmulationError):
    """The firmware returned the number of a check that failed."""


@dataclass(frozen=True, kw_only=True)
class FirmwareRun:
    """A firmware all of whose checks passed.

    Attributes
    ----------
    compiler : str
        One of `COMPILERS`.
    code_bytes : int
        Of the program with its data.
    accesses : int
        Registers read and written.
    cycles : int
        Of the accelerator's clock.
    """

    compiler: str
    code_bytes: int
    accesses: int
    cycles: int


def run_firmware(folder: Path, accelerator: OwnAccelerator, compiler: str) -> FirmwareRun:
    """Compile the firmware and run it to its end.

    Parameters
    ----------
    folder : Path
        With the files of `own_accelerator_files`; what is compiled lies beside them.
    accelerator : OwnAccelerator
        Just made.
    compiler : str
        One of `COMPILERS`.

    Raises
    ------
    ToolError
        A compiler, or the simulator of RISC-V, is missing, or the firmware does not compile.
    EmulationError
        The firmware accesses what it must not, or does not end.
    CheckFailedError
        A check of it failed.
    """
    require_choice("Compiler", compiler, COMPILERS)
    if compiler == "riscv":
        image = _compiled_for_riscv(folder)
        code = _run_riscv(image.read_bytes(), accelerator)
    else:
        image = _compiled_for_host(folder)
        code = _run_host(image, accelerator)
    if code:
        raise CheckFailedError(f"Firmware must return 0, not {code} (see firmware/main.c)")
    return FirmwareRun(
        compiler=compiler,
        code_bytes=image.stat().st_size,
        accesses=accelerator.accesses,
        cycles=accelerator.cycles,
    )


def _compiled_for_riscv(folder: Path) -> Path:
    compiler = require_tool(f"{RISCV_PREFIX}gcc", RISCV_HINT)
    options = [
        "-march=rv32im", "-mabi=ilp32", "-Os", "-ffreestanding", "-nostdlib",
        "-T", "firmware/link.ld", "-Wl,--no-warn-rwx-segments",
    ]  # fmt: skip
    sources = ["firmware/start.S", "firmware/main.c"]
    program = _compiled(folder, [compiler, *options], sources, "firmware.elf")
    image = program.with_suffix(".bin")
    copier = require_tool(f"{RISCV_PREFIX}objcopy", RISCV_HINT)
    subprocess.run([copier, "-O", "binary", program, image], check=True)
    return image


def _compiled_for_host(folder: Path) -> Path:
    compiler = require_tool("gcc", "Debian package gcc")
    sources = ["firmware/host.c", "firmware/main.c"]
    return _compiled(folder, [compiler, "-O1", "-fPIC", "-shared"], sources, "firmware.so")


def _compiled(folder: Path, command: list[str], sources: list[str], name: str) -> Path:
    includes = ["-Ifirmware", f"-I{DELIVERY}"]
    done = subprocess.run(
        [*command, *WARNINGS, *includes, *sources, "-o", name],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        log = folder / f"{name}.log"
        log.write_text(done.stderr)
        raise ToolError(f"Firmware must compile with {Path(command[0]).name}, see {log}")
    return folder / name


def _run_host(library: Path, accelerator: OwnAccelerator) -> int:
    """Call main(); its bus are two functions of ours, which must not raise through C."""
    firmware = ctypes.CDLL(str(library.resolve()))
    errors: list[BusError] = []

    def read(offset: int) -> int:
        try:
            return accelerator.read(offset)
        except BusError as error:
            errors.append(error)
            return 0

    def write(offset: int, word: int) -> None:
        try:
            accelerator.write(offset, word)
        except BusError as error:
            errors.append(error)

    word = ctypes.c_uint32
    # kept until main() is done
    hooks = ctypes.CFUNCTYPE(word, word)(read), ctypes.CFUNCTYPE(None, word, word)(write)
    for name, hook in zip(("bus_read_hook", "bus_write_hook"), hooks, strict=True):
        address = ctypes.cast(hook, ctypes.c_void_p)
        ctypes.c_void_p.in_dll(firmware, name).value = address.value
    code = int(firmware.main())
    if errors:
        raise errors[0]
    return code


def _run_riscv(image: bytes, accelerator: OwnAccelerator) -> int:
    """Run RV32IM code from address 0 to its ecall, and return register a0."""
    if find_spec("unicorn") is None:
        raise ToolError("Package unicorn must be installed (pip install 'offramp[riscv]')")
    import unicorn  # noqa: PLC0415 -- needed for this command only
    from unicorn import riscv_const  # noqa: PLC0415 -- likewise

    core = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    core.mem_map(0, MEMORY_BYTES)
    core.mem_write(0, image)
    errors: list[EmulationError] = []
    ended = False

    def stop(error: EmulationError) -> None:
        errors.append(error)
        core.emu_stop()

    def read(_core: unicorn.Uc, offset: int, size: int, _data: object) -> int:
        try:
            _check_size(size, offset)
            return accelerator.read(offset)
        except BusError as error:
            stop(error)
            return 0

    def write(_core: unicorn.Uc, offset: int, size: int, value: int, _data: object) -> None:
        try:
            _check_size(size, offset)
            accelerator.write(offset, value)
        except BusError as error:
            stop(error)

    def trap(_core: unicorn.Uc, _cause: int, _data: object) -> None:
        nonlocal ended
        ended = True
        core.emu_stop()

    core.mmio_map(BASE, SIZE, read, None, write, None)
    core.hook_add(unicorn.UC_HOOK_INTR, trap)
    try:
        core.emu_start(0, MEMORY_BYTES, count=INSTRUCTIONS)
    except unicorn.UcError as error:
        raise EmulationError(f"Firmware must run without a fault, but: {error}") from None
    if errors:
        raise errors[0]
    if not ended:
        raise EmulationError(f"Firmware must end within {INSTRUCTIONS} instructions, and does not")
    return int(core.reg_read(riscv_const.UC_RISCV_REG_A0))


def _check_size(size: int, offset: int) -> None:
    if size != 4:
        raise BusError(f"Access of {offset:#06x} must be of 4 bytes, not {size}")
