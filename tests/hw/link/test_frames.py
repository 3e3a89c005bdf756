import random
import zlib

import pytest
from amaranth.lib import enum

from offramp.golden.spec.link import ESCAPE, FLAG, encode_frame
from offramp.hw.link.crc import SerialCrc
from offramp.hw.link.frame_decoder import FrameDecoder
from offramp.hw.link.frame_encoder import FrameEncoder
from offramp.hw.link.payload import FrameStep
from tests.hw.engine.simulation import sees, simulate

RATES = {"never": 0.0, "random": 0.5, "mostly": 0.9}
BODIES = [
    b"", b"\0", b"\x7e", b"\x7d", b"\x7e\x7d\x5e\x5d\x7d\x7e", bytes(6), b"\xff" * 5, b"123456789",
]  # fmt: skip


async def pauses(ctx, rng, rate):
    while rng.random() < rate:
        await ctx.tick()


# -- the CRC -----------------------------------------------------------------------------------


def check_crc(block):
    crc = block()
    rng = random.Random(1)

    async def testbench(ctx):
        async def shift(data, feedback):
            ctx.set(crc.feedback, feedback)
            for byte in data:
                for k in range(8):
                    ctx.set(crc.bit, byte >> k & 1)
                    ctx.set(crc.enable, 1)
                    await ctx.tick()
                    ctx.set(crc.enable, 0)
                    if rng.random() < 0.2:
                        await ctx.tick()

        for data in (b"123456789", b"", *(rng.randbytes(n) for n in (1, 2, 30))):
            ctx.set(crc.begin, 1)
            ctx.set(crc.enable, 1)
            await ctx.tick()
            ctx.set(crc.begin, 0)
            ctx.set(crc.enable, 0)
            assert ctx.get(crc.value) == 0
            await shift(data, 1)
            assert ctx.get(crc.value) == zlib.crc32(data)
            # put away and taken back
            kept = ctx.get(crc.value).to_bytes(4, "little")
            await shift(b"\xa5\0\xff\x12", 0)
            assert ctx.get(crc.value) == int.from_bytes(b"\xa5\0\xff\x12", "little")
            await shift(kept, 0)
            await shift(data, 1)
            assert ctx.get(crc.value) == zlib.crc32(data + data)

    simulate(crc, testbench)


def test_crc_is_that_of_zlib():
    check_crc(SerialCrc)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("0xEDB88320", "0xEDB88321"),
        ("self.value.eq(~state)", "self.value.eq(state)"),
        ("self.feedback & (state[0]", "(state[0]"),
        ("Mux(self.feedback, 0, ~self.bit)", "Mux(self.feedback, 0, self.bit)"),
        ("Mux(self.feedback, 0, ~self.bit)", "~self.bit"),
        ("m.Elif(self.enable)", "m.Else()"),
    ],
)
def test_broken_crc_is_seen(right, wrong):
    assert sees(check_crc, SerialCrc, right, wrong)


# -- arriving ----------------------------------------------------------------------------------


def expected_events(wire):
    """Return what the decoder says of bytes: of each frame its body, and how it ends."""
    events, body, escaped = [], bytearray(), False
    for byte in wire:
        if byte == FLAG:
            right = zlib.crc32(body[:-4]).to_bytes(4, "little") == bytes(body[-4:])
            end = FrameStep.GOOD if right and len(body) >= 4 else FrameStep.BAD
            events += [(FrameStep.DROP if escaped else end, None)]
            body.clear()
            escaped = False
        elif byte == ESCAPE and not escaped:
            escaped = True
        else:
            body.append(byte ^ 0x20 if escaped else byte)
            events.append((FrameStep.BYTE, body[-1]))
            escaped = False
    return events


