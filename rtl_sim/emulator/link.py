"""The RTL of the engine behind a UART: its pins, driven bit by bit."""

import ctypes
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from ...golden.spec.checks import require_int
from ...golden.spec.engine import EngineConfig
from ...golden.spec.link import STALL_CYCLES, LinkConfig, clocks_per_bit
from ...hw.link.delivery import MODULE_NAME, linked_engine_verilog
from .build import build_library
from .decision import EmulationError

_DRIVER = Path(__file__).with_suffix(".cpp")

_BITS_PER_BYTE = 10
_FRACTION = 1 << 16
"""Parts of a clock cycle that the driver counts time in."""

# generated once a process: that takes longer than loading the library
_verilog_of = cache(linked_engine_verilog)


class LinkEmulator:
    """The Verilated `LinkedEngine` and a UART at its pins.

    The first use of a configuration compiles it (half a minute); later ones load it from the
    cache.

    Parameters
    ----------
    config : EngineConfig
    link : LinkConfig
        With few clock cycles a bit it is fast: 8 are the least.
    skew : float
        How much longer the host's bits are than the board's: between -0.05 and 0.05.
    stall_cycles : int
        See `offramp.hw.link.linked_engine.LinkedEngine`.
    verilog : str, optional
        Another design with the same ports, such as one broken on purpose.
    """

    def __init__(
        self,
        config: EngineConfig,
        link: LinkConfig,
        *,
        skew: float = 0.0,
        stall_cycles: int = STALL_CYCLES,
        verilog: str | None = None,
    ):
        if not abs(skew) <= 0.05:
            raise ValueError(f"Skew must be between -0.05 and 0.05, not {skew!r}")
        self.config, self.link = config, link
        self._clocks = clocks_per_bit(link.clock_hz, link.baud)
        if verilog is None:
            verilog = _verilog_of(config, link, stall_cycles=stall_cycles)
        defines = {"CLOCKS_PER_BIT": str(self._clocks)}
        library = ctypes.CDLL(str(build_library(verilog, MODULE_NAME, _DRIVER, defines)))
        pointer, long = ctypes.c_void_p, ctypes.c_int64
        library.offramp_create.restype = pointer
        library.offramp_destroy.argtypes = [pointer]
        library.offramp_reset.argtypes = [pointer]
        for name in ("cycle", "framing_errors", "waiting"):
            function = getattr(library, f"offramp_{name}")
            function.argtypes, function.restype = [pointer], long
        library.offramp_set_bit_time.argtypes = [pointer, long]
        library.offramp_exchange.argtypes = [
            pointer, ctypes.c_char_p, long, long, pointer, long,
        ]  # fmt: skip
        library.offramp_exchange.restype = long
        library.offramp_hold.argtypes = [pointer, ctypes.c_int32, long]
        self._library = library
        self._board: int | None = library.offramp_create()
        bit_time = round(self._clocks * (1 + skew) * _FRACTION)
        library.offramp_set_bit_time(self._handle(), bit_time)

    @property
    def cycles(self) -> int:
        """Clock cycles since the start."""
        return int(self._library.offramp_cycle(self._handle()))

    @property
    def waiting(self) -> int:
        """Bytes that wait to be put on the line."""
        return int(self._library.offramp_waiting(self._handle()))

    @property
    def framing_errors(self) -> int:
        """Bytes of the board that had no stop bit."""
        return int(self._library.offramp_framing_errors(self._handle()))

    def cycles_of(self, n_bytes: int) -> int:
        """Return the clock cycles that bytes take on the line."""
        return n_bytes * _BITS_PER_BYTE * self._clocks

    def exchange(self, data: bytes, cycles: int) -> bytes:
        """Queue bytes for the line, run `cycles` clock cycles, and return what has come.

        Bytes that are not on the line yet, or not whole, go on at the next call.
        """
        require_int("Cycles", cycles, 0, 1 << 62)
        capacity = cycles // ((_BITS_PER_BYTE - 1) * self._clocks) + 2
        buffer = ctypes.create_string_buffer(capacity)
        given = self._library.offramp_exchange(
            self._handle(), bytes(data), len(data), cycles, buffer, capacity
        )
        return buffer.raw[:given]

    def hold(self, level: int, cycles: int) -> None:
        """Hold the line to the board at a level; what the board sends meanwhile is lost."""
        self._library.offramp_hold(self._handle(), level, cycles)

    def reset(self) -> None:
        """Reset the board; its memories keep what they hold."""
        self._library.offramp_reset(self._handle())

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._board is not None:
            self._library.offramp_destroy(self._board)
            self._board = None

    def _handle(self) -> int:
        if self._board is None:
            raise EmulationError("Board must be open")
        return self._board

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
