"""A port at a wire to an emulated board, in time of the emulation's own."""

from typing import Protocol


class EmulatedWire(Protocol):
    """A wire to an emulated board; the board stays as it is where ports come and go."""

    @property
    def now(self) -> float:
        """Time in seconds."""

    @property
    def byte_seconds(self) -> float:
        """Time that it needs for a byte."""

    def send(self, data: bytes) -> None:
        """Have bytes sent, one behind the other."""

    def receive(self, timeout: float) -> bytes:
        """Let time pass until bytes have come, or a timeout."""

    def cut(self) -> None:
        """Lose what is on the wire: the cable was pulled."""


class EmulatedPort:
    """A port, see `Port`, at an emulated wire."""

    def __init__(self, wire: EmulatedWire):
        self._wire = wire
        self.byte_seconds = wire.byte_seconds

    def now(self) -> float:
        """Return the wire's time in seconds."""
        return self._wire.now

    def sleep(self, seconds: float) -> None:
        """Let time pass; what comes meanwhile is lost."""
        end = self._wire.now + seconds
        while self._wire.now < end:
            self._wire.receive(end - self._wire.now)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._wire.send(data)

    def read(self, timeout: float) -> bytes:
        """Return what has come: as soon as there is something, nothing after `timeout` seconds."""
        return self._wire.receive(timeout)

    def close(self) -> None:
        """Do nothing: the wire stays."""
