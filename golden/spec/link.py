"""The link between host and board: frames, requests and responses, to the byte.

The protocol is described for people in `docs/link.md`; this module is what the driver, the
byte-level model of the board and the RTL share. All numbers are little-endian.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from .checks import require_int

FLAG = 0x7E
"""Ends a frame, and so may begin the next."""
ESCAPE = 0x7D
"""The next byte is meant XOR `ESCAPE_BIT`; before a flag: drop the frame."""
ESCAPE_BIT = 0x20

CRC_BYTES = 4
"""CRC-32 of IEEE 802.3, as of `zlib.crc32`, over all bytes of the body before it."""

MAGIC = b"OFRL"
"""First bytes of a status: a board with this link answers."""
VERSION_MAJOR = 1
"""Rises when a driver written for the protocol before would no longer work."""
VERSION_MINOR = 0
"""Rises when something was added."""

DATA_BYTES_MAX = 256
"""Most bytes of data of a frame, in either direction."""
WORD_BYTES = 4
RESULT_BYTES = 8
"""Bytes of a result: TDATA of `offramp.golden.spec.engine_streams`."""

REQUEST_CREDIT = 12
"""Bytes that a request without data takes in the board's buffer: header and CRC, in words."""

SEQUENCE_BITS = 8
REQUESTS_MAX = 64
"""Most requests on their way: a copy that comes late never has the number of a new one."""
NUMBER_BITS = 16
"""Images, results and credit count modulo 2 to this."""

BAUD_MIN, BAUD_MAX = 115_200, 3_000_000
"""Bits a second of the UART: 8 data bits, no parity, 1 stop bit."""
CLOCKS_PER_BIT_MIN = 8
"""Clock cycles that a bit takes at least: the receiver samples its middle."""
BAUD_ERROR_MAX = 0.02
"""Most relative error of the baud rate that a whole number of cycles a bit gives."""

REQUEST = struct.Struct("<BBHH")
"""Kind, sequence, address, count."""
RESPONSE = struct.Struct("<BBBBHH")
"""Kind with `RESPONSE_BIT`, sequence, status, expected, credit, results."""
RESPONSE_BIT = 0x80
STATUS_DATA = struct.Struct("<4sBBHHHIIHHHHI")
"""Data of a status, see `BoardStatus`."""

IMAGE_LAST = 1
"""Bit of the address of `Kind.IMAGE`: the frame ends an image."""
FIXED = 0x8000
"""Bit of the address of `Kind.READ` and `Kind.WRITE`: all words at one address."""

BAUD_DEFAULT = 1_000_000

STALL_CYCLES = 1 << 27
"""About the clock cycles after which an image word that the engine does not take is given up: more
than any image may take with the watchdog as it is after reset."""


class Kind(IntEnum):
    """What a request asks for."""

    STATUS = 0
    """Identify yourself; in any sequence, and not counted in it."""
    READ = 1
    """Read `count` registers, up to one that answers with an error."""
    WRITE = 2
    """Write `count` registers."""
    IMAGE = 3
    """Give `count` words to the image stream."""
    RESULTS = 4
    """Give up to `count` results from number `address` on; those before are released."""
    OPEN = 5
    """Begin the session `address`: reset the engine, count from 0, sequence goes on from here."""


