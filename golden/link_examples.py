"""Worked examples of frames for `docs/link.md`: ``python -m offramp.golden.link_examples``.

The board is the byte-level model, after power-up and without a program.
"""

from collections.abc import Iterator

from .engine_bank import EngineBank
from .link_board import LinkBoard
from .spec.engine import EngineConfig
from .spec.engine_registers import engine_registers
from .spec.link import FIXED, IMAGE_LAST, Kind, LinkConfig, Request, encode_frame

LINE_BYTES = 32


def _requests() -> Iterator[tuple[str, bytes]]:
    """Iterate over what is sent, each with what it is."""

    def frame(kind: int, number: int, address: int = 0, count: int = 0, data: str = "") -> bytes:
        return encode_frame(
            Request(kind, number, address, count, bytes.fromhex(data)).pack(),
        )

    registers = engine_registers(EngineConfig())
    yield "status, number 1", frame(Kind.STATUS, 1)
    yield "open session 0x7e01, number 255: 0 is expected next", frame(Kind.OPEN, 255, 0x7E01)
    magic = registers.address("magic")
    yield "read magic and version", frame(Kind.READ, 0, magic, 2)
    load = registers.address("load_address")
    yield "write load_address: word 0 of the program", frame(Kind.WRITE, 1, load, 1, "00000000")
    data = FIXED | registers.address("load_data")
    yield "write two words to load_data", frame(Kind.WRITE, 2, data, 2, "7d000000 2a000000")
    yield "status: the last four bytes of its data are load_crc", frame(Kind.STATUS, 2)
    control = registers.address("control")
    yield "write control: enable", frame(Kind.WRITE, 3, control, 1, "01000000")
    image = frame(Kind.IMAGE, 4, IMAGE_LAST, 1, "01020304")
    yield "an image of one word", image
    yield "results from number 0 on (in error: no program is loaded)", frame(Kind.RESULTS, 5, 0, 8)
    yield "the image once more: that number is no longer expected", image
    yield "a frame whose first byte was damaged", bytes([image[0] ^ 0x40]) + image[1:]


def link_examples() -> str:
    """Return requests and answers in hexadecimal, line by line."""
    config = LinkConfig(clock_hz=48_000_000, build_hash=0x7E7D0A7D)
    board = LinkBoard(EngineBank(EngineConfig(), lambda _program: {}), config)
    lines: list[str] = []
    for what, request in _requests():
        lines.append(f"# {what}")
        lines += _hex(">", request)
        lines += _hex("<", board.respond(request))
    return "\n".join(lines)


def _hex(mark: str, data: bytes) -> Iterator[str]:
    for start in range(0, len(data), LINE_BYTES):
        yield f"{mark if not start else ' '} {data[start : start + LINE_BYTES].hex(' ')}"


if __name__ == "__main__":
    print(link_examples())
