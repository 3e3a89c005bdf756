"""A wire that damages what goes over it, and is pulled out now and then; seeded."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from .connection import SHORTEST_WAIT_S
from .errors import PortError
from .port import OpenPort, Port

BYTE_FAULTS = ("flipped", "dropped", "duplicated", "reordered")
"""What befalls single bytes, each as often as the others."""
REORDERED_BYTES = 4
"""Bytes that change places, at most."""
NOISE_STEP_S = 0.005
"""Noise comes in pieces of this time."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How bad a wire is.

    Attributes
    ----------
    byte_rate : float
        Share of bytes, in each direction, to which something of `BYTE_FAULTS` happens.
    pause_rate : float
        Share of bytes behind which nothing comes for a time up to `pause_seconds`.
    pause_seconds : float
    pull_rate : float
        Share of bytes behind which the cable is pulled, for up to `pull_seconds`.
    pull_seconds : float
    pulls_at : tuple of int
        Bytes to the board behind which it is pulled besides.
    noise : tuple of (float, float)
        Times from which on, and how long, both ends get random bytes only, as fast as they come.
    """

    byte_rate: float = 0.0
    pause_rate: float = 0.0
    pause_seconds: float = 0.1
    pull_rate: float = 0.0
    pull_seconds: float = 0.5
    pulls_at: tuple[int, ...] = ()
    noise: tuple[tuple[float, float], ...] = ()


class FaultyWire:
    """Opens ports that are faulty, one after the other.

    Parameters
    ----------
    open_port : callable
        Opens a port that is not.
    faults : Faults
    seed : int
    cut : callable, optional
        Called when the cable is pulled: loses what is on its way.

    Attributes
    ----------
    counts : Counter of str
        How often what happened.
    """

    def __init__(
        self,
        open_port: OpenPort,
        faults: Faults,
        seed: int,
        cut: Callable[[], None] = lambda: None,
    ):
        self.faults = faults
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.cut = cut
        self.written = 0
        self.pulls = sorted(faults.pulls_at)
        self.back_at = 0.0
        self._open_port = open_port

    def open(self) -> Port:
        """Return the port; `PortError` while the cable is out."""
        port = self._open_port()
        if port.now() < self.back_at:
            port.close()
            raise PortError("Port must be there, but the cable is out")
        return _FaultyPort(self, port)

    def gap(self, rate: float) -> int:
        """Return how many bytes pass before the next fault of a rate."""
        return int(self.random.expovariate(rate)) if rate else 1 << 62


class _FaultyPort:
    """A port of a faulty wire: see `Port`."""

    def __init__(self, wire: FaultyWire, port: Port):
        self._wire = wire
        self._port = port
        self.byte_seconds = port.byte_seconds
        self._held_out = b""
        self._held_in = b""
        self._out_free = self._in_free = 0.0
        self._noise_until = port.now()
        faults = wire.faults
        # next fault of each kind, in bytes from now on: to the board, and from it
        self._to_byte_fault = [wire.gap(faults.byte_rate) for _ in range(2)]
        self._to_pause = [wire.gap(faults.pause_rate) for _ in range(2)]
        self._to_pull = [wire.gap(faults.pull_rate) for _ in range(2)]

    def now(self) -> float:
        """Return the time in seconds."""
        return self._port.now()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._port.sleep(seconds)

    def close(self) -> None:
        """Release the port."""
        self._port.close()

    def write(self, data: bytes) -> None:
        """Send bytes, or something like them."""
        wire = self._wire
        if wire.pulls and wire.written + len(data) > wire.pulls[0]:
            before = wire.pulls.pop(0) - wire.written
            self._port.write(data[:before])
            wire.written += before
            self._pull()
        wire.written += len(data)
        damaged, pulled = self._pass(0, data)
        if self._noisy():
            return
        self._held_out += damaged
        self._flush()
        if pulled:
            self._pull()

    def read(self, timeout: float) -> bytes:
        """Return what has come, or something like it."""
        if self._noisy():
            return self._noise(timeout)
        self._flush()
        now = self.now()
        # what is held is not forgotten because the driver waits for it
        if self._held_out:
            timeout = min(timeout, max(SHORTEST_WAIT_S, self._out_free - now))
        if self._held_in:
            timeout = min(timeout, max(SHORTEST_WAIT_S, self._in_free - now))
        damaged, pulled = self._pass(1, self._port.read(timeout))
        self._held_in += damaged
        if pulled:
            self._pull()
        if self.now() < self._in_free:
            return b""
        data, self._held_in = self._held_in, b""
        return data

    def _flush(self) -> None:
        if self._held_out and self.now() >= self._out_free:
            self._port.write(self._held_out)
            self._held_out = b""

    def _pull(self) -> None:
        wire = self._wire
        wire.counts["pulled"] += 1
        wire.cut()
        wire.back_at = self.now() + wire.random.uniform(0, wire.faults.pull_seconds)
        raise PortError("Port must stay there, but the cable was pulled")

    # -- noise -----------------------------------------------------------------------------------

    def _noisy(self) -> bool:
        now = self.now()
        return any(start <= now < start + length for start, length in self._wire.faults.noise)

    def _noise(self, timeout: float) -> bytes:
        """Give both ends random bytes for a short time."""
        self._port.read(min(timeout, NOISE_STEP_S))
        # not more than the wire carries, however long ago the last were
        seconds = min(self.now() - self._noise_until, 2 * NOISE_STEP_S)
        n = int(seconds / self.byte_seconds)
        if n:
            self._noise_until = self.now()
            self._wire.counts["noise"] += n
            self._port.write(self._wire.random.randbytes(n))
        return self._wire.random.randbytes(n)

    # -- single bytes ----------------------------------------------------------------------------

    def _pass(self, way: int, data: bytes) -> tuple[bytes, bool]:
        """Return what arrives of bytes, up to where the cable is pulled, and whether it is."""
        wire, faults = self._wire, self._wire.faults
        pulled = self._to_pull[way] < len(data)
        data = data[: self._to_pull[way]]
        self._to_pull[way] -= len(data)
        self._to_pause[way] -= len(data)
        if self._to_pause[way] < 0:
            wire.counts["paused"] += 1
            self._to_pause[way] = wire.gap(faults.pause_rate)
            until = self.now() + wire.random.uniform(0, faults.pause_seconds)
            if way:
                self._in_free = until
            else:
                self._out_free = until
        out = bytearray()
        start = 0
        while start + self._to_byte_fault[way] < len(data):
            place = start + self._to_byte_fault[way]
            out += data[start:place]
            start = place + self._damage(data, place, out)
            self._to_byte_fault[way] = wire.gap(faults.byte_rate)
        self._to_byte_fault[way] -= max(0, len(data) - start)
        return bytes(out + data[start:]), pulled

    def _damage(self, data: bytes, place: int, out: bytearray) -> int:
        """Put what becomes of the byte at a place; return how many bytes that was."""
        wire = self._wire
        fault = wire.random.choice(BYTE_FAULTS)
        wire.counts[fault] += 1
        match fault:
            case "flipped":
                out.append(data[place] ^ 1 << wire.random.randrange(8))
            case "duplicated":
                out += bytes(2 * [data[place]])
            case "reordered":
                some = list(data[place : place + REORDERED_BYTES])
                wire.random.shuffle(some)
                out += bytes(some)
                return len(some)
        return 1
