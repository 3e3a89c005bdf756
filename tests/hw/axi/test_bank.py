import random

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import connect

from offramp.golden.spec.registers import Access, Array, Field, Register, RegisterMap
from offramp.hw.axi import AxiLiteSlave, RegisterBank

from .bus import OKAY, SLVERR, read, simulate, write


def field(name, lsb, width, access=Access.READ_ONLY, **more):
    return Field(name=name, lsb=lsb, width=width, access=access, text="", **more)


RW = Access.READ_WRITE
MAP = RegisterMap(
    name="test",
    address_width=10,
    registers=(
        Register(
            name="fixed",
            offset=0x00,
            fields=(field("word", 0, 32, Access.CONSTANT, reset=0x12345678),),
            text="",
        ),
        Register(
            name="mixed",
            offset=0x04,
            fields=(
                field("low", 0, 4, RW, reset=5),
                field("now", 8, 8),
                field("go", 16, 2, Access.PULSE),
                field("some", 20, 3, RW, low=1, high=5, reset=1),
            ),
            text="",
        ),
        Register(
            name="flags",
            offset=0x0C,
            fields=(
                field("one", 0, 1, Access.WRITE_1_TO_CLEAR),
                field("two", 4, 2, Access.WRITE_1_TO_CLEAR),
            ),
            text="",
        ),
        Register(
            name="level",
            offset=0x44,
            arrays=(Array("row", 3, 0x20), Array("column", 2, 0x08)),
            fields=(field("value", 0, 6, RW, signed=True, low=-31, reset=-3),),
            text="",
        ),
        Register(name="time", offset=0x10, latch=True, fields=(field("now", 0, 32),), text=""),
        Register(
            name="store",
            offset=0x100,
            arrays=(Array("place", 16, 4),),
            memory=True,
            fields=(field("word", 0, 32),),
            text="",
        ),
        Register(
            name="locked",
            offset=0x20,
            fields=(field("low", 0, 4, Access.WRITE_ONLY), field("high", 8, 4, RW)),
            idle_only=True,
            text="",
        ),
    ),
)


class Bench(wiring.Component):
    """A bank behind a slave."""

    def __init__(self):
        self.slave = AxiLiteSlave(MAP.address_width)
        self.bank = RegisterBank(MAP)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.slave = self.slave
        m.submodules.bank = self.bank
        connect(m, self.slave.port, self.bank.port)
        return m


def test_registers_start_at_their_reset_values():
    bench = Bench()

    async def testbench(ctx):
        for register in MAP.registers:
            if register.name in ("time", "store"):
                continue
            for address in register.addresses:
                assert await read(ctx, bench.slave.bus, address) == register.reset
        assert ctx.get(bench.bank.mixed_low) == 5
        assert ctx.get(bench.bank.level_value[2][1]) == -3

    simulate(bench, testbench)


def test_random_writes_are_taken_exactly_where_the_map_accepts_them():
    bench = Bench()
    rng = random.Random(1)
    words = {
        address: register.reset
        for register in MAP.registers
        for address in register.addresses
        if not register.memory
    }
    level = MAP["level"]

    async def testbench(ctx):
        bus = bench.slave.bus
        accepted = 0
        for _ in range(600):
            address = rng.choice([*words, *level.addresses, 0x04, rng.randrange(0, 1024, 4)])
            word = rng.choice(
                [
                    rng.randint(-40, 40) & 0xFFFFFFFF,
                    rng.getrandbits(32),
                    rng.randrange(16) | rng.randrange(8) << 20,
                    1 << rng.randrange(32),
                ]
            )
            found = MAP.find(address)
            legal = found is not None and found[0].accepts(word)
            assert await write(ctx, bus, address, word) == (OKAY if legal else SLVERR)
            if legal:
                accepted += 1
                if found[0].name == "mixed":
                    words[address] = word & ~0x30000
                elif found[0].name == "locked":
                    words[address] = word & ~0xF
                elif found[0].name == "level":
                    words[address] = word
        assert accepted > 100
        for address, word in words.items():
            assert await read(ctx, bus, address) == word
        for address, (row, column) in level.addresses.items():
            value = level.unpack(words[address])["value"]
            assert ctx.get(bench.bank.level_value[row][column]) == value

    simulate(bench, testbench)


