"""An accelerator of one's own, in Verilog by hand, that takes the exit decision unit over AXI.

Its firmware in C sets the unit up and checks all that it gives: as RISC-V code, or compiled for
the host, against the Verilated design.
"""

from .bus import OwnAccelerator
from .files import CONFIG, N_SAMPLES, OwnCase, own_accelerator_files
from .firmware_run import COMPILERS, CheckFailedError, FirmwareRun, run_firmware

__all__ = [
    "COMPILERS",
    "CONFIG",
    "N_SAMPLES",
    "CheckFailedError",
    "FirmwareRun",
    "OwnAccelerator",
    "OwnCase",
    "own_accelerator_files",
    "run_firmware",
]
