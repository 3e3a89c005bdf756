"""What is on its way to a board: sequence, credit, sending again, timeouts.

It knows neither port nor clock: bytes that came and the time go in, bytes to send come out. What
was lost is found by an answer that is missing or says so. The window then sends nothing but
`status` until that is answered: nothing else is on its way then, and the number that the board
expects tells what was executed. So each request is executed once, and in order.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum

from ...golden.spec.link import (
    EXECUTED,
    FLAG,
    NUMBER_BITS,
    REQUEST_CREDIT,
    REQUESTS_MAX,
    RESPONSE_BIT,
    SEQUENCE_BITS,
    STATUS_DATA,
    WITH_DATA,
    WORD_BYTES,
    BoardStatus,
    Kind,
    Request,
    Response,
    Status,
    encode_frame,
    response_reader,
)
from .pace import Pace
from .transfer import Transfer

FIRST_PATIENCE_S = 0.25
"""How long an answer is waited for as long as nothing is known of the board."""
PATIENCE_S = 0.02, 1.0
"""Least and most later: some round trips."""
ROUND_TRIPS = 4
"""How many."""

_SEQUENCES = 1 << SEQUENCE_BITS
_NUMBERS = 1 << NUMBER_BITS
_OPEN_SEQUENCE = _SEQUENCES - 1  # the next one expected is 0


class State(Enum):
    """What the window does."""

    ASKING = "asking"
    """Nothing is sent until the board says how things stand."""
    GOING = "going"
    FOREIGN = "foreign"
    """The board is in a session that is not ours: all that it was given is lost."""
    FAILED = "failed"
    """The board refuses a request: `Window.failure`."""


@dataclass
class _Sent:
    """A request on its way."""

    number: int
    transfer: Transfer
    start: int
    parts: int
    credit: int
    wire_bytes: int
    time: float


@dataclass
class Counts:
    """What happened so far.

    Attributes
    ----------
    frames, sent_bytes : int
        All that was sent.
    losses : int
        How often something was found to be lost.
    again : int
        Requests that were sent again.
    """

    frames: int = 0
    sent_bytes: int = 0
    losses: int = 0
    again: int = 0


class Window:
    """The state between a driver and a board.

    Parameters
    ----------
    byte_seconds : float
        Time of a byte on the wire.

    Attributes
    ----------
    state : State
    status : BoardStatus or None
        What the board last said of itself.
    results : int
        Results that are finished since the session began.
    pace : Pace
    failure : Transfer or None
    heard : float
        When the board was last heard, or began to owe an answer.
    counts : Counts
    """

    def __init__(self, byte_seconds: float):
        self._byte_seconds = byte_seconds
        self._items: deque[Transfer] = deque()
        self._sent: deque[_Sent] = deque()
        self._buffer_bytes = 0
        self._base = self._next = 0  # first number that is not executed; next number to send
        self._session: int | None = None
        self._opening = False
        self._marker = 0
        self._round_trip = FIRST_PATIENCE_S / ROUND_TRIPS
        self._patience = FIRST_PATIENCE_S
        self.status: BoardStatus | None = None
        self.results = 0
        self.pace = Pace(1, 1)
        self.failure: Transfer | None = None
        self.counts = Counts()
        self.restart(0.0)

    # -- for the driver --------------------------------------------------------------------------

    def restart(self, now: float) -> None:
        """Begin on a port that was opened, for the first time or again."""
        self._reader = response_reader()
        self.heard = now
        self._ask(now)

    def open(self, session: int, now: float) -> None:
        """Begin a session; what is not done is forgotten."""
        self._session = session
        self._opening = True
        self._items.clear()
        self._sent.clear()
        self.failure = None
        self.heard = now
        self._ask(now)

    def ask(self, now: float) -> None:
        """Ask for the status, when all that was submitted is done."""
        self.heard = now
        self._ask(now)

    def submit(self, transfer: Transfer) -> None:
        """Have something done, behind all that waits, or before it if urgent."""
        if transfer.urgent:
            self._items.appendleft(transfer)
        else:
            self._items.append(transfer)

    @property
    def idle(self) -> bool:
        """Whether all that was submitted is done."""
        return not self._items and self.state is State.GOING

    @property
    def unsent(self) -> int:
        """Transfers that are not on their way as a whole."""
        return sum(transfer.sent < transfer.size for transfer in self._items)

    # -- time ------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When `output` must be called at the latest."""
        if self.state is State.ASKING:
            return self._ask_at
        return self._timeout if self.state is State.GOING and self._sent else None

    @property
    def _timeout(self) -> float:
        on_way = sum(sent.wire_bytes for sent in self._sent)
        return self.heard + self._patience + 2 * on_way * self._byte_seconds

    def output(self, now: float) -> bytes:
        """Return what is to be sent now."""
        if self.state is State.GOING and self._sent and now >= self._timeout:
            self._lose(now)
        if self.state is State.ASKING and now >= self._ask_at:
            return self._question(now)
        frames = bytearray()
        while self.state is State.GOING and (transfer := self._next_transfer()) is not None:
            free = self._buffer_bytes - REQUEST_CREDIT - sum(sent.credit for sent in self._sent)
            words = (free - REQUEST_CREDIT) // WORD_BYTES
            wanted = min(self.pace.words, transfer.size - transfer.sent)
            # a frame that fills the rest of the buffer would be small, and so would those behind it
            if (words < wanted and self._sent) or len(self._sent) >= self.pace.frames:
                break
            frames += self._cut(transfer, min(words, wanted), now)
        return self._counted(bytes(frames))

    def _next_transfer(self) -> Transfer | None:
        return next((item for item in self._items if item.sent < item.size), None)

    def _cut(self, transfer: Transfer, words: int, now: float) -> bytes:
        start = transfer.sent
        parts, request = transfer.cut(words, self._next % _SEQUENCES)
        frame = encode_frame(request.pack())
        if not self._sent:
            self.heard = now
        self._sent.append(
            _Sent(self._next, transfer, start, parts, request.credit, len(frame), now)
        )
        self._next += 1
        self.counts.frames += 1
        return frame

    # -- asking ----------------------------------------------------------------------------------

    def _ask(self, now: float) -> None:
        self.state = State.ASKING
        self._ask_at = now
        self._wait = self._patience
        self._first_marker = self._marker

    def _ask_again(self, now: float) -> None:
        """Take note that question or answer may have been damaged: waiting may be in vain."""
        if self.state is State.ASKING:
            self._ask_at = now

    def _question(self, now: float) -> bytes:
        """Return what begins the session, if that is to be done, and asks for the status."""
        requests = [Request(Kind.STATUS, self._marker % _SEQUENCES)]
        if self._opening:
            requests.insert(0, Request(Kind.OPEN, _OPEN_SEQUENCE, self._session or 0))
        self._marker += 1
        on_way = sum(sent.wire_bytes for sent in self._sent)
        # ever more slowly: a board that works is not flooded
        self._ask_at = now + self._wait + 2 * on_way * self._byte_seconds
        self._wait = min(2 * self._wait, PATIENCE_S[1])
        self.counts.frames += len(requests)
        # a flag first: part of a frame may have come before
        return self._counted(
            bytes([FLAG]) + b"".join(encode_frame(request.pack()) for request in requests)
        )

    def _answered(self, response: Response, now: float) -> None:
        """Take the status that was asked for: nothing is on its way."""
        status = BoardStatus.unpack(response.data)
        self.status = status
        self._buffer_bytes = status.buffer_bytes
        if self._opening:
            if status.session != self._session:
                self._ask_at = now  # what opens it was lost
                return
            self._opening = False
            self._base = self._next = 0
            self.results = 0
            self.pace = Pace(status.data_bytes // WORD_BYTES, REQUESTS_MAX - 2)
        elif self._session is not None and status.session != self._session:
            self.state = State.FOREIGN
            return
        expected = self._number(response.expected)
        if expected is None:
            # our session, but somebody else went on with it
            self.state = State.FOREIGN
            return
        self._note_results(response.results)
        self._executed_before(expected)
        for sent in self._sent:
            sent.transfer.sent = min(sent.transfer.sent, sent.start)
        self.counts.again += len(self._sent)
        self._sent.clear()
        self._next = self._base
        self.state = State.GOING if self.failure is None else State.FAILED

    def _number(self, sequence: int) -> int | None:
        """Return the number from the first that is not executed to the next, by its lowest bits."""
        if self._session is None:
            self._base = self._next = sequence
        number = self._base + (sequence - self._base) % _SEQUENCES
        return number if number <= self._next else None

    # -- answers ---------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes that came."""
        for body in self._reader.feed(data):
            if body is None:
                # an answer was lost: if it was the last one, nobody says so
                self._patience = min(self._patience, max(PATIENCE_S[0], self._round_trip))
                self._ask_again(now)
            elif body[0] & RESPONSE_BIT:
                self._take(Response.unpack(body), now)

    def _take(self, response: Response, now: float) -> None:
        self.heard = now
        if response.status == Status.DAMAGED:
            self._ask_again(now)
            self._lose(now)
        elif response.kind == Kind.STATUS:
            if self._is_marker(response):
                self._answered(response, now)
        elif not self._opening and self.state in (State.GOING, State.ASKING):
            self._take_answer(response, now)

    def _is_marker(self, response: Response) -> bool:
        """Whether this answers the question that is being asked, in any of its repetitions."""
        age = (self._marker - 1 - response.sequence) % _SEQUENCES
        asked = self._marker - self._first_marker
        done = response.status == Status.DONE and len(response.data) == STATUS_DATA.size
        return self.state is State.ASKING and age < asked and done

    def _take_answer(self, response: Response, now: float) -> None:
        sent = next((s for s in self._sent if s.number % _SEQUENCES == response.sequence), None)
        if sent is None or sent.transfer.kind != response.kind:
            return
        if response.status not in EXECUTED:
            self._lose(now)
            return
        self._note_results(response.results)
        self._executed_before(sent.number)
        self._sent.popleft()
        self._base = sent.number + 1
        self._note_round_trip(now - sent.time)
        self.pace.arrived()
        transfer = sent.transfer
        if response.status != Status.DONE:
            # if the board was restarted, that is no failure: ask first
            transfer.failed = Status(response.status)
            self.failure = transfer
            self._ask(now)
            return
        transfer.answer = response.data
        self._complete(sent)

    def _executed_before(self, number: int) -> None:
        """Take note that all requests below a number were executed; their answers were lost."""
        while self._sent and self._sent[0].number < number:
            sent = self._sent.popleft()
            if sent.transfer.kind in WITH_DATA:
                self._complete(sent)
            else:
                sent.transfer.sent = 0
        self._base = max(self._base, number)

    def _complete(self, sent: _Sent) -> None:
        transfer = sent.transfer
        transfer.done += sent.parts
        if transfer.complete:
            self._items.remove(transfer)

    def _lose(self, now: float) -> None:
        if self.state is not State.GOING:
            return
        self.counts.losses += 1
        self.pace.lost()
        self._ask(now)

    def _note_results(self, number: int) -> None:
        ahead = (number - self.results) % _NUMBERS
        if ahead < _NUMBERS // 2:
            self.results += ahead

    def _note_round_trip(self, seconds: float) -> None:
        self._round_trip = max(seconds, 0.9 * self._round_trip)
        self._patience = min(max(PATIENCE_S[0], ROUND_TRIPS * self._round_trip), PATIENCE_S[1])

    def _counted(self, data: bytes) -> bytes:
        self.counts.sent_bytes += len(data)
        return data
