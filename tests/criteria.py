"""What tests of the criteria share: vectors at the edges, and the comparison with golden."""

import gc
import warnings

import numpy as np
import numpy.typing as npt
from amaranth.sim import Simulator

from offramp.golden.criteria import decide_by_score, feature_score
from offramp.golden.spec.bounds import threshold_bounds
from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.delivery import MODULE_NAME
from offramp.hw.verilog import generate_verilog
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from offramp.rtl_sim.vector_families import edge_logits, random_logits

Logits = npt.NDArray[np.int64]


def emulator_of(unit_class, config: DecisionConfig, **options) -> DecisionEmulator:
    """Return an emulator of the unit of one criterion."""
    return DecisionEmulator(
        config, generate_verilog(unit_class(config), MODULE_NAME, {}), **options
    )


def refusal_of(unit_class, config: DecisionConfig) -> str:
    """Return the error that a unit gives for a configuration."""
    message = ""
    with warnings.catch_warnings():
        # Amaranth warns of a component that is not used when it is collected
        warnings.simplefilter("ignore")
        try:
            unit_class(config)
        except ValueError as error:
            message = str(error)
        gc.collect()
    return message


def edge_vectors(config: DecisionConfig, n_logits: int) -> Logits:
    """Return vectors of ties, extremes, ramps and two levels, the winner at either end."""
    return edge_logits(config, n_logits)


def random_vectors(config: DecisionConfig, n: int, n_logits: int, seed: int) -> Logits:
    """Return vectors of several spreads, some clipped at the top, some with a clear winner."""
    return random_logits(config, n, n_logits, np.random.default_rng(seed))


def mismatches(
    emulator: DecisionEmulator,
    criterion: str,
    logits: Logits,
    *,
    seed: int = 0,
    mixed: bool = False,
    idle: int = 0,
    stall: int = 0,
) -> int:
    """Count the vectors that the RTL decides in another way than golden, in any field.

    Thresholds are drawn from the scores themselves, so that exits are taken and not.
    """
    config = emulator.config
    rng = np.random.default_rng(seed)
    n, n_logits = logits.shape
    lengths = rng.integers(2, n_logits + 1, n) if mixed else np.full(n, n_logits)
    exits = rng.integers(0, config.n_exits, n)
    score = np.empty(n, np.int64)
    for length in np.unique(lengths):
        rows = lengths == length
        score[rows] = feature_score(config, criterion, logits[rows, :length])
    low, high = threshold_bounds(config, criterion)
    thresholds = [int(np.clip(rng.choice(score), low, high)) for _ in range(config.n_exits)]
    for exit_index, threshold in enumerate(thresholds):
        emulator.set_threshold(exit_index, threshold)
    got = emulator.decide(logits, exits, lengths=lengths, idle=idle, stall=stall, seed=seed)
    # logits beyond a vector's length must not win
    beyond = np.arange(n_logits) >= lengths[:, None]
    shortened = np.where(beyond, config.logit_format.low, logits)
    differ = np.zeros(n, dtype=bool)
    for exit_index, threshold in enumerate(thresholds):
        right = decide_by_score(config, criterion, shortened, score, threshold)
        wrong = (got.exit != right.exit) | (got.label != right.label)
        if config.with_score:
            wrong |= got.score != right.score
        differ |= wrong & (exits == exit_index)
    return int(differ.sum())


def payload_while_waiting(unit, logits: list[int], *, before: int, after: int) -> list[dict]:
    """Return the decision on one vector in each cycle of a wait in which the threshold changes."""
    seen: list[dict] = []

    async def bench(ctx) -> None:
        ctx.set(unit.thresholds[0], before)
        ctx.set(unit.i.valid, 1)
        for index, logit in enumerate(logits):
            ctx.set(unit.i.payload.logit, logit)
            ctx.set(unit.i.payload.last, index == len(logits) - 1)
            ctx.set(unit.i.payload.tag, 6)
            await ctx.tick().until(unit.i.ready)
        ctx.set(unit.i.valid, 0)
        for _ in range(100):
            if ctx.get(unit.o.valid):
                break
            await ctx.tick()
        for _ in range(5):
            assert ctx.get(unit.o.valid)
            payload = unit.o.payload
            seen.append({name: ctx.get(payload[name]) for name, _ in payload.shape()})
            await ctx.tick()
            ctx.set(unit.thresholds[0], after)

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen
