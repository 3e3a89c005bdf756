"""A pseudo-terminal with an emulated board at its other end, so that a driver opens a real port."""

import os
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path

Exchange = Callable[[bytes], bytes]
"""Takes bytes to the board, or none when none came for `IDLE_S`, and returns those from it."""

IDLE_S = 0.002
READ_BYTES = 4096


class PseudoTerminal:
    """A port whose other end is a board; it can be pulled out and plugged in again.

    Parameters
    ----------
    exchange : callable
        See `Exchange`; called in a thread.
    path : Path
        Where the port is found while it is plugged in.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, exchange: Exchange, path: Path):
        self.path = path
        self._exchange = exchange
        self._thread: threading.Thread | None = None
        self.plug()

    def plug(self) -> None:
        """Make the port; the board is as it was."""
        # the near end stays open here too, or the far one would be lost with each driver
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        self._stop, self._stopped = os.pipe()
        self.path.symlink_to(os.ttyname(self._near))
        self._thread = threading.Thread(target=self._pump, name=str(self.path), daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Pull the cable out: whoever has the port open loses it."""
        if self._thread is None:
            return
        self.path.unlink()
        os.close(self._stopped)
        self._thread.join()
        self._thread = None
        for end in (self._far, self._near, self._stop):
            os.close(end)

    close = pull

    def _pump(self) -> None:
        while True:
            ready, _, _ = select.select([self._far, self._stop], [], [], IDLE_S)
            if self._stop in ready:
                return
            data = os.read(self._far, READ_BYTES) if self._far in ready else b""
            answer = self._exchange(data)
            while answer:
                # nobody may be there to read: the stop must be seen
                _, writable, _ = select.select([], [self._far], [], IDLE_S)
                if writable:
                    answer = answer[os.write(self._far, answer) :]
                elif select.select([self._stop], [], [], 0)[0]:
                    return

    def __enter__(self) -> "PseudoTerminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
