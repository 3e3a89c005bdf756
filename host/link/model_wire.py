"""A UART between a driver and the byte-level model of a board, in time of its own.

Nothing waits for a clock on the wall: time passes when the driver waits, so that a run is fast, and
the same each time.
"""

from collections import deque

from ...golden.link_board import LinkBoard
from ...golden.spec.link import STALL_CYCLES

LATENCY_S = 0.001
"""From the wire to the driver: USB brings bytes in packets, so often."""
PIECE_BYTES = 32
"""Bytes that reach the board at once."""


class ModelWire:
    """The board's end of the wire; it stays where it is when the driver opens and closes ports.

    Parameters
    ----------
    board : LinkBoard

    Attributes
    ----------
    now : float
        Time in seconds.
    byte_seconds : float
    """

    def __init__(self, board: LinkBoard):
        self.board = board
        self.now = 0.0
        self.byte_seconds = 10 / board.config.baud
        self._cycle = 1 / board.config.clock_hz
        self._down: deque[tuple[float, bytes]] = deque()
        self._up: deque[tuple[float, bytes]] = deque()
        self._down_free = self._up_free = 0.0
        self._engine_free = 0.0
        self._stalled_since: float | None = None

    def send(self, data: bytes) -> None:
        """Put bytes on the wire to the board."""
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            self._down_free = max(self._down_free, self.now) + len(piece) * self.byte_seconds
            self._down.append((self._down_free, piece))

    def receive(self, timeout: float) -> bytes:
        """Let time pass until bytes have come from the board, or a timeout."""
        end = self.now + timeout
        while True:
            moments = [queue[0][0] for queue in (self._down, self._up) if queue]
            if not self.board.engine.idle:
                moments.append(self._engine_free)
            if self._stalled_since is not None and self.board.engine.idle:
                moments.append(self._stalled_since + STALL_CYCLES * self._cycle)
            moment = min(moments, default=end)
            if moment > end:
                break
            self.now = max(self.now, moment)
            if self._up and self._up[0][0] <= self.now:
                return self._up.popleft()[1]
            if not moments:
                break
            self._advance()
        self.now = max(self.now, end)
        return b""

    def cut(self) -> None:
        """Lose what is on the wire: the cable was pulled."""
        self._down.clear()
        self._up.clear()

    def _advance(self) -> None:
        """Do what the board does now."""
        board = self.board
        while self._down and self._down[0][0] <= self.now:
            board.receive(self._down.popleft()[1])
        if not board.engine.idle and self._engine_free <= self.now:
            before = board.engine.cycles
            board.engine.work(1)
            spent = board.engine.cycles - before
            self._engine_free = self.now + spent * self._cycle
        while answer := board.step():
            self._answer(answer)
        if not board.stalled:
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = self.now
        elif self.now >= self._stalled_since + STALL_CYCLES * self._cycle:
            self._answer(board.give_up())
            self._stalled_since = None

    def _answer(self, answer: bytes) -> None:
        self._up_free = max(self._up_free, self.now) + len(answer) * self.byte_seconds
        self._up.append((self._up_free + LATENCY_S, answer))
