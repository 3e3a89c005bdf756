"""The baselines equal their integer models and those are what they say; cycles as stated."""

import numpy as np
import pytest
from amaranth.hdl import Fragment
from amaranth.sim import Simulator

from offramp.golden.baselines import (
    decide_by_confidence,
    divided_confidence,
    probabilities,
    tabulated_confidence,
)
from offramp.golden.criteria import softmax_float
from offramp.golden.decision import softmax_confidence
from offramp.golden.spec.baselines import SoftmaxConfig
from offramp.hw.baselines import DividerUnit, SoftmaxUnit
from offramp.hw.decision.delivery import MODULE_NAME
from offramp.hw.verilog import generate_verilog
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from offramp.rtl_sim.vector_families import edge_logits, random_logits

CONFIG = SoftmaxConfig(n_exits=3)
CONFIGS = [
    CONFIG,
    SoftmaxConfig(n_classes=2, logit_width=4, fraction_bits=2, n_exits=1),
    SoftmaxConfig(n_classes=100, fraction_bits=4, n_exits=2),
    SoftmaxConfig(n_classes=5, logit_width=12, fraction_bits=6, n_exits=1),
]


def confidence_alone(config: SoftmaxConfig) -> SoftmaxUnit:
    return SoftmaxUnit(config, with_probabilities=False)


KINDS = {
    "divider": (DividerUnit, divided_confidence),
    "softmax": (SoftmaxUnit, tabulated_confidence),
    "softmax, confidence alone": (confidence_alone, tabulated_confidence),
}


def vectors(config: SoftmaxConfig, n_logits: int, n: int = 300) -> np.ndarray:
    random = random_logits(config, n, n_logits, np.random.default_rng(n_logits))
    return np.concatenate([edge_logits(config, n_logits), random])


def emulator(kind: str, config: SoftmaxConfig) -> DecisionEmulator:
    verilog = generate_verilog(KINDS[kind][0](config), MODULE_NAME, {})
    settings = {"probabilities_ready": 1} if kind == "softmax" else {}
    opened = DecisionEmulator(config, verilog, settings=settings)
    for name in settings:
        opened.set(name, 1)
    return opened


@pytest.mark.parametrize(
    ("kind", "config"),
    [*((kind, CONFIG) for kind in KINDS), ("divider", CONFIGS[1]), ("softmax", CONFIGS[3])],
)
def test_unit_equals_its_integer_model(kind: str, config: SoftmaxConfig) -> None:
    with emulator(kind, config) as unit:
        for n_logits in {2, min(3, config.n_classes), config.n_classes}:
            logits = vectors(config, n_logits)
            score = KINDS[kind][1](config, logits)
            for threshold in (0, int(np.median(score)), int(score.max()), 65535):
                unit.set_threshold(config.n_exits - 1, threshold)
                expected = decide_by_confidence(config, logits, score, threshold)
                got = unit.decide(logits, config.n_exits - 1)
                assert got.count_differences(expected) == 0


@pytest.mark.parametrize(("idle", "stall"), [(0, 160), (160, 0), (128, 128)])
@pytest.mark.parametrize("kind", KINDS)
def test_vectors_of_mixed_length_under_stalls_equal_the_model(
    kind: str, idle: int, stall: int
) -> None:
    rng = np.random.default_rng(idle)
    logits = vectors(CONFIG, 10, 600)
    lengths = rng.choice((2, 3, 4, 7, 10), len(logits))
    score = np.empty(len(logits), np.int64)
    for length in np.unique(lengths):
        rows = lengths == length
        score[rows] = KINDS[kind][1](CONFIG, logits[rows, :length])
    with emulator(kind, CONFIG) as unit:
        got = unit.decide(logits, 1, lengths=lengths, idle=idle, stall=stall)
    assert np.array_equal(got.score, score)


@pytest.mark.parametrize("n_logits", [2, 3, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_latency_is_as_stated_and_vectors_follow_without_a_bubble(kind: str, n_logits: int) -> None:
    unit = KINDS[kind][0](CONFIG)
    Fragment.get(unit, None)
    spacing = max(n_logits, 17) if kind == "divider" else n_logits
    with emulator(kind, CONFIG) as emulated:
        emulated.decide(vectors(CONFIG, n_logits)[:1])
        assert emulated.cycles == n_logits + unit.latency(n_logits)
        before = emulated.cycles
        emulated.decide(vectors(CONFIG, n_logits)[:40])
        assert emulated.cycles - before == n_logits + 39 * spacing + unit.latency(n_logits)


@pytest.mark.parametrize("stall", [False, True])
def test_probabilities_of_all_classes_equal_the_model(stall: bool) -> None:
    config = SoftmaxConfig(n_classes=5, n_exits=1, tag_width=0)
    rows = [vectors(config, n_logits)[::6] for n_logits in (5, 2, 4)]
    expected = [probabilities(config, part) for part in rows]
    unit = SoftmaxUnit(config)
    seen: list[list[int]] = [[]]

    async def drive(ctx) -> None:
        for vector in (vector for part in rows for vector in part):
            for place, logit in enumerate(vector.tolist()):
                beat = {"logit": logit, "last": place == len(vector) - 1, "exit_index": 0}
                ctx.set(unit.i.payload, beat)
                ctx.set(unit.i.valid, 1)
                await ctx.tick().until(unit.i.ready)
        ctx.set(unit.i.valid, 0)

    async def watch(ctx) -> None:
        rng = np.random.default_rng(1)
        stream = unit.probabilities
        n_cycles = 0
        while len(seen) <= sum(map(len, rows)):
            ctx.set(unit.o.ready, int(not stall or rng.random() < 0.7))
            ctx.set(stream.ready, int(not stall or rng.random() < 0.7))
            _, _, valid, ready, payload = await ctx.tick().sample(
                stream.valid, stream.ready, stream.payload
            )
            if valid and ready:
                seen[-1].append(payload.value)
                if payload.last:
                    seen.append([])
            n_cycles += 1
            assert n_cycles < 20_000, "the unit hangs"

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive, background=True)
    simulator.add_testbench(watch)
    simulator.run()
    assert seen[:-1] == [row.tolist() for part in expected for row in part]


# -- the models --------------------------------------------------------------------------------


@pytest.mark.parametrize("config", CONFIGS)
def test_models_are_near_the_softmax(config: SoftmaxConfig) -> None:
    one = 1 << config.CONFIDENCE_BITS
    # each exponential is rounded by half a step of 2**-15, and 1 / S falls by less than S rises
    rounding = config.n_classes * 2.0**-16
    logits = vectors(config, config.n_classes, 2000)
    confidence = softmax_confidence(config, logits)
    divided = divided_confidence(config, logits) / one
    assert np.all(np.abs(divided - confidence) <= rounding + 2.0**-16)
    # the line between two entries lies 2**-18 too high, table and slope are rounded
    tabulated = tabulated_confidence(config, logits) / one
    assert np.all(np.abs(tabulated - confidence) <= rounding + 2.0**-16 * 3)
    softmax = probabilities(config, logits) / one
    assert np.all(np.abs(softmax - softmax_float(config, logits)) <= 2 * rounding + 2.0**-16 * 4)
    assert np.array_equal(softmax.max(axis=1), tabulated)


def test_confidence_of_one_is_the_largest_number() -> None:
    logits = np.array([[127, -128, -128]])
    assert divided_confidence(CONFIG, logits)[0] == 65535
    assert tabulated_confidence(CONFIG, logits)[0] == 65535
