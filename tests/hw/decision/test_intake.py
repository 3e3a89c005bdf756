import random

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.decision_streams import (
    beat_bytes,
    legal_logits,
    logits_of_beats,
    pack,
    user_fields,
)
from offramp.hw.decision.intake import VectorIntake

from ..axi.bus import simulate

CONFIG = DecisionConfig(n_classes=5, n_exits=3, tag_width=6, criteria=("confidence", "margin"))


async def take(ctx, intake, logits, exit_index, tag):
    """Offer the beats of a vector without a pause."""
    for place, logit in enumerate(logits):
        ctx.set(intake.bus.tdata, logit & 0xFF)
        ctx.set(intake.bus.tkeep, 1)
        ctx.set(intake.bus.tlast, place == len(logits) - 1)
        user = pack(user_fields(CONFIG), {"exit_index": exit_index, "tag": tag})
        ctx.set(intake.bus.tuser, user)
        ctx.set(intake.bus.tvalid, 1)
        await ctx.tick().until(intake.bus.tready)
    ctx.set(intake.bus.tvalid, 0)


def legal_form(logits):
    if len(logits) == 1:
        return logits * 2
    return logits if len(logits) <= 5 else [*logits[:4], logits[-1]]


@pytest.mark.parametrize("stall", [0.0, 0.4, 0.8])
def test_core_sees_legal_vectors_and_notes_say_what_came(stall):
    intake = VectorIntake(CONFIG)
    rng = random.Random(stall)
    vectors = [
        ([rng.randrange(-128, 128) for _ in range(rng.choice([1, 1, 2, 2, 3, 5, 6, 9]))], k % 4, k)
        for k in range(60)
    ]
    noted, seen, expected_notes = [], [], []

    async def source(ctx):
        ctx.set(intake.enable, 1)
        for vector in vectors:
            await take(ctx, intake, *vector)

    async def registers(ctx):
        """Change all registers in every cycle; note what they are with each last beat."""
        values = random.Random(7)
        while True:
            enables = [values.randrange(2) for _ in range(3)]
            selection = [values.randrange(2) for _ in range(3)]
            guard = values.randrange(2), values.randrange(3)
            for k in range(3):
                ctx.set(intake.criterion_enable[k], enables[k])
                ctx.set(intake.selection[k], selection[k])
            ctx.set(intake.guard_enable, guard[0])
            ctx.set(intake.guard_exit_index, guard[1])
            if ctx.get(intake.taken):
                note = ctx.get(intake.note)
                noted.append((note.exit_index, note.criterion, note.guard, note.error))
                logits, exit_index, _ = vectors[len(expected_notes)]
                legal = 2 <= len(logits) <= 5 and exit_index < 3
                forced = guard[0] and exit_index >= guard[1]
                expected_notes.append(
                    (exit_index, enables[exit_index], forced, 0) if legal else (exit_index, 0, 0, 1)
                )
                assert note.selection == selection[exit_index if exit_index < 3 else 0]
            await ctx.tick()

    async def core(ctx):
        beats = []
        while len(seen) < len(vectors):
            ready = rng.random() >= stall
            ctx.set(intake.o.ready, ready)
            payload = intake.o.payload
            if ctx.get(intake.o.valid) and ready:
                beats.append(ctx.get(payload.logit))
                if ctx.get(payload.last):
                    seen.append((beats, ctx.get(payload.exit_index), ctx.get(payload.tag)))
                    beats = []
            await ctx.tick()

    simulate(intake, source, core, background=[registers])
    assert seen == [
        (legal_form(logits), exit_index if exit_index < 3 else 0, tag)
        for logits, exit_index, tag in vectors
    ]
    assert noted == expected_notes


@pytest.mark.parametrize(
    "config",
    [
        DecisionConfig(lanes=2, n_classes=5, n_exits=3),
        DecisionConfig(lanes=4, n_classes=8, logit_width=12, fraction_bits=6, n_exits=1),
        DecisionConfig(lanes=8, n_classes=7),
    ],
    ids=["two", "four", "eight"],
)
def test_core_sees_the_logits_that_count_of_several_lanes(config):
    intake = VectorIntake(config)
    rng = random.Random(config.lanes)
    n_bytes = beat_bytes(config)
    ones = (1 << n_bytes) - 1
    packets = []
    for _ in range(300):
        keeps = [ones] * (rng.choice([1, 1, 2, 2, 3, 5]) - 1)
        keeps.append(rng.choice([ones >> rng.randrange(n_bytes), rng.getrandbits(n_bytes)]))
        if rng.random() < 0.1:
            keeps[0] = rng.getrandbits(n_bytes)
        packets.append([(rng.getrandbits(8 * n_bytes), keep) for keep in keeps])
    seen, errors = [], []

    async def source(ctx):
        ctx.set(intake.enable, 1)
        for beats in packets:
            for place, (data, keep) in enumerate(beats):
                ctx.set(intake.bus.tdata, data)
                ctx.set(intake.bus.tkeep, keep)
                ctx.set(intake.bus.tlast, place == len(beats) - 1)
                ctx.set(intake.bus.tvalid, 1)
                ready = False
                while not ready:
                    tick = ctx.tick().sample(intake.bus.tready, intake.taken, intake.errors)
                    _, _, ready, taken, found = await tick
                if taken:
                    errors.append((found.short_vector, found.long_vector, found.keep))
        ctx.set(intake.bus.tvalid, 0)

    async def core(ctx):
        logits = []
        while len(seen) < len(packets):
            ctx.set(intake.o.ready, ready := rng.random() < 0.7)
            _, _, valid, beat = await ctx.tick().sample(intake.o.valid, intake.o.payload)
            if valid and ready:
                after = beat.keep + 1
                kept = (after & -after).bit_length() - 1 if beat.last else config.lanes
                logits += list(beat.logits)[:kept]
                if beat.last:
                    seen.append(tuple(logits))
                    logits = []

    simulate(intake, source, core)
    expected, flags = [], []
    for beats in packets:
        logits, legal = logits_of_beats(config, beats)
        expected.append(legal_logits(config, logits))
        flags.append((len(logits) < 2, len(logits) > config.n_classes, not legal))
    assert seen == expected
    assert errors == flags
    # each flag on its own, and none
    assert {(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)} <= set(flags)


def test_nothing_is_taken_on_hold():
    intake = VectorIntake(CONFIG)

    async def testbench(ctx):
        ctx.set(intake.enable, 1)
        assert ctx.get(intake.bus.tready)
        ctx.set(intake.hold, 1)
        assert not ctx.get(intake.bus.tready)

    simulate(intake, testbench)


def test_ready_depends_on_no_input_of_the_bus():
    intake = VectorIntake(CONFIG)

    async def testbench(ctx):
        ctx.set(intake.enable, 1)
        for _ in range(4):
            states = set()
            for bits in range(8):
                ctx.set(intake.bus.tvalid, bits & 1)
                ctx.set(intake.bus.tlast, bits >> 1 & 1)
                ctx.set(intake.bus.tkeep, bits >> 2)
                states.add(ctx.get(intake.bus.tready))
            assert len(states) == 1
            await ctx.tick()

    simulate(intake, testbench)
