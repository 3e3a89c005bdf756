"""The board's side of the link: what is answered when."""

import zlib

import numpy as np
import pytest

from offramp.golden.engine import run_program
from offramp.golden.engine_bank import EngineBank
from offramp.golden.link_board import LinkBoard
from offramp.golden.random_program import IMAGE_SHAPE, random_program
from offramp.golden.spec.decision_streams import unpack
from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.engine_registers import MAGIC, MEMORIES
from offramp.golden.spec.engine_streams import RESULT_FIELDS
from offramp.golden.spec.link import (
    FIXED,
    FLAG,
    IMAGE_LAST,
    REQUEST_CREDIT,
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

CONFIG = EngineConfig(activation_bytes=4096, weight_lines=64, channel_lines=64, program_words=80)
LINK = LinkConfig(clock_hz=48_000_000, buffer_bytes=1024, result_slots=4, build_hash=0xC0FFEE)
CYCLES = 77


class Host:
    """Sends requests in sequence, and checks that each has one answer."""

    def __init__(self, board: LinkBoard):
        self.board = board
        self.sequence = 0
        self._reader = response_reader()

    def answers(self, *requests: Request) -> list[Response]:
        data = b"".join(encode_frame(request.pack()) for request in requests)
        return self.responses(self.board.respond(data))

    def responses(self, data: bytes) -> list[Response]:
        bodies = self._reader.feed(data)
        assert None not in bodies
        return [Response.unpack(body) for body in bodies if body is not None]

    def ask(self, kind: int, address: int = 0, count: int = 0, data: bytes = b"") -> Response:
        (answer,) = self.answers(Request(kind, self.sequence, address, count, data))
        assert (answer.kind, answer.sequence) == (kind, self.sequence)
        self.sequence = answer.expected
        return answer

    def status(self) -> BoardStatus:
        (answer,) = self.answers(Request(Kind.STATUS, 99))
        assert answer.status == Status.DONE
        return BoardStatus.unpack(answer.data)

    def write(self, address: int, *words: int) -> Response:
        data = b"".join(word.to_bytes(4, "little") for word in words)
        return self.ask(Kind.WRITE, address, len(words), data)

    def load(self, program: Program) -> int:
        """Load a program and return the CRC of its words."""
        registers = self.board.engine.registers
        weights = np.frombuffer(program.weights, "<u4").tolist()
        crc = 0
        for memory, words in enumerate((program.words, program.channels, weights)):
            start = registers["load_address"].pack({"memory": memory, "word": 0})
            self.write(registers.address("load_address"), start)
            crc = 0
            for first in range(0, len(words), 64):
                part = words[first : first + 64]
                answer = self.write(FIXED | registers.address("load_data"), *part)
                assert answer.data == len(part).to_bytes(2, "little")
                crc = zlib.crc32(np.array(part, "<u4").tobytes(), crc)
        self.write(registers.address("image_base"), program.image_base)
        self.write(registers.address("image_stride"), program.image_stride)
        self.write(registers.address("image_words"), program.image_words)
        for index, threshold in enumerate(program.thresholds):
            word = registers["threshold"].pack({"score": threshold})
            self.write(registers.address("threshold", index), word)
        self.write(registers.address("control"), 1)
        return crc

    def image(self, image: bytes, *, last: bool = True) -> Response:
        return self.ask(Kind.IMAGE, IMAGE_LAST if last else 0, len(image) // 4, image)


@pytest.fixture
def board() -> LinkBoard:
    return LinkBoard(EngineBank(CONFIG, lambda program: dict.fromkeys(range(4), CYCLES)), LINK)


@pytest.fixture
def host(board: LinkBoard) -> Host:
    return Host(board)


def images_for(program: Program, n: int) -> list[bytes]:
    rng = np.random.default_rng(3)
    size = 4 * program.image_words
    return [rng.integers(0, 256, size, np.uint8).tobytes() for _ in range(n)]


def test_status_identifies_the_board(host):
    status = host.status()
    assert status.magic == b"OFRL"
    assert (status.major, status.minor) == (1, 0)
    assert (status.buffer_bytes, status.result_slots) == (1024, 4)
    assert (status.clock_hz, status.build_hash) == (48_000_000, 0xC0FFEE)
    assert (status.session, status.images, status.released, status.load_crc) == (0, 0, 0, 0)
    assert BoardStatus.unpack(status.pack()) == status


def test_images_give_the_results_of_the_interpreter_and_each_is_kept_until_released(host):
    program = random_program(np.random.default_rng(6), CONFIG, operations=3)
    host.ask(Kind.OPEN, 0x1234)
    crc = host.load(program)
    assert host.status().load_crc == crc
    images = images_for(program, 4)
    for image in images:
        assert host.image(image[:8], last=False).status == Status.DONE
        assert host.status().image_words == 2
        assert host.image(image[8:]).status == Status.DONE
    right = run_program(
        program,
        np.frombuffer(b"".join(images), np.uint8).reshape(4, *IMAGE_SHAPE),
        memory=np.zeros(CONFIG.activation_bytes, np.uint8),
    )
    assert host.image(images[0]).status == Status.REFUSED  # four slots
    for _ in range(2):
        answer = host.ask(Kind.RESULTS, 1, 32)
        assert answer.results == 4
        assert len(answer.data) == 8 * 3
        for number in range(3):
            word = int.from_bytes(answer.data[8 * number : 8 * number + 8], "little")
            assert unpack(RESULT_FIELDS, word) == {
                "error": 0,
                "exit_index": right.exit[number + 1],
                "label": right.label[number + 1],
                "score": right.score[number + 1],
                "cycles": CYCLES,
            }
    assert host.ask(Kind.RESULTS, 0, 1).status == Status.REFUSED  # released
    assert host.ask(Kind.RESULTS, 5, 1).status == Status.REFUSED  # beyond
    answer = host.ask(Kind.RESULTS, 4, 32)
    assert (answer.status, answer.data) == (Status.DONE, b"")
    assert host.status().released == 4
    assert host.board.engine.executed == 4


def test_requests_are_executed_once_and_in_sequence(host):
    registers = host.board.engine.registers
    watchdog = registers.address("watchdog")
    write = Request(Kind.WRITE, 0, watchdog, 1, b"\5\0\0\0")
    late = Request(Kind.WRITE, 2, watchdog, 1, b"\7\0\0\0")
    answers = host.answers(write, write, late)
    assert [answer.status for answer in answers] == [0, Status.SEQUENCE, Status.SEQUENCE]
    assert [answer.expected for answer in answers] == [1, 1, 1]
    (answer,) = host.answers(Request(Kind.READ, 1, watchdog, 1))
    assert answer.data == b"\5\0\0\0"
    # credit: what waits behind a request is not free, the request itself is
    answers = host.answers(*(Request(Kind.READ, 2 + k, watchdog, 1) for k in range(3)))
    assert [LINK.buffer_bytes - answer.credit for answer in answers] == [
        2 * REQUEST_CREDIT,
        REQUEST_CREDIT,
        0,
    ]


@pytest.mark.parametrize(
    ("kind", "address", "count", "data"),
    [
        (9, 0, 0, b""),
        (Kind.READ, 0, 0, b""),
        (Kind.READ, 0, 65, b""),
        (Kind.READ, 0, 1, b"1234"),
        (Kind.WRITE, 0, 0, b""),
        (Kind.WRITE, 0, 2, b"1234"),
        (Kind.IMAGE, 0, 2, b"1234"),
        (Kind.RESULTS, 0, 33, b""),
        (Kind.RESULTS, 1, 1, b""),
    ],
)
def test_contradictions_are_refused_and_counted(host, kind, address, count, data):
    answer = host.ask(kind, address, count, data)
    assert (answer.status, answer.expected, answer.data) == (Status.REFUSED, 1, b"")


def test_status_and_open_leave_the_sequence_alone_if_refused(host):
    assert host.ask(Kind.STATUS, count=1).expected == 0
    (answer,) = host.answers(Request(Kind.OPEN, 7, 0))
    assert (answer.status, answer.expected) == (Status.REFUSED, 0)
    (answer,) = host.answers(Request(Kind.OPEN, 7, 5))
    assert (answer.status, answer.expected) == (Status.DONE, 8)
    (answer,) = host.answers(Request(Kind.OPEN, 20, 5))
    assert (answer.status, answer.expected) == (Status.SEQUENCE, 8)


def test_registers_that_answer_with_errors_end_reads_and_writes(host):
    assert host.ask(Kind.READ, 0, 2).data[:4] == MAGIC.to_bytes(4, "little")
    answer = host.ask(Kind.READ, 0x030, 10)
    assert (answer.status, len(answer.data)) == (Status.DONE, 4)
    answer = host.ask(Kind.READ, 0x1000, 1)
    assert (answer.status, answer.data) == (Status.DONE, b"")
    answer = host.write(0x030, 5, 6)
    assert (answer.status, answer.data) == (Status.BUS, b"\1\0")
    assert host.write(0x000, 5).status == Status.BUS
    assert host.write(0x031, 5).status == Status.BUS


def test_open_resets_all_but_the_memories(host):
    program = random_program(np.random.default_rng(6), CONFIG, operations=3)
    host.ask(Kind.OPEN, 1)
    host.load(program)
    (image,) = images_for(program, 1)
    host.image(image)
    first = host.ask(Kind.RESULTS, 0, 1).data
    host.image(image[:4], last=False)
    host.ask(Kind.OPEN, 2)
    status = host.status()
    assert (status.session, status.images, status.image_words) == (2, 0, 0)
    assert (status.released, status.load_crc) == (0, 0)
    # what the memories hold need not be loaded again
    host.load(Program(**{**program.__dict__, "operations": (), "channels": (), "weights": b""}))
    host.image(image)
    assert host.ask(Kind.RESULTS, 0, 1).data == first


def test_image_waits_for_the_engine_and_is_given_up(host):
    host.ask(Kind.OPEN, 1)
    request = Request(Kind.IMAGE, host.sequence, IMAGE_LAST, 1, bytes(4))
    assert host.answers(request, Request(Kind.STATUS, 9)) == []
    assert host.board.stalled
    (answer,) = host.responses(host.board.give_up())
    assert (answer.status, answer.data) == (Status.STALLED, bytes(2))
    # what waited behind it goes on
    (answer,) = host.responses(host.board.respond(b""))
    assert answer.kind == Kind.STATUS


def test_images_of_another_size_give_results_in_error(host):
    program = random_program(np.random.default_rng(6), CONFIG, operations=3)
    host.ask(Kind.OPEN, 1)
    host.load(program)
    (image,) = images_for(program, 1)
    for content, flag in ((image[:-4], 1), (image + bytes(4), 2)):
        host.image(content)
        errors = host.board.engine.registers.address("errors")
        assert host.ask(Kind.READ, errors, 1).data[0] == flag
        host.write(errors, flag)
    assert host.ask(Kind.RESULTS, 0, 2).data == 2 * (b"\1" + bytes(7))
    host.image(image)
    assert not host.ask(Kind.RESULTS, 2, 1).data[0] & 1


def test_noise_is_answered_by_damaged_at_most(host):
    frame = encode_frame(Request(Kind.STATUS, 1).pack())
    flag = bytes([FLAG])
    broken = bytes([frame[0] ^ 4]) + frame[1:]
    (answer,) = host.responses(host.board.respond(broken))
    assert (answer.kind, answer.sequence, answer.status) == (0, 0, Status.DAMAGED)
    too_long = encode_frame(bytes(6 + 257))
    assert [a.status for a in host.responses(host.board.respond(too_long))] == [Status.DAMAGED]
    # shorter than a frame, empty, ended by an escape
    assert host.board.respond(flag + frame[3:] + flag + flag) == b""
    assert host.board.respond(frame[:-1] + b"\x7d" + flag) == b""
    assert len(host.responses(host.board.respond(b"\x12" + flag + frame))) == 1


def test_frames_without_room_are_not_executed(host):
    registers = host.board.engine.registers
    write = FIXED | registers.address("watchdog")
    requests = [Request(Kind.WRITE, k, write, 64, 64 * b"\1\0\0\0") for k in range(4)]
    answers = host.answers(*requests)
    assert [a.status for a in answers] == [0, 0, 0, Status.FULL]
    assert answers[-1].sequence == 3
    assert answers[-1].credit == LINK.buffer_bytes


def test_memories_are_known_by_their_codes():
    assert MEMORIES == ("program", "channels", "weights")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clock_hz": 1_000_000}, "Baud rate must be at most 1/8 of the clock"),
        ({"buffer_bytes": 100}, "Buffer bytes must be in 512..32768, not 100"),
        ({"buffer_bytes": 1000}, "Buffer bytes must be a power of two, not 1000"),
        ({"result_slots": 1}, "Result slots must be in 2..32, not 1"),
        ({"build_hash": -1}, "Build hash must be in 0..4294967295, not -1"),
    ],
)
def test_wrong_parameters_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        LinkConfig(**{"clock_hz": 48_000_000, **change})
