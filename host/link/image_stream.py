"""Images into a session and their results out of it, several in flight."""

from collections import deque
from collections.abc import Iterable, Iterator

from ...golden.spec.link import COUNTS, NUMBER_BITS, RESULT_BYTES, Kind
from .connection import Connection
from .transfer import Transfer

RESULTS_AT_ONCE = 8
"""Results that are fetched together while images go out: a request for each would cost wire."""
POLL_S = 0.001
"""Between questions whether the last images are done."""
QUEUED = 2
"""Images that wait in the driver: the wire must not wait for it."""

_MOST_RESULTS = COUNTS[Kind.RESULTS][1]
_NUMBERS = 1 << NUMBER_BITS


class ImageStream:
    """The images of one session.

    Images get numbers in the order in which they are sent; so do results. The board keeps each
    result until a request for a higher one, and takes no image that it could not keep a result of.

    Parameters
    ----------
    connection : Connection
        In a session that was just opened.
    slots : int
        Results that the board keeps.

    Attributes
    ----------
    inside : deque of int
        Images that were given to the session and whose results were not fetched, in order.
    """

    def __init__(self, connection: Connection, slots: int):
        self.inside: deque[int] = deque()
        self._connection = connection
        self._slots = slots
        self._at_once = max(1, min(RESULTS_AT_ONCE, slots // 4))
        self._fetched = 0  # results that are here
        self._released = 0  # those that the board no longer keeps
        self._request: Transfer | None = None

    def run(self, images: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, int]]:
        """Run images, each with a key of its own; iterate over key and TDATA of the results.

        Raises
        ------
        LinkError
            See `Connection.run`.
        """
        waiting = deque(images)
        window = self._connection.window
        while waiting or self.inside:
            while waiting and not self._full and window.unsent < QUEUED:
                key, image = waiting.popleft()
                self.inside.append(key)
                self._connection.submit(Kind.IMAGE, data=image)
            if self._request is None and self._due:
                self._fetch()
            elif window.idle:
                # no answer that is on its way will say more
                self._connection.run(lambda: False, pause=POLL_S)
                self._fetch()
            self._connection.run(lambda: self._news(waiting))
            if self._request is not None and self._request.complete:
                yield from self._take(self._request)

    @property
    def _full(self) -> bool:
        return self._fetched + len(self.inside) - self._released >= self._slots

    @property
    def _due(self) -> bool:
        """Whether results are to be fetched."""
        ready = self._connection.window.results - self._fetched
        everything_sent = not self._connection.window.unsent
        if ready >= self._at_once or (ready and everything_sent):
            return True
        return self._full and self._fetched > self._released

    def _news(self, waiting: deque[tuple[int, bytes]]) -> bool:
        """Whether there is something to do."""
        window = self._connection.window
        if self._request is not None:
            if self._request.complete:
                return True
        elif self._due:
            return True
        return window.idle or bool(waiting and not self._full and window.unsent < QUEUED)

    def _fetch(self) -> None:
        self._request = self._connection.submit(
            Kind.RESULTS,
            address=self._fetched % _NUMBERS,
            count=min(_MOST_RESULTS, len(self.inside)),
            urgent=True,
        )

    def _take(self, request: Transfer) -> Iterator[tuple[int, int]]:
        """Iterate over the results that a request brought."""
        self._request = None
        self._released = self._fetched
        data = request.answer
        for start in range(0, len(data), RESULT_BYTES):
            self._fetched += 1
            key = self.inside.popleft()
            yield key, int.from_bytes(data[start : start + RESULT_BYTES], "little")
