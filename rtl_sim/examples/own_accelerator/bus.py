"""The Verilated accelerator behind reads and writes of its AXI4-Lite."""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from ...emulator.build import build_library
from ...emulator.decision import EmulationError
from .files import DELIVERY, RTL, TOP

_DRIVER = Path(__file__).with_suffix(".cpp")

_OKAY = 0
_HANGS = -1


class BusError(EmulationError):
    """An access is refused, or not answered."""


class OwnAccelerator:
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
        library = ctypes.CDLL(str(build_library(verilog, TOP, _DRIVER, {})))
        pointer, unsigned = ctypes.c_void_p, ctypes.c_uint32
        library.own_create.restype = pointer
        library.own_destroy.argtypes = [pointer]
        library.own_cycles.argtypes = [pointer]
        library.own_cycles.restype = ctypes.c_int64
        library.own_write.argtypes = [pointer, unsigned, unsigned]
        library.own_read.argtypes = [pointer, unsigned, ctypes.POINTER(unsigned)]
        self._library = library
        self._model: int | None = library.own_create()
        self.accesses = 0

    @property
    def cycles(self) -> int:
        """Clock cycles since the start."""
        return int(self._library.own_cycles(self._handle()))

    def read(self, address: int) -> int:
        """Return a register; BusError unless the answer is OKAY."""
        word = ctypes.c_uint32()
        response = self._library.own_read(self._handle(), address, ctypes.byref(word))
        self._check(response, "Read", address)
        return word.value

    def write(self, address: int, word: int) -> None:
        """Set a register; BusError unless the answer is OKAY."""
        self._check(self._library.own_write(self._handle(), address, word), "Write", address)

    def _check(self, response: int, what: str, address: int) -> None:
        self.accesses += 1
        if response == _HANGS:
            raise BusError(f"{what} of {address:#06x} must be answered, but is not")
        if response != _OKAY:
            raise BusError(f"{what} of {address:#06x} must be legal, but answers {response}")

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._model is not None:
            self._library.own_destroy(self._model)
            self._model = None

    def _handle(self) -> int:
        if self._model is None:
            raise EmulationError("Accelerator must be open, but it was closed")
        return self._model

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
