"""What is answered while buses stall, against the golden model of the board's side.

Long conversations run on the Verilated engine behind a UART: `tests/rtl_sim/test_link_emulator.py`.
"""

import random

import pytest

from offramp.golden.link_board import LinkBoard
from offramp.golden.spec.engine_registers import engine_registers
from offramp.golden.spec.link import (
    FIXED,
    IMAGE_LAST,
    Kind,
    LinkConfig,
    Request,
    Response,
    Status,
    encode_frame,
    response_reader,
)
from offramp.hw.link import byte_link
from offramp.hw.link.byte_link import ByteLink
from offramp.hw.link.executor import Executor
from tests.hw.engine.simulation import broken

from .bench import ENGINE, LinkBench, engine_bank

# the build hash needs escapes
CONFIG = LinkConfig(clock_hz=8_000_000, buffer_bytes=512, result_slots=2, build_hash=0x7E7D0A7D)
REGISTERS = engine_registers(ENGINE)
STALL_CYCLES = 2400


class Script:
    """Frames of a host that counts its requests."""

    def __init__(self):
        self.steps: list[bytes] = []
        self._sequence = 0

    def ask(self, kind, address=0, count=0, data=b""):
        self.steps.append(encode_frame(Request(kind, self._sequence, address, count, data).pack()))
        if kind != Kind.STATUS:
            self._sequence += 1
        return self

    def write(self, name, *words, fixed=False):
        data = b"".join(word.to_bytes(4, "little") for word in words)
        return self.ask(Kind.WRITE, REGISTERS.address(name) | FIXED * fixed, len(words), data)

    def image(self, n_words, *, last=True):
        data = random.Random(n_words).randbytes(4 * n_words)
        return self.ask(Kind.IMAGE, IMAGE_LAST * last, n_words, data)


def registers_script():
    script = Script().ask(Kind.STATUS).ask(Kind.READ, FIXED, 2)
    script.write("load_address", 0).write("load_data", 0x7E7D7E7D, 0x00FF55AA, fixed=True)
    script.ask(Kind.READ, REGISTERS.address("program_words"), 3)
    # none there, beyond the map; the second of three is refused
    for address in (0xFFC, 0x1000):
        script.ask(Kind.READ, address, 2).ask(Kind.WRITE, address, 1, bytes(4))
    script.ask(Kind.WRITE, REGISTERS.address("watchdog"), 3, b"\5\0\0\0" * 3)
    script.ask(Kind.READ, REGISTERS.address("threshold", 0), 2)
    return script.ask(Kind.READ, REGISTERS.address("watchdog"), 1).ask(Kind.STATUS)


def images_script():
    # two words are an image; others give results in error
    script = Script().ask(Kind.OPEN, 0x7E01).write("image_words", 2).write("control", 1)
    script.image(1).image(2, last=False).ask(Kind.STATUS).image(3).image(1)
    script.ask(Kind.RESULTS, 0, 32).ask(Kind.RESULTS, 1, 1).image(1, last=False).image(4)
    script.ask(Kind.RESULTS, 2, 0).ask(Kind.RESULTS, 1, 1).ask(Kind.RESULTS, 4, 1)
    script.ask(Kind.OPEN, 0x7E01).ask(Kind.OPEN, 2).ask(Kind.STATUS)
    return script.ask(Kind.READ, REGISTERS.address("control"), 1)


@pytest.mark.parametrize(
    ("script", "family"), [(registers_script, "ecp5"), (images_script, "generic")]
)
def test_answers_are_those_of_the_golden_model(script, family):
    bench = LinkBench(ByteLink(CONFIG, family=family), CONFIG, stall=0.8)
    bench.check(script().steps)
    # the one at the start, and those of new sessions
    assert bench.resets == (3 if script is images_script else 1)


def test_image_that_is_not_taken_is_given_up():
    link = ByteLink(CONFIG, stall_cycles=STALL_CYCLES)
    bench = LinkBench(link, CONFIG)
    steps = Script().image(3).ask(Kind.READ, 0, 1).steps
    (found, cycles), (behind, _) = bench.answer(steps, STALL_CYCLES + 2000)
    assert STALL_CYCLES < cycles < 1.3 * STALL_CYCLES + 1000
    answers = [Response.unpack(response_reader().feed(data)[0]) for data in (found, behind)]
    assert (answers[0].status, answers[0].data) == (Status.STALLED, b"\0\0")
    # the next request is executed
    assert (answers[1].status, answers[1].data) == (Status.DONE, b"ARFO")


def test_requests_without_room_are_answered_in_their_turn():
    # an image that is not taken, while others come
    stall_cycles = 7000
    bench = LinkBench(ByteLink(CONFIG, stall_cycles=stall_cycles), CONFIG)
    data = b"\1\0\0\0" * 64
    script = Script().image(3)
    for _ in range(2):
        script.ask(Kind.WRITE, FIXED | REGISTERS.address("watchdog"), 64, data)
    step = b"".join(script.steps)
    board = LinkBoard(engine_bank(), CONFIG)
    board.receive(step)
    assert board.step() == b""
    right = board.give_up() + board.step() + board.step()
    statuses = [Response.unpack(body).status for body in response_reader().feed(right)]
    assert statuses == [Status.STALLED, Status.DONE, Status.FULL]
    ((found, _),) = bench.answer([step], stall_cycles + 9000)
    assert found == right


@pytest.mark.parametrize(
    ("right", "wrong", "script"),
    [
        ("address[8:].eq(accumulator)", "address[8:].eq(0)", registers_script),
        ("self.engine_reset.eq(controls[Control.RESET])", "self.engine_reset.eq(0)", images_script),
        ("image.tlast.eq(controls[Control.LAST])", "image.tlast.eq(1)", images_script),
    ],
)
def test_broken_executor_is_seen(monkeypatch, right, wrong, script):
    monkeypatch.setattr(byte_link, "Executor", broken(Executor, right, wrong))
    with pytest.raises(AssertionError):
        LinkBench(ByteLink(CONFIG), CONFIG).check(script().steps)
