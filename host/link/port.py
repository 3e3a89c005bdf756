"""Ports: a stream of bytes to a board and back, with a clock."""

import errno
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import serial

from .errors import PortError

WRITE_TIMEOUT_S = 5.0
"""A port that takes nothing for so long is lost."""

READ_BYTES = 4096
"""Most bytes of a read."""


class Port(Protocol):
    """Where bytes go out and come in.

    `write` and `read` may raise `PortError`: the port is then lost, but for `now` and `sleep`.
    """

    @property
    def byte_seconds(self) -> float:
        """Time that the wire needs for a byte."""

    def now(self) -> float:
        """Return the time in seconds; of the emulation where one is behind the port."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def read(self, timeout: float) -> bytes:
        """Return what has come: as soon as there is something, nothing after `timeout` seconds."""

    def close(self) -> None:
        """Release the port; a second call does nothing."""


OpenPort = Callable[[], Port]
"""Opens the port, again after it was lost; `PortError` while that is impossible."""


class SerialPort:
    """A serial port of the system: a cable, or a pseudo-terminal.

    Parameters
    ----------
    name : str
        Such as /dev/ttyUSB0 or COM3.
    baud : int

    Raises
    ------
    PortError
        It cannot be opened.
    """

    def __init__(self, name: str, baud: int):
        self._name = name
        self.byte_seconds = 10 / baud
        try:
            self._serial = serial.Serial(
                name, baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
            # what came before is not for us
            self._serial.reset_input_buffer()
        except (OSError, ValueError) as error:
            raise PortError(_why_not_opened(name, error)) from None

    def now(self) -> float:
        """Return the time in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        try:
            self._serial.write(data)
        except OSError as error:
            raise self._lost(error) from None

    def read(self, timeout: float) -> bytes:
        """Return what has come: as soon as there is something, nothing after `timeout` seconds."""
        try:
            self._serial.timeout = timeout
            first = bytes(self._serial.read(1))
            if not first:
                return b""
            self._serial.timeout = 0
            return first + bytes(self._serial.read(READ_BYTES))
        except (OSError, TypeError) as error:
            # pyserial raises a TypeError where the port was closed meanwhile
            raise self._lost(error) from None

    def close(self) -> None:
        """Release the port; a second call does nothing."""
        # if the port is gone nothing is left to release
        with suppress(OSError):
            self._serial.close()

    def _lost(self, error: Exception) -> PortError:
        return PortError(f"Port {self._name} must stay there, but was lost ({error})")


def _why_not_opened(name: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    text = str(error)
    if number == errno.ENOENT or "FileNotFoundError" in text:
        return f"Port must be there, not {name!r}"
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "exclusively lock" in text:
        return f"Port must be free, but {name!r} is in use"
    if number == errno.EACCES:
        return f"Port must be open to you, but {name!r} is not (on Linux: group dialout)"
    return f"Port must be a serial port, not {name!r} ({text})"
