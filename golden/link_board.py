"""The board's side of the link, byte for byte: what `hw/link` must answer.

See `docs/link.md`. Bytes go in by `LinkBoard.receive`; each call of `LinkBoard.step` executes the
oldest frame that waits and returns the bytes of its answer. When that happens between bytes that
come, and when the engine works, is for the caller to say: that is all that is left to time.
"""

import zlib
from collections import deque
from dataclasses import dataclass

from .engine_bank import EngineBank
from .spec.engine_registers import engine_registers
from .spec.link import (
    COUNTS,
    DATA_BYTES_MAX,
    EXECUTED,
    FIXED,
    IMAGE_LAST,
    MAGIC,
    NUMBER_BITS,
    OUT_OF_SEQUENCE,
    REQUEST_CREDIT,
    RESULT_BYTES,
    SEQUENCE_BITS,
    VERSION_MAJOR,
    VERSION_MINOR,
    WITH_DATA,
    WORD_BYTES,
    BoardStatus,
    Kind,
    LinkConfig,
    Request,
    Response,
    Status,
    encode_frame,
    request_reader,
)

_NUMBERS = 1 << NUMBER_BITS
_SEQUENCES = 1 << SEQUENCE_BITS


@dataclass(frozen=True)
class _Waiting:
    """A frame that waits for its turn: a request, or the note of one that is not executed."""

    request: Request
    status: Status | None = None

    @property
    def credit(self) -> int:
        """Bytes that it takes; of what will not be executed only the header is kept."""
        is_note = self.status is not None or len(self.request.data) % WORD_BYTES
        return REQUEST_CREDIT if is_note else self.request.credit


@dataclass
class _Image:
    """A request for words of an image that is being executed."""

    request: Request
    taken: int = 0


