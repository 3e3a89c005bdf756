"""What is answered, against the golden model of the board's side, byte for byte."""

import random

import pytest

from offramp.golden.spec.engine_registers import engine_registers
from offramp.golden.spec.link import (
    FIXED,
    IMAGE_LAST,
    Kind,
    LinkConfig,
    Request,
    encode_frame,
)
from offramp.hw.link.byte_link import ByteLink

from .bench import ENGINE, RATES, LinkBench

# the build hash needs escapes
CONFIG = LinkConfig(clock_hz=8_000_000, buffer_bytes=512, result_slots=4, build_hash=0x7E7D0A7D)
REGISTERS = engine_registers(ENGINE)


class Script:
    """Frames of a host that counts its requests."""

    def __init__(self):
        self.steps: list[bytes] = []
        self.sequence = 0

    def ask(self, kind, address=0, count=0, data=b"", *, sequence=None, counts=True):
        number = self.sequence if sequence is None else sequence
        self.steps.append(encode_frame(Request(kind, number % 256, address, count, data).pack()))
        if kind == Kind.OPEN:
            self.sequence = number + counts
        elif sequence is None and kind != Kind.STATUS:
            self.sequence += 1
        return self

    def write(self, name, *words, fixed=False):
        data = b"".join(word.to_bytes(4, "little") for word in words)
        return self.ask(Kind.WRITE, REGISTERS.address(name) | FIXED * fixed, len(words), data)

    def image(self, n_words, *, last=True, seed=0):
        data = random.Random(seed).randbytes(4 * n_words)
        return self.ask(Kind.IMAGE, IMAGE_LAST * last, n_words, data)


def check(script, **rates):
    LinkBench(ByteLink(CONFIG), CONFIG, **rates).check(script.steps)


@pytest.mark.parametrize("stall", RATES)
def test_registers_are_read_and_written(stall):
    script = Script().ask(Kind.STATUS, 0, sequence=99)
    script.ask(Kind.READ, 0, 3).ask(Kind.READ, FIXED, 2)
    script.write("watchdog", 0x7E7D7E7D).ask(Kind.READ, REGISTERS.address("watchdog"), 1)
    # beyond the registers that are there, beyond the map, at none
    script.ask(Kind.READ, REGISTERS.address("program_words"), 3)
    for address in (0xFFC, 0x1000, 0x7FFC, 0x1004 | FIXED, 2):
        script.ask(Kind.READ, address, 2).ask(Kind.WRITE, address, 1, bytes(4))
    # the second of three is refused
    script.ask(Kind.WRITE, REGISTERS.address("watchdog"), 3, b"\5\0\0\0" * 3)
    script.ask(Kind.READ, REGISTERS.address("watchdog"), 1).ask(Kind.STATUS)
    check(script, stall=RATES[stall])
