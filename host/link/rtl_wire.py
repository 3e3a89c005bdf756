"""A wire whose other end is the UART of the RTL; time is that of the emulated clock."""

import math
from collections import deque
from typing import Protocol

SLICE_BYTES = 4
"""Bytes on the line after which the driver is looked after."""


class RtlBoard(Protocol):
    """What is used of `offramp.rtl_sim.emulator.link.LinkEmulator`."""

    @property
    def cycles(self) -> int:
        """Clock cycles since the start."""

    def cycles_of(self, n_bytes: int) -> int:
        """Return the clock cycles that bytes take on the line."""

    def exchange(self, data: bytes, cycles: int) -> bytes:
        """Queue bytes for the line, run clock cycles, and return what has come."""


class RtlWire:
    """The line to an emulated board, bit by bit.

    Parameters
    ----------
    board : LinkEmulator
    clock_hz : int
        Its clock.
    quiet_cycles : int, optional
        Clock cycles without a byte in either direction after which nothing will happen until the
        driver sends something, if there is such a number: those left are then not emulated.

    Attributes
    ----------
    now : float
        Time in seconds.
    byte_seconds : float
    """

    def __init__(self, board: RtlBoard, clock_hz: int, quiet_cycles: int | None = None):
        self._board = board
        self._clock_hz = clock_hz
        self._slice = board.cycles_of(SLICE_BYTES)
        self.byte_seconds = board.cycles_of(1) / clock_hz
        self._quiet_cycles = quiet_cycles
        self._quiet = self._skipped = 0
        self._down = bytearray()
        self._up: deque[bytes] = deque()

    @property
    def now(self) -> float:
        """Time in seconds."""
        return (self._board.cycles + self._skipped) / self._clock_hz

    def send(self, data: bytes) -> None:
        """Have bytes sent, one behind the other."""
        self._down += data

    def receive(self, timeout: float) -> bytes:
        """Let the clock run until bytes have come, or a timeout."""
        end = self._board.cycles + math.ceil(timeout * self._clock_hz)
        while not self._up and self._board.cycles < end:
            limit = self._quiet_cycles
            if limit is not None and self._quiet > limit and not self._down:
                self._skipped += end - self._board.cycles
                break
            self._run(self._slice)
        return self._up.popleft() if self._up else b""

    def cut(self) -> None:
        """Lose what is on the wire: the cable was pulled."""
        self._down.clear()
        self._up.clear()

    def _run(self, cycles: int) -> None:
        # what was handed over cannot be lost any more: not more than the line takes
        data = bytes(self._down[:SLICE_BYTES])
        del self._down[:SLICE_BYTES]
        received = self._board.exchange(data, cycles)
        self._quiet = 0 if data or received else self._quiet + cycles
        if received:
            self._up.append(received)
