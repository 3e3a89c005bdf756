import random

import pytest

from offramp.golden.bank import DecisionBank, Vector
from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.decision_streams import decision_fields, pack, unpack, user_fields
from offramp.hw.decision.axi import AxiDecisionUnit

from ..axi.bus import OKAY, read, simulate, write

CONFIG = DecisionConfig(n_classes=6, n_exits=3)


@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_unit_equals_the_bank_on_random_vectors(stall):
    unit = AxiDecisionUnit(CONFIG)
    golden = DecisionBank(CONFIG)
    registers = golden.registers
    expected, received = [], []
    rng = random.Random(stall)

    async def sink(ctx):
        rng = random.Random(1)
        while True:
            ctx.set(unit.m_axis.tready, ready := rng.random() >= stall)
            _, _, valid, data, user = await ctx.tick().sample(
                unit.m_axis.tvalid, unit.m_axis.tdata, unit.m_axis.tuser
            )
            if valid and ready:
                decision = unpack(decision_fields(CONFIG), data)
                received.append({**decision, **unpack(user_fields(CONFIG), user)})

    async def testbench(ctx):
        async def set_register(name, *index, **fields):
            register = registers[name]
            word = register.pack(fields)
            assert golden.write(register.address(*index), word)
            assert await write(ctx, unit.s_axil, register.address(*index), word) == OKAY

        await set_register("control", enable=1)
        for _ in range(6):
            for k in range(3):
                await set_register("threshold", k, score=rng.randrange(-20, 40))
                await set_register("exit_control", k, enable=int(rng.random() < 0.8))
            guard = {"enable": rng.randrange(2), "exit_index": rng.randrange(3)}
            await set_register("budget_guard", **guard)
            for _ in range(20):
                length = rng.choice([1, 2, 3, 6, 6, 7, 9])
                vector = Vector(
                    logits=tuple(rng.randrange(-30, 30) for _ in range(length)),
                    exit_index=rng.randrange(4),
                    tag=rng.randrange(256),
                )
                expected.append(golden.take(vector))
                golden.hand_over(expected[-1])
                user = {"exit_index": vector.exit_index, "tag": vector.tag}
                ctx.set(unit.s_axis.tuser, pack(user_fields(CONFIG), user))
                ctx.set(unit.s_axis.tkeep, 1)
                for place, logit in enumerate(vector.logits):
                    ctx.set(unit.s_axis.tdata, logit & 0xFF)
                    ctx.set(unit.s_axis.tlast, place == length - 1)
                    ctx.set(unit.s_axis.tvalid, 1)
                    await ctx.tick().until(unit.s_axis.tready)
                ctx.set(unit.s_axis.tvalid, 0)
        while len(received) < len(expected):
            await ctx.tick()
        for register in registers.registers:
            for address in register.addresses:
                if not register.name.startswith("cycles"):
                    assert await read(ctx, unit.s_axil, address) == golden.read(address)

    simulate(unit, testbench, background=[sink])
    assert received == [decision.on_bus() for decision in expected]
    assert {(d.exit, d.forced, d.error) for d in expected} == {
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (False, False, True),
    }
