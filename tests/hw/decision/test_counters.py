import random
from collections import Counter

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.decision_registers import decision_registers
from offramp.hw.decision.counters import DecisionCounters

from ..axi.bus import simulate

CONFIG = DecisionConfig(n_exits=3)
REGISTERS = decision_registers(CONFIG)


def places(decision):
    """Return the counters that a decision changes."""
    exit_index, taken, bin_index = decision
    changed = [("seen", exit_index), ("histogram", exit_index, bin_index)]
    return [*changed, ("exited", exit_index)] if taken else changed


async def count(ctx, counters, decision):
    """Count a decision as soon as it can be; return how long that took."""
    waited = 0
    while not ctx.get(counters.ready):
        await ctx.tick()
        waited += 1
    exit_index, taken, bin_index = decision
    ctx.set(counters.decision.exit_index, exit_index)
    ctx.set(counters.decision.exit, taken)
    ctx.set(counters.decision.bin, bin_index)
    ctx.set(counters.count, 1)
    await ctx.tick()
    ctx.set(counters.count, 0)
    return waited


async def fetch(ctx, counters, *place):
    """Read a counter; return the value and how long that took."""
    ctx.set(counters.memory.address, REGISTERS.address(*place) // 4)
    ctx.set(counters.memory.read, 1)
    waited = 0
    while not ctx.get(counters.memory.done):
        await ctx.tick()
        waited += 1
    value = ctx.get(counters.memory.data)
    await ctx.tick()
    ctx.set(counters.memory.read, 0)
    return value, waited


def random_decision(rng):
    return rng.randrange(CONFIG.n_exits), rng.randrange(2), rng.randrange(8)


ALL = [
    (register.name, *index)
    for register in REGISTERS.registers
    if register.memory
    for index in register.addresses.values()
]


@pytest.mark.parametrize("gap", [0, 1, 2, 3, 7])
def test_each_decision_changes_its_counters_and_no_others(gap):
    counters = DecisionCounters(CONFIG)
    expected = Counter()

    async def testbench(ctx):
        rng = random.Random(gap)
        for _ in range(100):
            decision = random_decision(rng)
            await count(ctx, counters, decision)
            expected.update(places(decision))
            for _ in range(gap):
                await ctx.tick()
        for place in ALL:
            value, _ = await fetch(ctx, counters, *place)
            assert value == expected[place], place

    simulate(counters, testbench)


def test_a_decision_every_three_cycles():
    counters = DecisionCounters(CONFIG)

    async def testbench(ctx):
        # the sweep after reset
        await fetch(ctx, counters, "seen", 0)
        waits = [await count(ctx, counters, (0, k % 2, k % 8)) for k in range(20)]
        assert waits == [0] + [2] * 19

    simulate(counters, testbench)


@pytest.mark.parametrize("gap", range(6))
def test_reads_among_dense_decisions_see_all_that_were_counted_before(gap):
    counters = DecisionCounters(CONFIG)
    before, now = Counter(), Counter()
    done = []

    async def decisions(ctx):
        rng = random.Random(gap)
        while not done:
            decision = rng.choice([(0, 1, 5), (0, 1, 5), random_decision(rng)])
            while not ctx.get(counters.ready):
                await ctx.tick()
            await count(ctx, counters, decision)
            now.update(places(decision))

    async def reads(ctx):
        for k in range(60):
            place = [("seen", 0), ("exited", 0), ("histogram", 0, 5)][k % 3]
            before.update(now - before)
            value, waited = await fetch(ctx, counters, *place)
            assert before[place] <= value <= now[place]
            # the sweep, then at most a decision and the pipeline
            assert waited <= (60 if k == 0 else 12)
            for _ in range(gap):
                await ctx.tick()
        done.append(True)

    simulate(counters, decisions, reads)


@pytest.mark.parametrize("gap", range(12))
def test_clearing_drops_what_was_counted_before_and_nothing_after(gap):
    counters = DecisionCounters(CONFIG)

    async def testbench(ctx):
        rng = random.Random(gap)
        for _ in range(4):
            for _ in range(3):
                await count(ctx, counters, random_decision(rng))
            for _ in range(gap):
                await ctx.tick()
            while not ctx.get(counters.ready):
                await ctx.tick()
            # a decision of the same cycle counts, and one right after
            ctx.set(counters.clear, 1)
            expected = Counter()
            decisions = [random_decision(rng), (CONFIG.n_exits - 1, 1, 7)]
            await count(ctx, counters, decisions[0])
            ctx.set(counters.clear, 0)
            await count(ctx, counters, decisions[1])
            for decision in decisions:
                expected.update(places(decision))
            for place in reversed(ALL):
                value, _ = await fetch(ctx, counters, *place)
                assert value == expected[place], place

    simulate(counters, testbench)
