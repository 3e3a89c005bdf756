"""An AXI4-Lite master for Amaranth's simulator, and a run that cannot hang."""

from amaranth.sim import Simulator

WATCHDOG_CYCLES = 20_000
OKAY, SLVERR = 0b00, 0b10


def simulate(dut, *testbenches, background=()):
    """Run until all of `testbenches` are done.

    What runs in the background must wait by plain `ctx.tick()`: it is dropped where it waits, which
    the simulator's `until` and `repeat` do not take.
    """
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    for testbench in background:
        simulator.add_testbench(testbench, background=True)

    async def watchdog(ctx):
        for _ in range(WATCHDOG_CYCLES):
            await ctx.tick()
        raise AssertionError(f"Simulation must end within {WATCHDOG_CYCLES} cycles")

    simulator.add_testbench(watchdog, background=True)
    simulator.run()


async def write(ctx, bus, address, word, *, strobes=0b1111, aw_delay=0, w_delay=0, b_delay=0):
    """Write, each channel so many cycles late; return the response."""
    ctx.set(bus.awaddr, address)
    ctx.set(bus.wdata, word)
    ctx.set(bus.wstrb, strobes)
    for cycle in range(max(aw_delay, w_delay) + 1):
        ctx.set(bus.awvalid, cycle >= aw_delay)
        ctx.set(bus.wvalid, cycle >= w_delay)
        if cycle < max(aw_delay, w_delay):
            # neither is taken before both are there
            assert not ctx.get(bus.awready)
            assert not ctx.get(bus.wready)
            await ctx.tick()
    await ctx.tick().until(bus.awready & bus.wready)
    ctx.set(bus.awvalid, 0)
    ctx.set(bus.wvalid, 0)
    return await answer(ctx, bus.bvalid, bus.bready, bus.bresp, b_delay)


async def read(ctx, bus, address, *, r_delay=0):
    """Read; return the word, or None for an error."""
    ctx.set(bus.araddr, address)
    ctx.set(bus.arvalid, 1)
    await ctx.tick().until(bus.arready)
    ctx.set(bus.arvalid, 0)
    response = await answer(ctx, bus.rvalid, bus.rready, bus.rresp, r_delay)
    word = ctx.get(bus.rdata)
    assert response == OKAY or word == 0
    return word if response == OKAY else None


async def answer(ctx, valid, ready, response, delay):
    """Take a response after `delay` cycles in which it must stay."""
    while not ctx.get(valid):
        await ctx.tick()
    kept = ctx.get(response)
    for _ in range(delay):
        await ctx.tick()
        assert ctx.get(valid)
        assert ctx.get(response) == kept
    ctx.set(ready, 1)
    await ctx.tick()
    ctx.set(ready, 0)
    assert not ctx.get(valid)
    return kept.value
