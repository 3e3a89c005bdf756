import random

import pytest

from offramp.golden.spec.link import DATA_BYTES_MAX, REQUEST_CREDIT, Request, Status
from offramp.hw.link.payload import FrameStep
from offramp.hw.link.request_buffer import RequestBuffer
from tests.hw.engine.simulation import sees, simulate

BUFFER_BYTES = 512


class Model:
    """What waits, as the words that must come: None for those that say nothing."""

    def __init__(self):
        self.waiting = []

    @property
    def credit(self):
        return BUFFER_BYTES - 4 * sum(map(len, self.waiting))

    def frame(self, body, end):
        """Take a frame, CRC included."""
        words = -(-(2 + len(body)) // 4)
        if len(body) < 10 or end == FrameStep.DROP or self.credit < REQUEST_CREDIT:
            return
        status = 0
        if end == FrameStep.BAD or len(body) > 10 + DATA_BYTES_MAX:
            status = Status.DAMAGED
        elif 4 * words > self.credit:
            status = Status.FULL
        elif (2 + len(body)) % 4:
            status = Status.REFUSED
        padded = bytes(2) + body
        content = [padded[k : k + 4] for k in range(0, len(padded), 4)]
        first = bytes((len(content), status)) + padded[2:4]
        if status:
            # its number of words says nothing
            self.waiting.append([(None, first[1:]), (0, content[1]), None])
        else:
            self.waiting.append([(0, first), *((0, word) for word in content[1:-1]), None])


EDGES = [10, 14, 9, 11, 12, 13, 266, 267, 266, 270, 300, 10, 0, 1, 9, 2, 5, 6]
"""Bytes of frames."""


def frames(rng, n, sizes):
    """Return bodies with CRC, and how they end: edges first."""
    for size in sizes + [rng.choice((10, 14, 30, rng.randrange(280))) for _ in range(n)]:
        chance = rng.random()
        end = FrameStep.GOOD
        if chance < 0.25:
            end = FrameStep.BAD if chance < 0.15 else FrameStep.DROP
        yield rng.randbytes(size), end


def check(block, *, n=40, idle=0.0, full=0.3, seed=0, sizes=EDGES, family="generic"):
    """Give frames, and take requests at times; `full` is how often they wait instead."""
    rng = random.Random(seed)
    buffer = block(BUFFER_BYTES, family)
    model = Model()

    async def step(ctx, kind, byte=0):
        while rng.random() < idle:
            await ctx.tick()
        ctx.set(buffer.i.payload.step, kind)
        ctx.set(buffer.i.payload.byte, byte)
        ctx.set(buffer.i.valid, 1)
        await ctx.tick().until(buffer.i.ready)
        ctx.set(buffer.i.valid, 0)

    async def take(ctx):
        request = model.waiting.pop(0)
        await ctx.tick()
        for word in request:
            await ctx.tick()
            found = bytes(ctx.get(buffer.o.word[k]) for k in range(4))
            if word is not None:
                skipped, right = word
                assert found[len(found) - len(right) :] == right, (skipped, found, right)
            ctx.set(buffer.o.next_word, 1)
            await ctx.tick()
            ctx.set(buffer.o.next_word, 0)
            await ctx.tick().repeat(2)

    async def testbench(ctx):
        for body, end in frames(rng, n, sizes):
            for byte in body:
                await step(ctx, FrameStep.BYTE, byte)
            await step(ctx, end)
            model.frame(body, end)
            await ctx.tick()
            assert ctx.get(buffer.o.credit) == model.credit
            assert ctx.get(buffer.o.there) == bool(model.waiting)
            while model.waiting and rng.random() > full:
                await take(ctx)
                assert ctx.get(buffer.o.credit) == model.credit
        while model.waiting:
            await take(ctx)
        assert not ctx.get(buffer.o.there)

    simulate(buffer, testbench)


@pytest.mark.parametrize(
    ("idle", "full", "family"), [(0.0, 0.0, "ecp5"), (0.5, 0.5, "generic"), (0.0, 0.9, "generic")]
)
def test_requests_wait_in_order_and_bad_ones_leave_a_note(idle, full, family):
    check(RequestBuffer, idle=idle, full=full, family=family)


def check_lost(block):
    # as many as fit, then one that has no room, and when there is room, some more
    n_fit = BUFFER_BYTES // REQUEST_CREDIT
    check(block, n=0, full=1.0, sizes=[10] * (2 * n_fit), seed=1)
    check(block, n=0, full=0.99, sizes=[10, 11, 9] * n_fit, seed=2)


def test_frames_without_room_for_a_note_are_lost():
    check_lost(RequestBuffer)


def test_request_of_the_longest_data_fits():
    request = Request(2, 0, 0, 64, bytes(DATA_BYTES_MAX))
    assert request.credit <= BUFFER_BYTES


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("with m.If(place == LONGEST)", "with m.If(place == LONGEST + 1)"),
        ("too_long.eq(1)", "too_long.eq(0)"),
        ("(address ^ self._words) == read", "address == read"),
        ("no_room.eq(1), ", ""),
        ("~no_room << lane", "1 << lane"),
        ("Mux(status == 0, word, NOTE_WORDS)", "word"),
        ("with m.Case(0)", "with m.Case(0, 2, 3)"),
        ("Mux(stage[0], status, word)", "word"),
        ("Cat(stage == 2, stage == 3)", "stage == 2"),
        ("settled.eq(~(self.i.valid & settled))", "settled.eq(1)"),
        ("place.eq(OFFSET), ", ""),
        ("too_long.eq(0), ", ""),
        ("no_room.eq(0), ", ""),
        ("~short & ~lost & (self", "~lost & (self"),
        (" & (self.i.payload.step != FrameStep.DROP)", ""),
        ("start != read", "start == read"),
        ("read + self._words - start", "read - start"),
        ("== FrameStep.BAD) | too_long", "== FrameStep.BAD)"),
        ("m.Elif(no_room)", "m.Elif(0)"),
        ("lane != 0", "lane[0] != 0"),
    ],
)
def test_broken_buffer_is_seen(right, wrong):
    assert sees(lambda block: check(block, n=20, full=0.8), RequestBuffer, right, wrong)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("lost.eq(lost | short)", "lost.eq(0)"),
        (", lost.eq(0)]", "]"),
        ("~short & ~lost & (self", "~short & (self"),
    ],
)
def test_lost_frame_that_is_not_is_seen(right, wrong):
    assert sees(check_lost, RequestBuffer, right, wrong)
