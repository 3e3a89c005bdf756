"""A Verilated model in a shared library: its functions, and when it is freed."""

import ctypes
from pathlib import Path
from typing import Any

from ...golden.closing import Closing

POINTER = ctypes.c_void_p
INT32 = ctypes.c_int32
INT64 = ctypes.c_int64
UINT32 = ctypes.c_uint32
UINT64 = ctypes.c_uint64


class EmulationError(Exception):
    """The RTL does not answer as it must, or is no longer there."""


class VerilatedModel(Closing):
    """One model of a library, from `offramp_create` to `offramp_destroy`.

    Parameters
    ----------
    library : Path
        Of `build_library`.
    what : str
        What is modelled: the first word of errors.
    """

    def __init__(self, library: Path, what: str):
        self._library = ctypes.CDLL(str(library))
        self._what = what
        self._library.offramp_create.restype = POINTER
        self._declare("destroy")
        self._model: int | None = self._library.offramp_create()

    def _declare(self, name: str, *arguments: Any, returns: Any = INT32) -> None:
        """Declare function `offramp_<name>`, whose first argument is the model."""
        function = getattr(self._library, f"offramp_{name}")
        function.argtypes, function.restype = [POINTER, *arguments], returns

    def _call(self, name: str, *arguments: Any) -> int:
        """Call a function that was declared; 0 if it returns nothing.

        Raises
        ------
        EmulationError
            The model was closed.
        """
        self._require_open()
        return int(getattr(self._library, f"offramp_{name}")(self._model, *arguments) or 0)

    def _require_open(self) -> None:
        if self._model is None:
            raise EmulationError(f"{self._what} must be open, but it was closed")

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._model is not None:
            self._library.offramp_destroy(self._model)
            self._model = None
