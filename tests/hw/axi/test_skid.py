import random
from itertools import product

import pytest

from offramp.hw.axi import SkidBuffer

from .bus import simulate


@pytest.mark.parametrize(("idle", "stall"), [*product([0.0, 0.5, 0.85], repeat=2)])
def test_payloads_pass_in_order_and_stay_until_taken(idle, stall):
    skid = SkidBuffer(8)
    sent = list(range(200))
    received = []

    async def source(ctx):
        rng = random.Random(1)
        for payload in sent:
            while rng.random() < idle:
                await ctx.tick()
            ctx.set(skid.i.payload, payload)
            ctx.set(skid.i.valid, 1)
            await ctx.tick().until(skid.i.ready)
            ctx.set(skid.i.valid, 0)
            ctx.set(skid.i.payload, 255)

    async def sink(ctx):
        rng = random.Random(2)
        held = None
        while len(received) < len(sent):
            ctx.set(skid.o.ready, ready := rng.random() >= stall)
            _, _, valid, payload = await ctx.tick().sample(skid.o.valid, skid.o.payload)
            assert held is None or (valid and payload == held)
            held = payload if valid and not ready else None
            if valid and ready:
                received.append(payload)

    simulate(skid, source, sink)
    assert received == sent


def test_ready_does_not_depend_on_the_receiver_in_the_same_cycle():
    skid = SkidBuffer(8)

    async def testbench(ctx):
        ctx.set(skid.i.valid, 1)
        for ready in (0, 1):
            ctx.set(skid.o.ready, ready)
            assert ctx.get(skid.i.ready)
            assert ctx.get(skid.o.valid)
        ctx.set(skid.o.ready, 0)
        await ctx.tick()
        for ready in (0, 1):
            ctx.set(skid.o.ready, ready)
            assert not ctx.get(skid.i.ready)

    simulate(skid, testbench)


def test_full_rate_and_no_latency_while_the_receiver_is_ready():
    skid = SkidBuffer(8)

    async def testbench(ctx):
        ctx.set(skid.o.ready, 1)
        ctx.set(skid.i.valid, 1)
        for payload in range(20):
            ctx.set(skid.i.payload, payload)
            assert (ctx.get(skid.o.valid), ctx.get(skid.o.payload)) == (1, payload)
            assert ctx.get(skid.i.ready)
            await ctx.tick()

    simulate(skid, testbench)
