"""What a driver wants from a board: an amount of work that is cut into requests."""

from dataclasses import dataclass

from ...golden.spec.link import FIXED, IMAGE_LAST, WITH_DATA, WORD_BYTES, Kind, Request, Status


@dataclass(eq=False)
class Transfer:
    """One thing to be done by a board, in one request or several.

    Attributes
    ----------
    kind : Kind
        READ, WRITE, IMAGE or RESULTS.
    address : int
        Of the first request.
    data : bytes
        Words to write, of any number.
    count : int
        Words or results wanted.
    urgent : bool
        Goes before what waits.
    sent, done : int
        Parts that are on their way or done, and that are done: words, or 1 of what has no data.
    answer : bytes
        What came back.
    failed : Status or None
        Why the board did not do it.
    """

    kind: Kind
    address: int = 0
    data: bytes = b""
    count: int = 0
    urgent: bool = False
    sent: int = 0
    done: int = 0
    answer: bytes = b""
    failed: Status | None = None

    @property
    def size(self) -> int:
        """Parts of all of it."""
        return len(self.data) // WORD_BYTES if self.kind in WITH_DATA else 1

    @property
    def complete(self) -> bool:
        """Whether all of it is done."""
        return self.done == self.size

    def cut(self, most: int, sequence: int) -> tuple[int, Request]:
        """Return number of parts and request of what comes next, of at most `most` words."""
        start, self.sent = self.sent, min(self.sent + most, self.size)
        parts = self.sent - start
        if self.kind not in WITH_DATA:
            return parts, Request(self.kind, sequence, self.address, self.count)
        if self.kind == Kind.IMAGE:
            address = IMAGE_LAST if self.sent == self.size else 0
        elif self.address & FIXED:
            address = self.address
        else:
            address = self.address + WORD_BYTES * start
        data = self.data[WORD_BYTES * start : WORD_BYTES * self.sent]
        return parts, Request(self.kind, sequence, address, parts, data)
