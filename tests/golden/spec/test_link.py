"""Frames to the byte, and the examples of the document."""

import zlib
from pathlib import Path

import pytest

from offramp.golden.link_examples import link_examples
from offramp.golden.spec.link import (
    ESCAPE,
    FLAG,
    FrameReader,
    Request,
    Response,
    clocks_per_bit,
    encode_frame,
    request_reader,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "link.md"


def test_examples_of_the_document_are_what_the_model_answers():
    assert f"```\n{link_examples()}\n```\n" in DOCUMENT.read_text()


def test_every_byte_survives_a_frame_and_no_flag_is_inside():
    body = bytes(range(256))
    frame = encode_frame(body)
    assert frame.count(FLAG) == 1
    assert frame[-1] == FLAG
    assert bytes([ESCAPE, 0x5E]) in frame
    assert bytes([ESCAPE, 0x5D]) in frame
    reader = FrameReader(0, 300)
    # however the bytes are cut
    assert [body for byte in frame for body in reader.feed(bytes([byte]))] == [body]


def test_crc_is_that_of_zlib_lowest_byte_first():
    assert encode_frame(b"abc") == b"abc" + zlib.crc32(b"abc").to_bytes(4, "little") + b"\x7e"


@pytest.mark.parametrize("place", range(12))
def test_any_changed_byte_is_seen(place):
    frame = bytearray(encode_frame(b"\x01\x02\x03\x04\x05\x06\x07\x08"))
    frame[place] ^= 0x10
    assert FrameReader(0, 300).feed(bytes(frame)) == [None]


def test_bodies_out_of_bounds_are_noise_or_damaged():
    reader = request_reader()
    assert reader.feed(encode_frame(bytes(5))) == []
    assert reader.feed(encode_frame(bytes(6))) == [bytes(6)]
    assert reader.feed(encode_frame(bytes(262))) == [bytes(262)]
    assert reader.feed(encode_frame(bytes(263))) == [None]
    # longer than anything that is stored
    assert reader.feed(bytes(100_000) + b"\x7e") == [None]
    assert reader.feed(encode_frame(bytes(6))[:-1] + bytes([ESCAPE, FLAG])) == []
    assert reader.feed(encode_frame(bytes(6))) == [bytes(6)]


def test_requests_and_responses_are_what_was_packed():
    request = Request(3, 200, 0x8054, 2, b"12345678")
    assert Request.unpack(request.pack()) == request
    response = Response(3, 200, 1, 7, 1000, 65535, b"12")
    assert response.pack()[0] == 0x83
    assert Response.unpack(response.pack()) == response


def test_baud_rates_that_a_clock_cannot_give_are_refused():
    assert clocks_per_bit(48_000_000, 115_200) == 417
    assert clocks_per_bit(24_000_000, 3_000_000) == 8
    with pytest.raises(ValueError, match="Baud rate must be at most 1/8 of the clock, and a whole"):
        clocks_per_bit(20_000_000, 3_000_000)
    with pytest.raises(ValueError, match=r"Baud rate must be in 115200\.\.3000000, not 9600"):
        clocks_per_bit(20_000_000, 9600)
