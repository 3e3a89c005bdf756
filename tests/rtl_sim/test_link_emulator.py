"""The engine behind a UART, bit by bit, against the golden model of the board's side."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from offramp.golden.engine_bank import EngineBank
from offramp.golden.link_board import LinkBoard
from offramp.golden.random_program import random_program
from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.engine_registers import engine_registers
from offramp.golden.spec.link import (
    FIXED,
    FLAG,
    IMAGE_LAST,
    BoardStatus,
    Kind,
    LinkConfig,
    Request,
    Response,
    Status,
    encode_frame,
    response_reader,
)
from offramp.golden.spec.program import Program
from offramp.host.compile.cycles import predict_cycles
from offramp.rtl_sim.emulator.link import LinkEmulator

CONFIG = EngineConfig(activation_bytes=4096, weight_lines=96, channel_lines=96, program_words=256)
LINK = LinkConfig(
    clock_hz=8_000_000, baud=1_000_000, buffer_bytes=1024, result_slots=4, build_hash=0x7E7D0A7D
)
REGISTERS = engine_registers(CONFIG)
QUIET_BYTES = 40
"""A board that sends nothing for so long has sent all, if no program runs."""


class Pair:
    """A board in RTL and one in integers, given the same bytes.

    Parameters
    ----------
    emulator : LinkEmulator
        Fresh from a reset.
    """

    def __init__(self, emulator: LinkEmulator):
        self._rtl = emulator
        self._golden = LinkBoard(EngineBank(CONFIG, lambda p: predict_cycles(p).exits), LINK)
        self._reader = response_reader()
        self.sequence = 0

    def give(self, data: bytes, *, cycles: int = 0) -> list[Response]:
        """Give bytes to both, compare the answers, and return them."""
        right = self._golden.respond(data)
        rtl = self._rtl
        time = rtl.cycles_of(2 * (len(data) + len(right)) + QUIET_BYTES) + cycles
        found = rtl.exchange(data, time)
        assert found == right, f"answer to {data.hex()} must be {right.hex()}, not {found.hex()}"
        assert rtl.framing_errors == 0
        bodies = self._reader.feed(found)
        assert None not in bodies
        return [Response.unpack(body) for body in bodies if body is not None]

    def ask(
        self, kind: int, address: int = 0, count: int = 0, data: bytes = b"", cycles: int = 0
    ) -> Response:
        request = Request(kind, self.sequence, address, count, data)
        (answer,) = self.give(encode_frame(request.pack()), cycles=cycles)
        self.sequence = answer.expected
        return answer

    def write(self, address: int, *words: int) -> Response:
        data = b"".join(word.to_bytes(4, "little") for word in words)
        return self.ask(Kind.WRITE, address, len(words), data)

    def load(self, program: Program) -> None:
        weights = np.frombuffer(program.weights, "<u4").tolist()
        for memory, words in enumerate((program.words, program.channels, weights)):
            start = REGISTERS["load_address"].pack({"memory": memory, "word": 0})
            self.write(REGISTERS.address("load_address"), start)
            for first in range(0, len(words), 64):
                part = words[first : first + 64]
                self.write(FIXED | REGISTERS.address("load_data"), *part)
            assert self.status().load_crc
        self.write(REGISTERS.address("image_base"), program.image_base)
        self.write(REGISTERS.address("image_stride"), program.image_stride)
        self.write(REGISTERS.address("image_words"), program.image_words)
        for index, threshold in enumerate(program.thresholds):
            word = REGISTERS["threshold"].pack({"score": threshold})
            self.write(REGISTERS.address("threshold", index), word)
        self.write(REGISTERS.address("control"), 1)

    def status(self) -> BoardStatus:
        return BoardStatus.unpack(self.ask(Kind.STATUS).data)


@pytest.fixture(scope="module")
def emulator() -> Iterator[LinkEmulator]:
    with LinkEmulator(CONFIG, LINK) as board:
        yield board


@pytest.fixture
def pair(emulator: LinkEmulator) -> Pair:
    emulator.reset()
    return Pair(emulator)


def image_of(program: Program, rng: random.Random) -> bytes:
    return rng.randbytes(4 * program.image_words)


@pytest.mark.parametrize("seed", range(2))
def test_programs_and_images_answer_as_golden(pair: Pair, seed: int) -> None:
    rng = random.Random(seed)
    program = random_program(np.random.default_rng(seed), CONFIG, operations=3)
    cycles = predict_cycles(program).whole + 400
    pair.ask(Kind.OPEN, 0x7E7D)
    pair.load(program)
    released = 0
    for number in range(10):
        image = image_of(program, rng)
        cut = 4 * rng.randrange(1, program.image_words)
        pair.ask(Kind.IMAGE, 0, cut // 4, image[:cut])
        pair.status()
        pair.ask(Kind.IMAGE, IMAGE_LAST, (len(image) - cut) // 4, image[cut:], cycles=cycles)
        kept = number + 1 - released
        if kept == LINK.result_slots:
            assert pair.ask(Kind.IMAGE, 0, 1, bytes(4)).status == Status.REFUSED
        if kept == LINK.result_slots or rng.random() < 0.3:
            count = rng.randrange(5)
            answer = pair.ask(Kind.RESULTS, released, count)
            assert len(answer.data) == 8 * min(count, kept)
            released += rng.randrange(1, kept + 1)
            pair.ask(Kind.RESULTS, released, 1)
    pair.ask(Kind.RESULTS, released, 32)
    pair.status()
    for name in ("images", "cycles_low", "cycles_high"):
        pair.ask(Kind.READ, REGISTERS.address(name), 1)


def random_request(rng: random.Random) -> Request:
    """Return a request that may be anything, but gives no image to an engine that takes none."""
    kind = rng.choice((0, 1, 1, 1, 2, 2, 2, 4, 4, 5, 3, 6, 200))
    addresses = [address for r in REGISTERS.registers for address in r.addresses]
    address = rng.choice((rng.choice(addresses), rng.randrange(0x1000), rng.randrange(1 << 16)))
    count = rng.choice((0, 0, 1, 2, 5, 64, 65, rng.randrange(1 << 16)))
    n_data = rng.choice((0, 4 * count if count < 65 else 0, rng.randrange(257)))
    if kind in (1, 4, 5) and rng.random() < 0.8:
        n_data, count = 0, (count if kind == 1 else 0)
    if kind == 3:
        n_data = 4 * count + 4 if count < 64 else 0
    if kind == 4 and rng.random() < 0.7:
        address = 0
    # few bits are set, so that registers take some of the words; none begins an image
    words = [rng.choice((0, 0, 2, 4, 1 << rng.randrange(1, 32))) for _ in range(64)]
    data = b"".join(word.to_bytes(4, "little") for word in words) + bytes(1)
    return Request(kind, rng.randrange(256), address, count, data[:n_data])


@pytest.mark.parametrize("seed", range(3))
def test_any_request_is_answered_as_golden(pair: Pair, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        request = random_request(rng)
        if rng.random() < 0.85:
            request = Request(**{**request.__dict__, "sequence": pair.sequence})
        for answer in pair.give(encode_frame(request.pack())):
            pair.sequence = answer.expected


@pytest.mark.parametrize("seed", range(3))
def test_any_bytes_are_answered_as_golden(pair: Pair, seed: int) -> None:
    rng = random.Random(seed)
    flag = bytes([FLAG])
    for _ in range(25):
        frame = bytearray(encode_frame(random_request(rng).pack())[:-1])
        for _ in range(rng.choice((0, 1, 1, 3))):
            place = rng.randrange(len(frame))
            match rng.randrange(4):
                case 0:
                    frame[place] ^= 1 << rng.randrange(8)
                case 1:
                    del frame[place]
                case 2:
                    frame.insert(place, rng.choice((FLAG, 0x7D, rng.randrange(256))))
                case 3:
                    frame = frame[place:]
            frame = frame or bytearray(1)
        # one after the other: the credit of two that wait depends on when the first is answered
        for part in bytes(frame).split(flag):
            for answer in pair.give(part + flag):
                pair.sequence = answer.expected
    pair.status()


def test_frames_of_any_length_are_answered_as_golden(pair: Pair) -> None:
    for length in (*range(14), *range(255, 280), 600):
        pair.give(encode_frame(bytes(length)))
        # the frame behind it is not touched
        pair.status()


def test_requests_that_wait_are_answered_in_order_at_the_rate_of_the_line(
    emulator: LinkEmulator,
) -> None:
    emulator.reset()
    # the slowest of all: their CRC is kept
    words = random.Random(1).randbytes(256)
    address = FIXED | REGISTERS.address("load_data")
    writes = [Request(Kind.WRITE, k, address, 64, words) for k in range(40)]
    data = b"".join(encode_frame(request.pack()) for request in writes)
    # a frame is executed when it is whole, in less time than the next one takes
    found = emulator.exchange(data, emulator.cycles_of(len(data) + 268))
    answers = [Response.unpack(body) for body in response_reader().feed(found) if body]
    assert [answer.sequence for answer in answers] == list(range(40))
    assert {answer.status for answer in answers} == {Status.DONE}
    # it keeps up: no frame but the next one waits
    assert all(answer.credit >= LINK.buffer_bytes - 268 for answer in answers)


def test_reads_fill_the_line(emulator: LinkEmulator) -> None:
    emulator.reset()
    read = b"".join(encode_frame(Request(Kind.READ, k, FIXED, 64).pack()) for k in range(20))
    right = 20 * (8 + 256 + 4 + 1)
    cycles = emulator.cycles
    emulator.exchange(read, 0)
    found = b""
    while found.count(FLAG) < 20:
        found += emulator.exchange(b"", emulator.cycles_of(1))
    took = emulator.cycles - cycles
    assert len(found) >= right
    assert took < 1.02 * emulator.cycles_of(len(found))


def test_reset_and_break_leave_nothing_behind(pair: Pair, emulator: LinkEmulator) -> None:
    pair.ask(Kind.OPEN, 5)
    write = Request(Kind.WRITE, pair.sequence, REGISTERS.address("watchdog"), 1, bytes(3) + b"\1")
    frame = encode_frame(write.pack())
    # a break in place of a byte
    emulator.exchange(frame[:4], emulator.cycles_of(6))
    emulator.hold(0, emulator.cycles_of(5))
    emulator.hold(1, emulator.cycles_of(2))
    found = emulator.exchange(frame[5:], emulator.cycles_of(60))
    answers = [Response.unpack(body) for body in response_reader().feed(found) if body]
    assert [answer.status for answer in answers] == [Status.DAMAGED]
    pair.ask(Kind.READ, 0, 8)
    # a reset while a frame comes in and an answer goes out
    emulator.exchange(frame + frame[:5], emulator.cycles_of(len(frame) + 10))
    emulator.reset()
    emulator.exchange(b"", emulator.cycles_of(20))
    fresh = Pair(emulator)
    assert fresh.status().session == 0
    fresh.ask(Kind.READ, 0, 8)


@pytest.mark.parametrize("skew", [-0.025, 0.025])
def test_bits_of_the_host_may_be_a_little_longer_or_shorter(skew: float) -> None:
    with LinkEmulator(CONFIG, LINK, skew=skew) as emulator:
        pair = Pair(emulator)
        pair.ask(Kind.READ, 0, 8)
        pair.write(FIXED | REGISTERS.address("watchdog"), *(0xA55A0FF0 ^ k for k in range(64)))
        pair.status()


def test_wrong_skew_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Skew must be between -0.05 and 0.05, not 0.2"):
        LinkEmulator(CONFIG, LINK, skew=0.2)
