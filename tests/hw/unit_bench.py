"""The decision unit in Amaranth's simulator: a driver, a monitor, and what they measured."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from amaranth.lib import wiring
from amaranth.sim import Simulator, SimulatorContext

from offramp.golden.spec.bounds import threshold_bounds
from offramp.golden.spec.decision import DecisionConfig
from offramp.rtl_sim.stimuli import Outcome, Vector, Workload, expected_outcomes, lane_beats

RATES = {"never": 0.0, "random": 0.5, "mostly": 0.85}
WATCHDOG_CYCLES = 50_000


@dataclass
class Run:
    """What happened: outcomes and tags, and when last logits were taken and decisions offered."""

    outcomes: list[Outcome] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)
    last_taken: list[int] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)
    waited: int = 0


class UnitBench:
    """Streams a workload through a component that has the signature of the decision unit.

    Parameters
    ----------
    idle, stall : str
        How the driver and the monitor pause, a name of `RATES`.
    thresholds : sequence of tuple, optional
        Thresholds of each vector, set from the transfer of its last logit through the next cycle,
        and such that decide the other way at all other times. Only without stalls.
    """

    def __init__(
        self,
        unit: wiring.Component,
        config: DecisionConfig,
        workload: Workload,
        *,
        idle: str = "never",
        stall: str = "never",
        thresholds: Sequence[tuple[int, ...]] = (),
    ):
        self._unit = unit
        self._config = config
        self._workload = workload
        self._idle = RATES[idle]
        self._stall = RATES[stall]
        self._thresholds = thresholds
        self._now = 0
        self._run = Run()

    def run(self) -> Run:
        """Simulate until every vector is decided."""
        simulator = Simulator(self._unit)
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._count, background=True)
        simulator.add_testbench(self._drive, background=True)
        simulator.add_testbench(self._monitor)
        simulator.run()
        return self._run

    async def _count(self, ctx: SimulatorContext) -> None:
        while True:
            await ctx.tick()
            self._now += 1
            assert self._now < WATCHDOG_CYCLES, "the unit hangs"

    def _set_thresholds(self, ctx: SimulatorContext, values: tuple[int, ...]) -> None:
        for exit_index, value in enumerate(values):
            ctx.set(self._unit.thresholds[exit_index], value)

    def _opposite(self, place: int) -> tuple[int, ...]:
        """Return thresholds under which the vector at `place` meets the other decision."""
        config = self._config
        alone = Workload(self._thresholds[place], (self._workload.vectors[place],))
        (outcome,) = expected_outcomes(config, alone)
        low, high = threshold_bounds(config, config.criteria[0])
        wrong = high if outcome.exit else low
        return (wrong,) * config.n_exits

    def _logits_of_beats(self, vector: Vector) -> list[dict[str, object]]:
        if self._config.lanes == 1:
            return [{"logit": logit} for logit in vector.logits]
        return [beat._asdict() for beat in lane_beats(self._config, vector.logits)]

    async def _drive(self, ctx: SimulatorContext) -> None:
        unit, config = self._unit, self._config
        source = random.Random(1)
        self._set_thresholds(ctx, self._workload.thresholds)
        for place, vector in enumerate(self._workload.vectors):
            beats = self._logits_of_beats(vector)
            for position, logits in enumerate(beats):
                last = position == len(beats) - 1
                while source.random() < self._idle:
                    ctx.set(unit.i.valid, 0)
                    await ctx.tick()
                ctx.set(unit.i.valid, 1)
                beat = {
                    **logits,
                    "last": last,
                    # right with the last logit only
                    "exit_index": (vector.exit_index + (not last)) % config.n_exits,
                    "tag": (place + (not last)) % (1 << config.tag_width),
                }
                ctx.set(unit.i.payload, beat)
                if self._thresholds and last:
                    self._set_thresholds(ctx, self._thresholds[place])
                ready = False
                while not ready:
                    _, _, ready = await ctx.tick().sample(unit.i.ready)
                    self._run.waited += not ready
                if self._thresholds and position == 0 and place:
                    # that was the cycle after the last logit of the vector before
                    self._set_thresholds(ctx, self._opposite(place - 1))
            self._run.last_taken.append(self._now)
        ctx.set(unit.i.valid, 0)

    async def _monitor(self, ctx: SimulatorContext) -> None:
        o, run = self._unit.o, self._run
        source = random.Random(2)
        waiting = None
        while len(run.outcomes) < len(self._workload.vectors):
            ctx.set(o.ready, source.random() >= self._stall)
            _, _, valid, ready, payload = await ctx.tick().sample(o.valid, o.ready, o.payload)
            bits = payload.as_bits() if valid else None
            assert waiting in (None, bits), "valid and payload must hold until ready"
            if valid and waiting is None:
                run.offered.append(self._now)
            waiting = None if ready else bits
            if valid and ready:
                run.outcomes.append(
                    Outcome(bool(payload.exit), payload.label, payload.score, payload.exit_index)
                )
                run.tags.append(payload.tag)
