import random

import pytest

from offramp.hw.link.uart_receiver import UartReceiver
from offramp.hw.link.uart_transmitter import UartTransmitter
from tests.hw.engine.simulation import sees, simulate

EDGES = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, 0x7E, 0x7D]


def levels(byte, bit_cycles, *, stop=1):
    """Return the levels of a byte on the line, a cycle each; bits may take no whole number."""
    found = []
    for number, bit in enumerate([0, *(byte >> k & 1 for k in range(8)), stop], 1):
        found += [bit] * (round(number * bit_cycles) - len(found))
    return found


def receive(block, line, clocks):
    """Return the bytes that come from a line of levels; each is taken as late as may be."""
    receiver = block(clocks)
    found = []

    async def drive(ctx):
        for level in [1, 1, 1, *line, *[1] * 12 * clocks]:
            ctx.set(receiver.rx, level)
            await ctx.tick()

    async def take(ctx):
        while True:
            await ctx.tick()
            if not ctx.get(receiver.o.valid):
                continue
            first = ctx.get(receiver.o.payload)
            # the decoder needs 8 cycles
            for _ in range(8):
                await ctx.tick()
                assert ctx.get(receiver.o.valid)
                assert ctx.get(receiver.o.payload) == first
            ctx.set(receiver.o.ready, 1)
            await ctx.tick()
            ctx.set(receiver.o.ready, 0)
            found.append(first)

    simulate(receiver, drive, take)
    return found


def check_receiver(block, clocks=8, skew=0.0, seed=0):
    rng = random.Random(seed)
    sent = EDGES + [rng.randrange(256) for _ in range(12)]
    line = []
    for byte in sent:
        line += levels(byte, clocks * (1 + skew)) + [1] * rng.choice((0, 0, 1, 5, 3 * clocks))
    assert receive(block, line, clocks) == sent


@pytest.mark.parametrize("clocks", [8, 13])
@pytest.mark.parametrize("skew", [-0.03, 0.0, 0.03])
def test_bytes_come_at_any_distance_from_a_clock_a_little_off(clocks, skew):
    check_receiver(UartReceiver, clocks, skew)


def check_bad_bytes(block):
    clocks = 8
    glitch = [0] * (clocks // 2 - 2) + [1] * clocks
    without_stop = levels(0x3C, clocks, stop=0) + [1] * 12 * clocks
    line = glitch + levels(0x12, clocks) + without_stop + levels(0x34, clocks) + glitch
    # a break is a byte without stop bit, however long
    line += [0] * 25 * clocks + [1] * 12 * clocks + levels(0x56, clocks)
    assert receive(block, line, clocks) == [0x12, 0x34, 0x56]


def test_glitches_and_bytes_without_stop_bit_are_dropped():
    check_bad_bytes(UartReceiver)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self._clocks // 2 - 1", "self._clocks - 2"),
        ("self._clocks // 2 - 1", "0"),
        ("count == self._clocks - 1", "count == self._clocks - 2"),
        ("receiving.eq(~level)", "receiving.eq(1)"),
        ("self.o.valid.eq(level)", "self.o.valid.eq(1)"),
        ("bits.eq(Cat(bits[1:], level))", "bits.eq(Cat(bits[1:], ~level))"),
        ("m.d.sync += [starting.eq(1), first.eq(1)]", "m.d.sync += first.eq(1)"),
        ("first.eq(0), ", ""),
        ("before & ~level", "~level"),
    ],
)
def test_broken_receiver_is_seen(right, wrong):
    def check(block):
        check_receiver(block, skew=0.03)
        check_receiver(block, skew=-0.03)
        check_bad_bytes(block)

    assert sees(check, UartReceiver, right, wrong)


def check_transmitter(block, clocks=8, idle=0.0):
    rng = random.Random(f"{clocks} {idle}")
    sent = EDGES + [rng.randrange(256) for _ in range(8)]
    transmitter = block(clocks)
    line, gaps = [], []

    async def give(ctx):
        i = transmitter.i
        for byte in sent:
            waited = 0
            while rng.random() < idle:
                waited += 1
                await ctx.tick()
            gaps.append(waited)
            ctx.set(i.payload, byte)
            ctx.set(i.valid, 1)
            await ctx.tick().until(i.ready)
            ctx.set(i.valid, 0)
        await ctx.tick().repeat(12 * clocks)

    async def watch(ctx):
        while True:
            line.append(ctx.get(transmitter.tx))
            await ctx.tick()

    simulate(transmitter, give, watch)
    # each byte is on the line exactly, one behind the other if there is no pause
    for byte in sent:
        start = line.index(0)
        assert line[start : start + 10 * clocks] == levels(byte, clocks)
        if not idle and byte != sent[0]:
            assert start == 0
        line = line[start + 10 * clocks :]
    assert all(line)


@pytest.mark.parametrize("clocks", [8, 13])
@pytest.mark.parametrize("idle", [0.0, 0.97])
def test_bytes_are_put_on_the_line_without_a_gap(clocks, idle):
    check_transmitter(UartTransmitter, clocks, idle)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("bit_ends.eq(count == self._clocks - 1)", "bit_ends.eq(count == self._clocks - 2)"),
        ("byte_ends.eq(bits[1:] == 0)", "byte_ends.eq(bits[2:] == 0)"),
        ("self.i.ready.eq(bit_ends & byte_ends)", "self.i.ready.eq(byte_ends)"),
        ("Cat(Const(0, 1), self.i.payload", "Cat(Const(1, 1), self.i.payload"),
        ("self.i.payload, Const(1, 1)", "self.i.payload, Const(0, 1)"),
        ("m.Elif(~byte_ends | self.i.valid)", "m.Elif(~byte_ends)"),
    ],
)
def test_broken_transmitter_is_seen(right, wrong):
    def check(block):
        check_transmitter(block)
        check_transmitter(block, idle=0.9)

    assert sees(check, UartTransmitter, right, wrong)