COUNTS: dict[int, tuple[int, int]] = {
    Kind.STATUS: (0, 0),
    Kind.READ: (1, DATA_BYTES_MAX // WORD_BYTES),
    Kind.WRITE: (1, DATA_BYTES_MAX // WORD_BYTES),
    Kind.IMAGE: (1, DATA_BYTES_MAX // WORD_BYTES),
    Kind.RESULTS: (0, DATA_BYTES_MAX // RESULT_BYTES),
    Kind.OPEN: (0, 0),
}
"""Least and most `count` of each kind; others are refused."""
WITH_DATA = (Kind.WRITE, Kind.IMAGE)
"""Requests that have `count` words of data; others have none."""
OUT_OF_SEQUENCE = (Kind.STATUS, Kind.OPEN)
"""Requests that are executed whatever their number is."""


class Status(IntEnum):
    """How a request went."""

    DONE = 0
    DAMAGED = 1
    """The frame was damaged on its way; nothing is known of it."""
    SEQUENCE = 2
    """Not executed: its sequence number is not the expected one, or the session is open already."""
    REFUSED = 3
    """Not executed, but counted: of no known kind, or its numbers contradict each other."""
    BUS = 4
    """A register answered a write with an error; words before it were written."""
    FULL = 5
    """Not executed: no room in the buffer. The sender did not keep to its credit."""
    STALLED = 6
    """The engine did not take a word of the image for `STALL_CYCLES`; words before it are taken."""


EXECUTED = (Status.DONE, Status.REFUSED, Status.BUS, Status.STALLED)
"""Statuses behind which the expected sequence number has gone on."""


@dataclass(frozen=True)
class Request:
    """What the host sends.

    Attributes
    ----------
    kind : int
        One of `Kind`.
    sequence : int
        Number of the request modulo 256.
    address : int
        Register, result, session or flags, by kind.
    count : int
        Words or results.
    data : bytes
        Words to write.
    """

    kind: int
    sequence: int
    address: int = 0
    count: int = 0
    data: bytes = b""

    def pack(self) -> bytes:
        """Return the body of the frame, without CRC."""
        return REQUEST.pack(self.kind, self.sequence, self.address, self.count) + self.data

    @classmethod
    def unpack(cls, body: bytes) -> Self:
        """Return the request of a body without CRC, of at least the header's length."""
        kind, sequence, address, count = REQUEST.unpack_from(body)
        return cls(kind, sequence, address, count, body[REQUEST.size :])

    @property
    def credit(self) -> int:
        """Bytes that it takes in the board's buffer until it is answered."""
        return REQUEST_CREDIT + len(self.data)


@dataclass(frozen=True)
class Response:
    """What the board answers.

    Attributes
    ----------
    kind : int
        That of the request.
    sequence : int
        That of the request.
    status : Status
    expected : int
        Sequence number that the board executes next.
    credit : int
        Bytes free in its buffer, those of this request among them.
    results : int
        Results that are finished since the session began, modulo 2**16.
    data : bytes
    """

    kind: int
    sequence: int
    status: int
    expected: int
    credit: int
    results: int
    data: bytes = b""

    def pack(self) -> bytes:
        """Return the body of the frame, without CRC."""
        head = RESPONSE.pack(
            self.kind | RESPONSE_BIT, self.sequence, self.status, self.expected, self.credit,
            self.results,
        )  # fmt: skip
        return head + self.data

    @classmethod
    def unpack(cls, body: bytes) -> Self:
        """Return the response of a body without CRC, of at least the header's length."""
        kind, sequence, status, expected, credit, results = RESPONSE.unpack_from(body)
        data = body[RESPONSE.size :]
        return cls(kind & ~RESPONSE_BIT, sequence, status, expected, credit, results, data)


@dataclass(frozen=True)
class BoardStatus:
    """Data of the answer to `Kind.STATUS`.

    Attributes
    ----------
    magic : bytes
    minor, major : int
        Version of the protocol.
    buffer_bytes : int
        Credit that the host begins with.
    data_bytes : int
        Most bytes of data of a frame.
    result_slots : int
        Most images that may be sent and whose results are not released.
    clock_hz : int
    build_hash : int
        Of what the bitstream was made of.
    session : int
        What `Kind.OPEN` last said; 0 after power-up.
    images : int
        Images taken whole since then, modulo 2**16.
    image_words : int
        Words taken of the image under way.
    released : int
        Number of the first result that is kept.
    load_crc : int
        CRC-32 of the words written to the register `load_data` since `load_address` was written.
    """

    magic: bytes
    minor: int
    major: int
    buffer_bytes: int
    data_bytes: int
    result_slots: int
    clock_hz: int
    build_hash: int
    session: int
    images: int
    image_words: int
    released: int
    load_crc: int

    def pack(self) -> bytes:
        """Return the 32 bytes."""
        return STATUS_DATA.pack(*(getattr(self, name) for name in self.__dataclass_fields__))

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Return the status of 32 bytes."""
        return cls(*STATUS_DATA.unpack(data))


def encode_frame(body: bytes) -> bytes:
    """Return a body with its CRC, escaped, and a flag at its end."""
    escaped = bytearray()
    for byte in body + zlib.crc32(body).to_bytes(CRC_BYTES, "little"):
        if byte in (FLAG, ESCAPE):
            escaped += bytes((ESCAPE, byte ^ ESCAPE_BIT))
        else:
            escaped.append(byte)
    escaped.append(FLAG)
    return bytes(escaped)


class FrameReader:
    """Find frames in a stream of bytes, of which any part may be damaged.

    Parameters
    ----------
    least : int
        Bytes of a body, CRC included; shorter ones are taken for noise.
    most : int
        Longer ones are damaged; none is stored beyond this.
    """

    def __init__(self, least: int, most: int):
        self._least = max(least, CRC_BYTES)
        self._most = most
        self._body = bytearray()
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the body, without CRC, of each frame that ends in `data`; None if damaged."""
        frames = []
        for byte in data:
            if byte == FLAG:
                body = self._body
                # an escape before the flag drops the frame
                if not self._escaped and len(body) >= self._least:
                    frames.append(self._checked(body))
                self._body = bytearray()
                self._escaped = False
                continue
            if byte == ESCAPE and not self._escaped:
                self._escaped = True
                continue
            if len(self._body) <= self._most:
                self._body.append(byte ^ ESCAPE_BIT if self._escaped else byte)
            self._escaped = False
        return frames

    def _checked(self, body: bytearray) -> bytes | None:
        content = bytes(body[:-CRC_BYTES])
        if len(body) > self._most or zlib.crc32(content).to_bytes(CRC_BYTES, "little") != bytes(
            body[-CRC_BYTES:]
        ):
            return None
        return content


def request_reader() -> FrameReader:
    """Return what finds requests."""
    return FrameReader(REQUEST.size + CRC_BYTES, REQUEST.size + DATA_BYTES_MAX + CRC_BYTES)


def response_reader() -> FrameReader:
    """Return what finds responses."""
    return FrameReader(RESPONSE.size + CRC_BYTES, RESPONSE.size + DATA_BYTES_MAX + CRC_BYTES)


def clocks_per_bit(clock_hz: int, baud: int) -> int:
    """Return the clock cycles of a bit.

    Raises
    ------
    ValueError
        The baud rate is out of range, or the clock cannot give it.
    """
    require_int("Clock frequency", clock_hz, 1, 2**32 - 1)
    require_int("Baud rate", baud, BAUD_MIN, BAUD_MAX)
    clocks = round(clock_hz / baud)
    if clocks < CLOCKS_PER_BIT_MIN or abs(clock_hz / clocks / baud - 1) > BAUD_ERROR_MAX:
        raise ValueError(
            f"Baud rate must be at most 1/{CLOCKS_PER_BIT_MIN} of the clock, and a whole part of "
            f"it within {BAUD_ERROR_MAX:.0%}, not {baud!r} at {clock_hz!r} Hz"
        )
    return clocks


@dataclass(frozen=True, kw_only=True)
class LinkConfig:
    """Parameters of a board's side of the link.

    Parameters
    ----------
    clock_hz : int
        Of the engine and the link.
    baud : int
        Bits a second of the UART.
    buffer_bytes : int
        Of the buffer of requests, a power of two: what is on its way in a round trip.
    result_slots : int
        Results that are kept, and so images that may be on their way.
    build_hash : int
        Of what the bitstream was made of.

    Raises
    ------
    TypeError, ValueError
        A parameter is no integer or out of range, or the clock cannot give the baud rate.
    """

    clock_hz: int
    baud: int = BAUD_DEFAULT
    buffer_bytes: int = 1024
    result_slots: int = 32
    build_hash: int = 0

    def __post_init__(self) -> None:
        clocks_per_bit(self.clock_hz, self.baud)
        require_int("Buffer bytes", self.buffer_bytes, 2 * DATA_BYTES_MAX, 1 << 15)
        if self.buffer_bytes & (self.buffer_bytes - 1):
            raise ValueError(f"Buffer bytes must be a power of two, not {self.buffer_bytes!r}")
        require_int("Result slots", self.result_slots, 2, DATA_BYTES_MAX // RESULT_BYTES)
        require_int("Build hash", self.build_hash, 0, (1 << 32) - 1)
