"""A window and a port: keeps them going, through losses and pulled cables."""

import random
from collections.abc import Callable

from ...golden.spec.link import STALL_CYCLES, Kind, Status
from .errors import BoardError, LinkError, NoAnswerError, PortError
from .port import OpenPort, Port
from .transfer import Transfer
from .window import Counts, State, Window

ANSWER_S = 3.0
"""How long a board is asked before nothing is said to be there."""
STALL_S = 3.0
"""How much longer than an image that the engine does not take a board may be silent."""
SHORTEST_WAIT_S = 1e-6
"""Of a port: less may be nothing to a clock that is emulated."""
REOPEN_S = 0.05, 1.0
"""First and longest wait before a port that was lost is opened again."""


class SessionLostError(LinkError):
    """The board was restarted, somebody else uses it, or it got something wrong: begin anew."""


class Connection:
    """A board at a port.

    Parameters
    ----------
    open_port : callable
        Opens the port; called again after it was lost.
    reconnect_seconds : float
        How long a lost port is tried again, and a silent board asked.
    seed : int, optional
        Of the sessions' numbers; from the system unless given.

    Attributes
    ----------
    window : Window
    reconnects : int
        How often the port was opened again.
    """

    def __init__(
        self, open_port: OpenPort, *, reconnect_seconds: float = 10.0, seed: int | None = None
    ):
        self._open_port = open_port
        self._reconnect_seconds = reconnect_seconds
        self._random = random.Random(seed)
        self._port: Port | None = open_port()
        self.reconnects = 0
        self.window = Window(self._port.byte_seconds)
        self.window.restart(self._port.now())
        self._silence = ANSWER_S

    @property
    def counts(self) -> Counts:
        """What happened on the wire so far."""
        return self.window.counts

    def now(self) -> float:
        """Return the port's time."""
        return self._open().now()

    def close(self) -> None:
        """Release the port; a second call does nothing."""
        if self._port is not None:
            self._port.close()
            self._port = None

    # -- what boards do --------------------------------------------------------------------------

    def wait_for_status(self) -> None:
        """Wait until the board has said what it is.

        Raises
        ------
        NoAnswerError
            Nothing answers.
        """
        self.run(lambda: self.window.status is not None and self.window.state is State.GOING)

    def open_session(self) -> None:
        """Begin a session: the engine is reset, what was on its way forgotten."""
        status = self.window.status
        taken = {0} if status is None else {0, status.session}
        session = 0
        while session in taken:
            session = self._random.getrandbits(16)
        self.window.open(session, self.now())
        self.run(lambda: self.window.idle)
        assert self.window.status is not None
        stall = STALL_CYCLES / max(1, self.window.status.clock_hz)
        self._silence = stall + max(STALL_S, self._reconnect_seconds)

    def submit(self, kind: Kind, **fields: object) -> Transfer:
        """Have something done; see `Transfer`."""
        transfer = Transfer(kind, **fields)  # type: ignore[arg-type]
        self.window.submit(transfer)
        return transfer

    def finish(self, transfer: Transfer) -> bytes:
        """Wait until a transfer is done and return its answer."""
        self.run(lambda: transfer.complete)
        return transfer.answer

    def ask(self) -> None:
        """Wait until all is done and the board has said how things stand."""
        self.run(lambda: self.window.idle)
        self.window.ask(self.now())
        self.run(lambda: self.window.idle)

    # -- the loop --------------------------------------------------------------------------------

    def run(self, until: Callable[[], bool], pause: float | None = None) -> None:
        """Send and receive until something is so, or for some seconds.

        Raises
        ------
        SessionLostError
            The board is in another session.
        BoardError
            The board does not do what it is asked.
        NoAnswerError
            Nothing answers.
        PortError
            The port was lost, and does not come back.
        """
        end = None if pause is None else self.now() + pause
        while not until() and (end is None or self.now() < end):
            try:
                self._exchange(end)
            except PortError as error:
                self._reconnect(error)
            self._check()

    def _exchange(self, end: float | None) -> None:
        port, window = self._open(), self.window
        data = window.output(port.now())
        if data:
            port.write(data)
        ends = [time for time in (window.deadline, end) if time is not None]
        now = port.now()
        timeout = max(SHORTEST_WAIT_S, min(ends, default=now + ANSWER_S) - now)
        received = port.read(timeout)
        if received:
            window.receive(received, port.now())

    def _check(self) -> None:
        window = self.window
        if window.state is State.FOREIGN:
            raise SessionLostError("Board must keep its session, but was restarted")
        if window.state is State.FAILED:
            assert window.failure is not None
            raise BoardError(_why_failed(window.failure))
        if window.deadline is not None and self.now() - window.heard > self._silence:
            what = "Board must answer" if window.status is None else "Board must go on answering"
            raise NoAnswerError(
                f"{what}, but nothing came for {self._silence:.2g} s (baud rate? bitstream?)"
            )

    def _reconnect(self, lost: PortError) -> None:
        """Open the port again and ask how things stand."""
        port = self._open()
        port.close()
        wait, waited = REOPEN_S[0], 0.0
        while True:
            port.sleep(wait)
            waited += wait
            try:
                self._port = self._open_port()
                break
            except PortError:
                if waited >= self._reconnect_seconds:
                    raise lost from None
            wait = min(2 * wait, REOPEN_S[1])
        self.reconnects += 1
        self.window.restart(self._port.now())

    def _open(self) -> Port:
        if self._port is None:
            raise LinkError("Device must be open")
        return self._port


def _why_failed(transfer: Transfer) -> str:
    if transfer.kind == Kind.IMAGE and transfer.failed == Status.STALLED:
        return "Engine must take images, but took no word of one for 2^27 cycles"
    what = f"{transfer.kind.name.lower()} at {transfer.address:#x}"
    return f"Board must do what it is asked, but refused a {what} ({transfer.failed!s})"
