"""The link without UART, its buses on the integer model of the engine."""

import random

from amaranth.sim import Simulator

from offramp.golden.engine_bank import EngineBank
from offramp.golden.link_board import LinkBoard
from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.link import LinkConfig
from offramp.hw.axi.signature import Response

ENGINE = EngineConfig(activation_bytes=1024, weight_lines=16, channel_lines=16, program_words=32)
CYCLES = 77
START_CYCLES = 200
"""The program begins with clearing its variables."""
ANSWER_CYCLES = 12_000
"""In which any answer is whole."""
QUIET_CYCLES = 150
"""In which a byte too many would come, and a result is kept."""


def engine_bank() -> EngineBank:
    """Return an engine of which a program takes `CYCLES`, whatever it does."""
    exits = range(ENGINE.decision.n_exits)
    return EngineBank(ENGINE, lambda program: dict.fromkeys(exits, CYCLES))


class LinkBench:
    """Give bytes to a link, and play the engine.

    Parameters
    ----------
    link : ByteLink
    config : LinkConfig
    stall : float
        Share of cycles in which a bus, the source and the sink of bytes pause.
    seed : int
        Of the pauses.
    """

    def __init__(self, link, config: LinkConfig, *, stall: float = 0.0, seed: int = 0):
        self._link = link
        self._bank = engine_bank()
        self._board = LinkBoard(engine_bank(), config)
        self._stall = stall
        self._random = random.Random(seed)
        self._given: list[int] = []
        self.resets = 0

    def check(self, steps: list[bytes]) -> None:
        """Give the bytes of each step, and compare what is answered with the golden model."""

        async def testbench(ctx):
            await ctx.tick().repeat(START_CYCLES)
            for number, step in enumerate(steps):
                right = self._board.respond(step)
                self._given.clear()
                await self._send(ctx, step)
                for _ in range(ANSWER_CYCLES):
                    if len(self._given) >= len(right):
                        break
                    await ctx.tick()
                await ctx.tick().repeat(QUIET_CYCLES)
                found = bytes(self._given)
                assert found == right, f"answer of step {number} must be {right!r}, not {found!r}"

        self._simulate(testbench)

    def answer(self, steps: list[bytes], cycles: int) -> list[tuple[bytes, int]]:
        """Return what is answered to each step, and the cycles from its end to that of its answer.

        `cycles` are waited for each.
        """
        answers = []

        async def testbench(ctx):
            await ctx.tick().repeat(START_CYCLES)
            for step in steps:
                self._given.clear()
                await self._send(ctx, step)
                took = 0
                for cycle in range(cycles):
                    before = len(self._given)
                    await ctx.tick()
                    took = cycle if len(self._given) > before else took
                answers.append((bytes(self._given), took))

        self._simulate(testbench)
        return answers

    def _simulate(self, testbench):
        simulator = Simulator(self._link)
        simulator.add_clock(1e-6)
        for beside in (self._take, self._registers, self._images, self._results):
            simulator.add_testbench(beside, background=True)
        simulator.add_testbench(testbench)
        simulator.run()

    async def _pause(self, ctx):
        while self._random.random() < self._stall:
            await ctx.tick()

    async def _send(self, ctx, data):
        i = self._link.i
        for byte in data:
            await self._pause(ctx)
            ctx.set(i.payload, byte)
            ctx.set(i.valid, 1)
            await ctx.tick().until(i.ready)
            ctx.set(i.valid, 0)

    async def _take(self, ctx):
        o = self._link.o
        while True:
            await self._pause(ctx)
            ctx.set(o.ready, 1)
            _, _, valid, byte = await ctx.tick().sample(o.valid, o.payload)
            ctx.set(o.ready, 0)
            if valid:
                self._given.append(byte)

    async def _registers(self, ctx):
        bus = self._link.registers
        while True:
            await ctx.tick()
            if ctx.get(self._link.engine_reset):
                self.resets += 1
                self._bank.reset()
            if ctx.get(bus.awvalid) and ctx.get(bus.wvalid):
                await self._pause(ctx)
                assert ctx.get(bus.wstrb) == 0b1111
                error = not self._bank.write(ctx.get(bus.awaddr), ctx.get(bus.wdata))
                ctx.set(bus.bresp, Response.SLVERR if error else Response.OKAY)
                await self._answer(ctx, (bus.awready, bus.wready), bus.bvalid, bus.bready)
            elif ctx.get(bus.arvalid):
                await self._pause(ctx)
                word = self._bank.read(ctx.get(bus.araddr))
                ctx.set(bus.rresp, Response.SLVERR if word is None else Response.OKAY)
                ctx.set(bus.rdata, word or 0)
                await self._answer(ctx, (bus.arready,), bus.rvalid, bus.rready)

    async def _answer(self, ctx, readies, valid, ready):
        for signal in readies:
            ctx.set(signal, 1)
        await ctx.tick()
        for signal in readies:
            ctx.set(signal, 0)
        await self._pause(ctx)
        ctx.set(valid, 1)
        taken = False
        while not taken:
            _, _, taken = await ctx.tick().sample(ready)
        ctx.set(valid, 0)

    async def _images(self, ctx):
        bus = self._link.image
        while True:
            await self._pause(ctx)
            ctx.set(bus.tready, self._bank.room)
            _, _, valid, ready, word, last, keep = await ctx.tick().sample(
                bus.tvalid, bus.tready, bus.tdata, bus.tlast, bus.tkeep
            )
            ctx.set(bus.tready, 0)
            if valid and ready:
                assert keep == 0b1111
                self._bank.take(word.to_bytes(4, "little"), bool(last))
                if last:
                    self._bank.work()

    async def _results(self, ctx):
        bus = self._link.result
        while True:
            await self._pause(ctx)
            if not self._bank.results:
                await ctx.tick()
                continue
            ctx.set(bus.tdata, self._bank.results.popleft())
            ctx.set(bus.tvalid, 1)
            taken = False
            while not taken:
                _, _, taken = await ctx.tick().sample(bus.tready)
            ctx.set(bus.tvalid, 0)