def decode(block, wire, *, idle=0.0, stall=0.0):
    """Return the events of bytes, and the cycles that they took."""
    decoder = block()
    rng = random.Random(f"{idle} {stall}")
    found, cycles = [], [0]

    async def give(ctx):
        for byte in wire:
            await pauses(ctx, rng, idle)
            ctx.set(decoder.i.payload, byte)
            ctx.set(decoder.i.valid, 1)
            await ctx.tick().until(decoder.i.ready)
            ctx.set(decoder.i.valid, 0)
        await ctx.tick()

    async def take(ctx):
        o = decoder.o
        while True:
            ready = rng.random() >= stall
            ctx.set(o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(o.valid, o.payload)
            cycles[0] += 1
            if valid and ready:
                step = FrameStep(payload.step)
                found.append((step, payload.byte if step == FrameStep.BYTE else None))

    simulate(decoder, give, take)
    return found, cycles[0]


def wire_of(seed):
    rng = random.Random(seed)
    frames = [encode_frame(body) for body in (*BODIES, *(rng.randbytes(9) for _ in range(4)))]
    broken = bytearray(encode_frame(b"broken"))
    broken[2] ^= 1
    # noise, an empty frame, a dropped one, one of three bytes
    return (
        b"\x12\x34~" + b"".join(frames) + bytes(broken) + b"~~ab\x7d~\x7d\x7d~\1\2\3~" + frames[4]
    )


def check_decoder(block, **rates):
    wire = wire_of(1)
    assert decode(block, wire, **rates)[0] == expected_events(wire)


@pytest.mark.parametrize("idle", RATES)
@pytest.mark.parametrize("stall", ["never", "random"])
def test_frames_are_found_and_checked(idle, stall):
    check_decoder(FrameDecoder, idle=RATES[idle], stall=RATES[stall])


def test_byte_takes_eight_cycles():
    wire = bytes(100)
    assert decode(FrameDecoder, wire)[1] <= FrameDecoder.cycles * len(wire) + 2


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(byte == ESCAPE) & ~escaped", "(byte == ESCAPE)"),
        ("Mux(escaped, ESCAPE_BIT, 0)", "0"),
        ("Mux(escaped, FrameStep.DROP, ", "Mux(0, FrameStep.DROP, "),
        ("0xFFFFFFFF ^ RESIDUE", "RESIDUE"),
        ("crc.begin.eq(self.i.valid & self.i.ready)", "crc.begin.eq(0)"),
        ("body.bit_select(count, 1)", "byte.bit_select(count, 1)"),
        ("self.i.valid & (~last | self.o.ready)", "self.i.valid"),
        ("self.i.ready.eq(self.o.ready & last)", "self.i.ready.eq(last)"),
        ("self.i.ready.eq(self.o.ready & settled)", "self.i.ready.eq(self.o.ready)"),
        ("escaped.eq(escape)", "escaped.eq(escaped | escape)"),
    ],
)
def test_broken_decoder_is_seen(right, wrong):
    def check(block):
        check_decoder(block)
        check_decoder(block, idle=0.5, stall=0.5)

    assert sees(check, FrameDecoder, right, wrong)


def test_steps_are_those_of_the_buffer():
    assert isinstance(FrameStep.BYTE, enum.Enum)
    assert len(FrameStep) == 4


# -- leaving -----------------------------------------------------------------------------------


def check_encoder(block, idle=0.0, stall=0.0):
    encoder = block()
    rng = random.Random(f"{idle} {stall}")
    found = bytearray()
    crcs = [body + zlib.crc32(body).to_bytes(4, "little") for body in BODIES]
    right = b"".join(encode_frame(body) for body in BODIES)

    async def give(ctx):
        i = encoder.i
        for body in crcs:
            for place, byte in enumerate((*body, FLAG)):
                await pauses(ctx, rng, idle)
                ctx.set(i.payload.byte, byte)
                ctx.set(i.payload.flag, place == len(body))
                ctx.set(i.valid, 1)
                await ctx.tick().until(i.ready)
                ctx.set(i.valid, 0)
        await ctx.tick()

    async def take(ctx):
        o = encoder.o
        while True:
            ready = rng.random() >= stall
            ctx.set(o.ready, ready)
            _, _, valid, byte = await ctx.tick().sample(o.valid, o.payload)
            if valid and ready:
                found.append(byte)

    simulate(encoder, give, take)
    assert bytes(found) == right


@pytest.mark.parametrize("idle", RATES)
@pytest.mark.parametrize("stall", RATES)
def test_bytes_are_escaped(idle, stall):
    check_encoder(FrameEncoder, RATES[idle], RATES[stall])


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(byte == FLAG) | (byte == ESCAPE)", "byte == FLAG"),
        ("(byte == FLAG) | (byte == ESCAPE)", "byte == ESCAPE"),
        ("~self.i.payload.flag & ", ""),
        ("self.o.ready & (escaped | ~special)", "self.o.ready"),
        ("byte ^ ESCAPE_BIT", "byte"),
        ("special & ~escaped", "special"),
        ("with m.If(self.o.valid & self.o.ready)", "with m.If(self.o.valid)"),
    ],
)
def test_broken_encoder_is_seen(right, wrong):
    def check(block):
        check_encoder(block)
        check_encoder(block, 0.5, 0.5)

    assert sees(check, FrameEncoder, right, wrong)
