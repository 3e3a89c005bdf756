"""The Verilated accelerator behind reads and writes of its AXI4-Lite."""

import ctypes
from collections.abc import Mapping
from pathlib import Path

from ...emulator.build import build_library
from ...emulator.library import INT64, UINT32, EmulationError, VerilatedModel
from .files import DELIVERY, RTL, TOP

_DRIVER = Path(__file__).with_suffix(".cpp")

_OKAY = 0
_HANGS = -1


class BusError(EmulationError):
    """An access is refused, or not answered."""


class OwnAccelerator(VerilatedModel):
    """The accelerator, compiled at its first use and kept.

    Parameters
    ----------
    files : mapping of str to str
        Of `own_accelerator_files`.

    Notes
    -----
    Its clock runs while an access is under way, so that a program that waits reads on.
    """

    def __init__(self, files: Mapping[str, str]):
        names = [*RTL, f"{TOP}_logits.v", f"{DELIVERY}/offramp_decision_axi.v"]
        verilog = "\n".join(files[name] for name in names)
        super().__init__(build_library(verilog, TOP, _DRIVER, {}), "Accelerator")
        self._declare("cycles", returns=INT64)
        self._declare("write", UINT32, UINT32)
        self._declare("read", UINT32, ctypes.POINTER(UINT32))
        self.accesses = 0

    @property
    def cycles(self) -> int:
        """Clock cycles since the start."""
        return self._call("cycles")

    def read(self, address: int) -> int:
        """Return a register; BusError unless the answer is OKAY."""
        word = UINT32()
        response = self._call("read", address, ctypes.byref(word))
        self._check(response, "Read", address)
        return word.value

    def write(self, address: int, word: int) -> None:
        """Set a register; BusError unless the answer is OKAY."""
        self._check(self._call("write", address, word), "Write", address)

    def _check(self, response: int, what: str, address: int) -> None:
        self.accesses += 1
        if response == _HANGS:
            raise BusError(f"{what} of {address:#06x} must be answered, but is not")
        if response != _OKAY:
            raise BusError(f"{what} of {address:#06x} must be legal, but answers {response}")