class LinkBoard:
    """Decoder, buffer, sequence, session and results of a board.

    Parameters
    ----------
    engine : EngineBank
    config : LinkConfig

    Attributes
    ----------
    images, results : int
        Taken whole and finished since the session began, not modulo anything.
    """

    def __init__(self, engine: EngineBank, config: LinkConfig):
        self.engine = engine
        self.config = config
        registers = engine_registers(engine.config)
        self._load_address = registers.address("load_address")
        self._load_data = registers.address("load_data")
        self.power_up()

    def power_up(self) -> None:
        """Take the state after power-up, but for the memories of the engine."""
        self._reader = request_reader()
        self._waiting: deque[_Waiting] = deque()
        self._image: _Image | None = None
        self._expected = 0
        self._begin(0)

    def _begin(self, session: int) -> None:
        self._session = session
        self.images = self.results = 0
        self._released = 0
        self._image_words = 0
        self._load_crc = 0
        self._kept: deque[int] = deque()
        self.engine.reset()

    # -- bytes -----------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire; the frames among them wait."""
        for body in self._reader.feed(data):
            if self.credit < REQUEST_CREDIT:
                continue
            if body is None:
                self._waiting.append(_Waiting(Request(0, 0), Status.DAMAGED))
                continue
            request = Request.unpack(body)
            full = request.credit > self.credit
            self._waiting.append(_Waiting(request, Status.FULL if full else None))

    def step(self) -> bytes:
        """Execute the oldest frame that waits and return its answer.

        Empty if nothing waits, or if the engine takes no more words of an image: that is then
        tried again, see also `give_up`.
        """
        self._collect()
        if self._image is None:
            if not self._waiting:
                return b""
            status = self._not_executed(self._waiting[0])
            if status is not None:
                return self._answer(status)
            request = self._waiting[0].request
            if request.kind != Kind.IMAGE:
                return self._answer(*self._execute(request))
            self._image = _Image(request)
        if not self._give_words(self._image):
            return b""
        return self._answer(Status.DONE, self._n_words_taken())

    def give_up(self) -> bytes:
        """Answer the image whose word was not taken for `STALL_CYCLES`; only behind such a step."""
        return self._answer(Status.STALLED, self._n_words_taken())

    def respond(self, data: bytes) -> bytes:
        """Return all that is answered to bytes, when the engine works as fast as may be."""
        self.receive(data)
        answers = bytearray()
        while True:
            self.engine.work()
            answer = self.step()
            if not answer:
                return bytes(answers)
            answers += answer

    @property
    def credit(self) -> int:
        """Bytes free in the buffer."""
        return self.config.buffer_bytes - sum(waiting.credit for waiting in self._waiting)

    @property
    def stalled(self) -> bool:
        """Whether the engine took no more words of an image at the last step."""
        return self._image is not None

    def _answer(self, status: Status, data: bytes = b"") -> bytes:
        request = self._waiting.popleft().request
        self._image = None
        if status in EXECUTED:
            if request.kind not in OUT_OF_SEQUENCE:
                self._expected = (self._expected + 1) % _SEQUENCES
            elif request.kind == Kind.OPEN and status == Status.DONE:
                self._expected = (request.sequence + 1) % _SEQUENCES
        response = Response(
            kind=request.kind,
            sequence=request.sequence,
            status=status,
            expected=self._expected,
            credit=self.credit,
            results=self.results % _NUMBERS,
            data=data,
        )
        return encode_frame(response.pack())

    # -- requests --------------------------------------------------------------------------------

    def _not_executed(self, waiting: _Waiting) -> Status | None:
        """Return why a frame is not executed; None if it is."""
        request = waiting.request
        if waiting.status is not None:
            return waiting.status
        if request.kind not in OUT_OF_SEQUENCE and request.sequence != self._expected:
            return Status.SEQUENCE
        if not self._legal(request):
            return Status.REFUSED
        if request.kind == Kind.OPEN and request.address == self._session:
            return Status.SEQUENCE
        return None

    def _legal(self, request: Request) -> bool:
        """Return whether a request is not refused."""
        if request.kind not in COUNTS:
            return False
        least, most = COUNTS[request.kind]
        n_data = WORD_BYTES * request.count if request.kind in WITH_DATA else 0
        if not least <= request.count <= most or len(request.data) != n_data:
            return False
        match request.kind:
            case Kind.IMAGE:
                return self.images - self._released < self.config.result_slots
            case Kind.RESULTS:
                return self._beyond_released(request) <= len(self._kept)
            case Kind.OPEN:
                return request.address != 0
        return True

    def _beyond_released(self, request: Request) -> int:
        return (request.address - self._released) % _NUMBERS

    def _execute(self, request: Request) -> tuple[Status, bytes]:
        """Execute a legal request that is no image."""
        match request.kind:
            case Kind.STATUS:
                return Status.DONE, self._board_status().pack()
            case Kind.READ:
                return Status.DONE, self._read(request)
            case Kind.WRITE:
                return self._write(request)
            case Kind.RESULTS:
                for _ in range(self._beyond_released(request)):
                    self._kept.popleft()
                    self._released += 1
                wanted = list(self._kept)[: request.count]
                data = (result.to_bytes(RESULT_BYTES, "little") for result in wanted)
                return Status.DONE, b"".join(data)
        self._begin(request.address)
        return Status.DONE, b""

    def _board_status(self) -> BoardStatus:
        return BoardStatus(
            magic=MAGIC,
            minor=VERSION_MINOR,
            major=VERSION_MAJOR,
            buffer_bytes=self.config.buffer_bytes,
            data_bytes=DATA_BYTES_MAX,
            result_slots=self.config.result_slots,
            clock_hz=self.config.clock_hz,
            build_hash=self.config.build_hash,
            session=self._session,
            images=self.images % _NUMBERS,
            image_words=self._image_words % _NUMBERS,
            released=self._released % _NUMBERS,
            load_crc=self._load_crc,
        )

    def _addresses(self, request: Request) -> list[int]:
        first = request.address & ~FIXED
        step = 0 if request.address & FIXED else WORD_BYTES
        return [first + step * number for number in range(request.count)]

    def _read(self, request: Request) -> bytes:
        data = bytearray()
        for address in self._addresses(request):
            word = self.engine.read(address)
            if word is None:
                break
            data += word.to_bytes(WORD_BYTES, "little")
        return bytes(data)

    def _write(self, request: Request) -> tuple[Status, bytes]:
        for number, address in enumerate(self._addresses(request)):
            word = request.data[WORD_BYTES * number : WORD_BYTES * (number + 1)]
            if not self.engine.write(address, int.from_bytes(word, "little")):
                return Status.BUS, _count(number)
            if address == self._load_address:
                self._load_crc = 0
            elif address == self._load_data:
                self._load_crc = zlib.crc32(word, self._load_crc)
        return Status.DONE, _count(request.count)

    # -- images and results ----------------------------------------------------------------------

    def _give_words(self, image: _Image) -> bool:
        """Give words to the engine; return whether it took all."""
        request = image.request
        while image.taken < request.count:
            if not self.engine.room:
                return False
            start = WORD_BYTES * image.taken
            image.taken += 1
            last = image.taken == request.count and bool(request.address & IMAGE_LAST)
            self.engine.take(request.data[start : start + WORD_BYTES], last)
            self._image_words += 1
            if last:
                self._image_words = 0
                self.images += 1
        return True

    def _n_words_taken(self) -> bytes:
        assert self._image is not None
        return _count(self._image.taken)

    def _collect(self) -> None:
        """Keep the results that the engine has given."""
        while self.engine.results:
            self._kept.append(self.engine.results.popleft())
            self.results += 1


def _count(number: int) -> bytes:
    return number.to_bytes(2, "little")
