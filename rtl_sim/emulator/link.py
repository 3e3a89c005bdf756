"""The RTL of the engine behind a UART: its pins, driven bit by bit."""

import ctypes
from functools import cache
from pathlib import Path

from ...golden.spec.checks import require_int
from ...golden.spec.engine import EngineConfig
from ...golden.spec.link import STALL_CYCLES, LinkConfig, clocks_per_bit
from ...hw.link.delivery import MODULE_NAME, linked_engine_verilog
from .build import build_library
from .library import INT32, INT64, POINTER, VerilatedModel

_DRIVER = Path(__file__).with_suffix(".cpp")

_BITS_PER_BYTE = 10
_FRACTION = 1 << 16
"""Parts of a clock cycle that the driver counts time in."""

# generated once a process: that takes longer than loading the library
_verilog_of = cache(linked_engine_verilog)


class LinkEmulator(VerilatedModel):
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
        super().__init__(build_library(verilog, MODULE_NAME, _DRIVER, defines), "Board")
        for name in ("cycle", "framing_errors", "waiting"):
            self._declare(name, returns=INT64)
        self._declare("reset", returns=None)
        self._declare("set_bit_time", INT64, returns=None)
        self._declare("exchange", ctypes.c_char_p, INT64, INT64, POINTER, INT64, returns=INT64)
        self._declare("hold", INT32, INT64, returns=None)
        bit_time = round(self._clocks * (1 + skew) * _FRACTION)
        self._call("set_bit_time", bit_time)

    @property
    def cycles(self) -> int:
        """Clock cycles since the start."""
        return self._call("cycle")

    @property
    def waiting(self) -> int:
        """Bytes that wait to be put on the line."""
        return self._call("waiting")

    @property
    def framing_errors(self) -> int:
        """Bytes of the board that had no stop bit."""
        return self._call("framing_errors")

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
        given = self._call("exchange", bytes(data), len(data), cycles, buffer, capacity)
        return buffer.raw[:given]

    def hold(self, level: int, cycles: int) -> None:
        """Hold the line to the board at a level; what the board sends meanwhile is lost."""
        self._call("hold", level, cycles)

    def reset(self) -> None:
        """Reset the board; its memories keep what they hold."""
        self._call("reset")
