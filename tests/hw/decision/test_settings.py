import random

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.settings import HeldSettings, SampledSettings

from ..axi.bus import simulate

ALL = ("confidence", "margin", "entropy", "gate", "patience")


def change_all(ctx, settings, rng):
    for exit_settings in settings:
        ctx.set(exit_settings.as_value(), rng.getrandbits(len(exit_settings.as_value())))


@pytest.mark.parametrize("stall", [0.0, 0.4, 0.8])
def test_sampled_settings_are_those_of_the_last_beat_until_the_core_needs_them_no_more(stall):
    settings = SampledSettings(DecisionConfig(n_exits=3, criteria=("confidence", "margin")))

    async def testbench(ctx):
        rng = random.Random(stall)
        for _ in range(100):
            change_all(ctx, settings.settings, rng)
            exit_index = rng.randrange(3)
            expected = ctx.get(settings.settings[exit_index].as_value())
            ctx.set(settings.exit_index, exit_index)
            ctx.set(settings.taken, 1)
            await ctx.tick()
            ctx.set(settings.taken, 0)
            change_all(ctx, settings.settings, rng)
            ctx.set(settings.closes, 1)
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(settings.passed, 1)
            await ctx.tick()
            ctx.set(settings.closes, 0)
            ctx.set(settings.passed, 0)
            # another last beat may be taken while the core samples
            ctx.set(settings.taken, 1)
            for o in settings.o:
                assert ctx.get(o.as_value()) == expected
            await ctx.tick()
            ctx.set(settings.taken, 0)

    simulate(settings, testbench)


def test_with_several_lanes_sampled_settings_go_with_the_last_beat():
    settings = SampledSettings(DecisionConfig(n_exits=3, lanes=2))

    async def testbench(ctx):
        rng = random.Random(2)
        expected = None
        for _ in range(100):
            change_all(ctx, settings.settings, rng)
            exit_index = rng.randrange(3)
            ctx.set(settings.exit_index, exit_index)
            # the core takes one last beat while the next one is taken
            ctx.set(settings.taken, taken := rng.random() < 0.5)
            if expected is not None:
                assert {ctx.get(o.as_value()) for o in settings.o} == {expected}
            if taken:
                expected = ctx.get(settings.settings[exit_index].as_value())
            await ctx.tick()

    simulate(settings, testbench)


def test_held_settings_change_only_while_nothing_is_inside():
    settings = HeldSettings(DecisionConfig(n_exits=2, criteria=ALL, tag_width=4))
    changes = []

    async def testbench(ctx):
        rng = random.Random(1)
        inside = 0
        for _ in range(3000):
            # the bank changes at the edge at which `written` is seen
            written = rng.random() < 0.05
            ctx.set(settings.written, written)
            ctx.set(settings.empty, inside == 0)
            before = [ctx.get(o.as_value()) for o in settings.o]
            held = ctx.get(settings.hold)
            entered = not held and inside < 4 and rng.random() < 0.5
            left = inside > 0 and rng.random() < 0.4
            await ctx.tick()
            if written:
                change_all(ctx, settings.settings, rng)
            after = [ctx.get(o.as_value()) for o in settings.o]
            if after != before:
                assert inside == 0
                assert held
                changes.append(after)
            inside += entered - left
            if not ctx.get(settings.hold):
                # a vector that enters now is decided by what is written
                assert after == [ctx.get(exit_.as_value()) for exit_ in settings.settings]

    # at reset both sides hold the reset values
    async def begin(ctx):
        for exit_, o in zip(settings.settings, settings.o, strict=True):
            ctx.set(exit_.as_value(), ctx.get(o.as_value()))
        await testbench(ctx)

    simulate(settings, begin)
    assert len(changes) > 50
