from itertools import product

import pytest

from offramp.hw.axi import AxiLiteSlave

from .bus import OKAY, SLVERR, read, simulate, write


@pytest.fixture
def slave():
    return AxiLiteSlave(8)


def write_watcher(slave, seen):
    """Return a testbench that lists writes; their address must be there the cycle before."""
    port = slave.port

    async def watch(ctx):
        before = None
        async for _, _, strobe, address, word in ctx.tick().sample(
            port.write, port.write_address, port.write_data
        ):
            if strobe:
                assert before == (address, word)
                seen.append((address, word))
            before = address, word

    return watch


def test_address_and_data_come_in_any_order_and_answers_wait(slave):
    seen, expected = [], []

    async def testbench(ctx):
        for aw, w, b in product(range(4), repeat=3):
            word = (aw << 8) | (w << 4) | b
            response = await write(ctx, slave.bus, 4 * b, word, aw_delay=aw, w_delay=w, b_delay=b)
            assert response == OKAY
            expected.append((b, word))

    simulate(slave, testbench, background=[write_watcher(slave, seen)])
    assert seen == expected


def test_unaligned_and_partial_accesses_do_not_reach_the_port(slave):
    seen = []

    async def testbench(ctx):
        for address, strobes in product(range(8), range(16)):
            whole = address % 4 == 0 and strobes == 0b1111
            response = await write(ctx, slave.bus, address, 5, strobes=strobes)
            assert response == (OKAY if whole else SLVERR)
        for address in (1, 2, 3, 5):
            assert await read(ctx, slave.bus, address) is None

    async def no_read(ctx):
        async for _, _, strobe in ctx.tick().sample(slave.port.read):
            assert not strobe

    simulate(slave, testbench, background=[write_watcher(slave, seen), no_read])
    assert seen == [(0, 5), (1, 5)]


def test_refused_accesses_answer_slverr(slave):
    async def testbench(ctx):
        ctx.set(slave.port.write_error, 1)
        assert await write(ctx, slave.bus, 0, 0) == SLVERR
        ctx.set(slave.port.write_error, 0)
        assert await write(ctx, slave.bus, 0, 0) == OKAY
        ctx.set(slave.port.read_done, 1)
        ctx.set(slave.port.read_error, 1)
        assert await read(ctx, slave.bus, 0) is None
        ctx.set(slave.port.read_error, 0)
        ctx.set(slave.port.read_data, 7)
        assert await read(ctx, slave.bus, 0) == 7

    simulate(slave, testbench)


@pytest.mark.parametrize("wait", range(5))
def test_read_waits_for_the_port_and_for_rready(slave, wait):
    port = slave.port

    async def answers(ctx):
        while True:
            while not ctx.get(port.read):
                await ctx.tick()
            address = ctx.get(port.read_address)
            for _ in range(wait):
                assert ctx.get(port.read)
                assert ctx.get(port.read_address) == address
                await ctx.tick()
            ctx.set(port.read_data, address * 3)
            ctx.set(port.read_done, 1)
            await ctx.tick()
            # in the next cycle it wants no more
            ctx.set(port.read_done, 0)
            ctx.set(port.read_data, 0)
            assert not ctx.get(port.read)

    async def testbench(ctx):
        for address, delay in product((0, 4, 0x7C), range(3)):
            assert await read(ctx, slave.bus, address, r_delay=delay) == address // 4 * 3

    simulate(slave, testbench, background=[answers])


def test_latencies_are_as_stated(slave):
    bus, port = slave.bus, slave.port

    async def testbench(ctx):
        ctx.set(port.read_done, 1)
        ctx.set(bus.arvalid, 1)
        ctx.set(bus.awvalid, 1)
        ctx.set(bus.wvalid, 1)
        ctx.set(bus.wstrb, 0b1111)
        for cycle in range(7):
            # from the third cycle on, as nobody takes the answers
            assert ctx.get(bus.bvalid) == ctx.get(bus.rvalid) == (cycle >= 2)
            await ctx.tick()

    simulate(slave, testbench)
