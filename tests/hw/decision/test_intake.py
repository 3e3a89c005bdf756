import random

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.decision_streams import pack, user_fields
from offramp.hw.decision.intake import VectorIntake, core_config

from ..axi.bus import simulate

CONFIG = DecisionConfig(n_classes=5, n_exits=3, tag_width=6)


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
def test_core_sees_legal_vectors_with_the_threshold_of_their_last_beat(stall):
    intake = VectorIntake(CONFIG)
    rng = random.Random(stall)
    vectors = [
        ([rng.randrange(-128, 128) for _ in range(rng.choice([1, 1, 2, 2, 3, 5, 6, 9]))], k % 3, k)
        for k in range(60)
    ]
    bound, seen = [], []

    async def source(ctx):
        ctx.set(intake.enable, 1)
        for vector in vectors:
            await take(ctx, intake, *vector)

    async def thresholds(ctx):
        """Change all thresholds in every cycle, and note that of each last beat."""
        values = random.Random(7)
        while True:
            for k in range(3):
                ctx.set(intake.threshold[k], values.randrange(-255, 256))
            ctx.set(intake.criterion_enable[0], 1)
            user = ctx.get(intake.bus.tuser)
            if (
                ctx.get(intake.bus.tvalid)
                and ctx.get(intake.bus.tready)
                and ctx.get(intake.bus.tlast)
            ):
                bound.append(ctx.get(intake.threshold[user & 3]))
            await ctx.tick()

    async def core(ctx):
        """Take beats; the threshold must hold at the last one and in the cycle after."""
        beats, held = [], None
        while len(seen) < len(vectors):
            ready = rng.random() >= stall
            ctx.set(intake.o.ready, ready)
            if held is not None:
                assert ctx.get(intake.o_threshold) == held
                # a core that is held still samples it when it goes on
                held = None if ready else held
            valid = ctx.get(intake.o.valid)
            payload = intake.o.payload
            if valid and ready:
                beats.append(ctx.get(payload.logit))
                if ctx.get(payload.last):
                    held = ctx.get(intake.o_threshold)
                    tag = ctx.get(payload.tag) & 0x3F
                    seen.append((beats, ctx.get(payload.exit_index), tag, held))
                    beats = []
            await ctx.tick()

    simulate(intake, source, core, background=[thresholds])
    assert seen == [
        (legal_form(logits), exit_index, tag, threshold)
        for (logits, exit_index, tag), threshold in zip(vectors, bound, strict=True)
    ]


def test_tag_of_the_core_is_three_bits_wider():
    assert core_config(CONFIG).tag_width == 9


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