def test_pulse_is_high_in_the_cycle_of_its_write():
    bench = Bench()
    pulses = []

    async def watch(ctx):
        async for _, _, go, strobe in ctx.tick().sample(bench.bank.mixed_go, bench.bank.port.write):
            if go:
                pulses.append((go, strobe))

    async def testbench(ctx):
        for word in (0x30000, 0x10000, 0, 0x300000 | 0x20000):
            await write(ctx, bench.slave.bus, 0x04, word | 0x100000)
        # refused, so it does nothing
        await write(ctx, bench.slave.bus, 0x04, 0x30000)

    simulate(bench, testbench, background=[watch])
    assert pulses == [(3, 1), (1, 1), (2, 1)]


def test_register_for_an_idle_unit_refuses_writes_while_it_works():
    bench = Bench()
    bank = bench.bank
    written = []

    async def watch(ctx):
        async for _, _, strobe, low in ctx.tick().sample(bank.locked_written, bank.locked_low):
            if strobe:
                written.append(low)

    async def testbench(ctx):
        bus = bench.slave.bus
        assert await write(ctx, bus, 0x20, 0x305) == OKAY
        ctx.set(bank.working, 1)
        assert await write(ctx, bus, 0x20, 0x406) == SLVERR
        assert await write(ctx, bus, 0x04, 0x100003) == OKAY
        ctx.set(bank.working, 0)
        # each write is told, also that of a 0
        assert await write(ctx, bus, 0x20, 0x500) == OKAY
        assert await read(ctx, bus, 0x20) == 0x500

    simulate(bench, testbench, background=[watch])
    assert written == [5, 0]


def test_flag_is_cleared_by_one_and_setting_wins():
    bench = Bench()
    bank = bench.bank

    async def testbench(ctx):
        bus = bench.slave.bus
        ctx.set(bank.flags_one, 1)
        ctx.set(bank.flags_two, 0b10)
        await ctx.tick()
        ctx.set(bank.flags_one, 0)
        ctx.set(bank.flags_two, 0)
        assert ctx.get(bank.flags_flags) == 0x21
        assert await read(ctx, bus, 0x0C) == 0x21
        await write(ctx, bus, 0x0C, 0x10)
        assert await read(ctx, bus, 0x0C) == 0x21
        await write(ctx, bus, 0x0C, 0x20)
        assert await read(ctx, bus, 0x0C) == 0x01
        ctx.set(bank.flags_one, 1)
        await write(ctx, bus, 0x0C, 0x01)
        ctx.set(bank.flags_one, 0)
        assert await read(ctx, bus, 0x0C) == 0x01

    simulate(bench, testbench)


def test_read_of_a_latch_is_told_once_when_it_is_sampled():
    bench = Bench()
    bank = bench.bank
    told = []

    async def clock(ctx):
        now = 0
        while True:
            ctx.set(bank.time_now, now)
            _, _, strobe = await ctx.tick().sample(bank.time_read)
            if strobe:
                told.append(now)
            now += 1

    async def testbench(ctx):
        for _ in range(5):
            assert await read(ctx, bench.slave.bus, 0x10) == told[-1]
            await read(ctx, bench.slave.bus, 0x04)
        assert len(told) == 5

    simulate(bench, testbench, background=[clock])


def test_words_in_memory_are_handed_on_and_waited_for():
    bench = Bench()
    memory = bench.bank.memory
    asked = []

    async def answers(ctx):
        rng = random.Random(3)
        while True:
            while not ctx.get(memory.read):
                await ctx.tick()
            address = ctx.get(memory.address)
            for _ in range(rng.randrange(1, 5)):
                await ctx.tick()
            ctx.set(memory.data, address + 1000)
            ctx.set(memory.done, 1)
            asked.append(address)
            await ctx.tick()
            ctx.set(memory.done, 0)
            assert not ctx.get(memory.read)

    async def testbench(ctx):
        for place in (0, 15, 7):
            address = MAP.address("store", place)
            assert await read(ctx, bench.slave.bus, address) == address // 4 + 1000
            assert await read(ctx, bench.slave.bus, 0x00) == 0x12345678
            assert await write(ctx, bench.slave.bus, address, 0) == SLVERR
        assert await read(ctx, bench.slave.bus, 0x140) is None

    simulate(bench, testbench, background=[answers])
    assert asked == [MAP.address("store", place) // 4 for place in (0, 15, 7)]
