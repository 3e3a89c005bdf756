"""Bench of the decision unit: the Verilog against the golden model, bit for bit.

Reads from the environment

- ``OFFRAMP_BENCH_CONFIG``: the configuration, as JSON of its parameters;
- ``OFFRAMP_BENCH_LOGITS``: a .npy file with logits of a real network, if there are any.
"""

# mypy: disable-error-code="untyped-decorator"
# cocotb types its decorators in part only

import json
import os
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import cocotb
import numpy as np
from amaranth.hdl import Shape
from amaranth.lib.data import StructLayout
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from ...golden.spec.decision import DecisionConfig
from ...hw.decision import Decision, LogitBeat, create_unit
from ...hw.decision.timing import latency_of
from ..stimuli import (
    Outcome,
    Vector,
    Workload,
    edge_workloads,
    expected_outcomes,
    lane_beats,
    random_workload,
    workload_of_logits,
)
from . import CLOCK_PERIOD_NS
from .stream import STALLS, StreamDriver, StreamMonitor, stalls

CONFIG_VARIABLE = "OFFRAMP_BENCH_CONFIG"
LOGITS_VARIABLE = "OFFRAMP_BENCH_LOGITS"


def _config_of(text: str) -> DecisionConfig:
    """Return the configuration; JSON has lists where it has tuples."""
    parameters: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
    }
    return DecisionConfig(**parameters)


CONFIG = _config_of(os.environ.get(CONFIG_VARIABLE, "{}"))
LATENCY = latency_of(create_unit(CONFIG))
LOGITS_FILE = os.environ.get(LOGITS_VARIABLE)

# a hundred times what the longest test needs: it ends a bench that hangs
WATCHDOG: dict[str, Any] = {"timeout_time": 2 * (10 + CONFIG.n_classes), "timeout_unit": "ms"}


def _ports_of(payload: StructLayout) -> dict[str, bool]:
    """Return the fields of a payload that have a port, and whether each is signed."""
    shapes = {name: Shape.cast(field.shape) for name, field in payload}
    return {name: shape.signed for name, shape in shapes.items() if shape.width}


IN_FIELDS = _ports_of(LogitBeat(CONFIG))
OUT_FIELDS = _ports_of(Decision(CONFIG))


class TB:
    """The unit between a driver and a monitor.

    Parameters
    ----------
    dut : simulator handle
    idle, stall : str
        How the driver and the monitor pause, a name of `STALLS`.
    config : DecisionConfig
    """

    def __init__(
        self, dut: Any, idle: str = "never", stall: str = "never", config: DecisionConfig = CONFIG
    ):
        self.dut = dut
        self.config = config
        self.driver = StreamDriver(dut, "i", stalls(idle, seed=1))
        self.monitor = StreamMonitor(dut, "o", OUT_FIELDS, stalls(stall, seed=2))
        self._n_sent = 0

    async def start(self, *, monitored: bool = True) -> None:
        """Reset the unit and start the monitor."""
        self.set_thresholds((0,) * self.config.n_exits)
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 2)
        self.dut.rst.value = 0
        if monitored:
            cocotb.start_soon(self.monitor.run())

    def set_thresholds(self, thresholds: tuple[int, ...]) -> None:
        """Set the threshold of each exit."""
        for exit_index, threshold in enumerate(thresholds):
            getattr(self.dut, f"threshold_{exit_index}").value = threshold

    def beats(self, vector: Vector) -> list[dict[str, int]]:
        """Return the beats of a vector; what only the last one carries is wrong in the others."""
        tag = self._n_sent % (1 << self.config.tag_width)
        self._n_sent += 1
        wrong_tag = tag ^ ((1 << self.config.tag_width) - 1)
        wrong_exit = (vector.exit_index + 1) % self.config.n_exits
        logits = self._logits_of_beats(vector)
        beats = [
            {
                **beat,
                "last": place == len(logits) - 1,
                "exit_index": vector.exit_index if place == len(logits) - 1 else wrong_exit,
                "tag": tag if place == len(logits) - 1 else wrong_tag,
            }
            for place, beat in enumerate(logits)
        ]
        return [{name: beat[name] for name in IN_FIELDS} for beat in beats]

    def _logits_of_beats(self, vector: Vector) -> list[dict[str, int]]:
        """Return what ports hold logits in each beat; that of lane 0 is lowest in a port."""
        config = self.config
        if config.lanes == 1:
            return [{"logit": logit} for logit in vector.logits]
        mask = (1 << config.logit_width) - 1
        return [
            {
                "logits": sum(
                    (logit & mask) << (lane * config.logit_width)
                    for lane, logit in enumerate(beat.logits)
                ),
                "keep": beat.keep,
            }
            for beat in lane_beats(config, vector.logits)
        ]

    async def check(self, workload: Workload) -> None:
        """Send a workload and compare every decision with the golden model's."""
        self.set_thresholds(workload.thresholds)
        first_tag = self._n_sent
        beats = [beat for vector in workload.vectors for beat in self.beats(vector)]
        sending = cocotb.start_soon(self.driver.send(beats))
        received = await self.monitor.receive(len(workload.vectors))
        await sending
        expected = expected_outcomes(self.config, workload)
        for place, (vector, outcome, beat) in enumerate(
            zip(workload.vectors, expected, received, strict=True)
        ):
            tag = (first_tag + place) % (1 << self.config.tag_width)
            self.compare(beat, outcome, tag, f"{vector} at {workload.thresholds}")

    def compare(self, beat: dict[str, int], outcome: Outcome, tag: int, what: str) -> None:
        """Compare one decision in all of its fields."""
        expected = {
            **{name: int(value) for name, value in outcome._asdict().items()},
            "tag": tag,
        }
        expected = {name: expected[name] for name in beat}
        assert beat == expected, f"Decision on {what} must be {expected}, not {beat}"


async def started(
    dut: Any, idle: str = "never", stall: str = "never", *, monitored: bool = True
) -> TB:
    Clock(dut.clk, CLOCK_PERIOD_NS, unit="ns").start()
    tb = TB(dut, idle, stall)
    await tb.start(monitored=monitored)
    return tb


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(idle=list(STALLS), stall=list(STALLS))
async def edge_vectors_equal_golden(dut: Any, idle: str, stall: str) -> None:
    tb = await started(dut, idle, stall)
    for workload in edge_workloads(CONFIG):
        await tb.check(workload)


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(idle=list(STALLS), stall=list(STALLS))
async def random_vectors_equal_golden(dut: Any, idle: str, stall: str) -> None:
    tb = await started(dut, idle, stall)
    for seed in range(4):
        await tb.check(random_workload(CONFIG, 50, seed))


@cocotb.test(skip=LOGITS_FILE is None, **WATCHDOG)
@cocotb.parametrize(idle=list(STALLS), stall=list(STALLS))
async def logits_of_a_network_equal_golden(dut: Any, idle: str, stall: str) -> None:
    tb = await started(dut, idle, stall)
    logits = np.load(str(LOGITS_FILE))
    # all of them once; under stalls a part, spread over the file
    few = logits if idle == stall == "never" else logits[:: max(1, len(logits) // 50)]
    await tb.check(workload_of_logits(CONFIG, few))


@cocotb.test(**WATCHDOG)
async def latency_is_as_stated_for_every_length(dut: Any) -> None:
    tb = await started(dut)
    for length in {2, CONFIG.n_classes // 2 + 1, CONFIG.n_classes}:
        await tb.check(Workload((0,) * CONFIG.n_exits, (Vector((0,) * length),)))
        assert tb.monitor.offered[-1] - tb.driver.taken[-1] == LATENCY


@cocotb.test(**WATCHDOG)
async def vectors_follow_each_other_without_a_bubble(dut: Any) -> None:
    tb = await started(dut)
    workload = random_workload(CONFIG, 60, seed=5)
    await tb.check(workload)
    n_beats = sum(-(-len(vector.logits) // CONFIG.lanes) for vector in workload.vectors)
    assert tb.driver.waited == 0
    assert tb.driver.taken[-1] - tb.driver.taken[0] == n_beats - 1
    assert tb.monitor.offered[-1] - tb.driver.taken[-1] == LATENCY


@cocotb.test(**WATCHDOG)
async def decision_is_offered_before_ready_and_held(dut: Any) -> None:
    tb = await started(dut, monitored=False)
    held = chain(repeat(True, 3 * LATENCY + 4 * CONFIG.n_classes), repeat(False))
    tb.monitor = StreamMonitor(dut, "o", OUT_FIELDS, held)
    cocotb.start_soon(tb.monitor.run())
    await tb.check(random_workload(CONFIG, 20, seed=6))
    # the monitor asserts that it is held; here, that it had to be
    assert tb.driver.waited > 0


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(n_pending=[0, 1], n_cycles=[1, 2, 3, LATENCY - 1, LATENCY, LATENCY + 1, 50])
async def reset_in_mid_vector_leaves_nothing_behind(
    dut: Any, n_pending: int, n_cycles: int
) -> None:
    before = await started(dut, monitored=False)
    high, low = CONFIG.logit_format.high, CONFIG.logit_format.low
    # half a vector with the largest sum is in; a decision is under way, or waits for ready
    pending = [beat for _ in range(n_pending) for beat in before.beats(Vector((high, high)))]
    half = before.beats(Vector((high,) * CONFIG.n_classes))[:-1]
    sending = cocotb.start_soon(before.driver.send(pending + half))
    await ClockCycles(dut.clk, n_cycles)
    sending.cancel()
    tb = TB(dut)
    await tb.start()
    vectors = (Vector((low, low + 1)), Vector((low,) * CONFIG.n_classes), Vector((high, low)))
    await tb.check(Workload((1,) * CONFIG.n_exits, vectors))
    await tb.check(random_workload(CONFIG, 20, seed=7))
    # and no decision besides
    await ClockCycles(dut.clk, 2 * LATENCY)
    assert len(tb.monitor.offered) == len(vectors) + 20


@cocotb.test(**WATCHDOG)
async def threshold_may_change_from_vector_to_vector(dut: Any) -> None:
    """Have it right at the transfer of the last logit and one cycle longer, else wrong."""
    tb = await started(dut)
    logits = random_workload(CONFIG, 60, seed=8).vectors
    thresholds = [random_workload(CONFIG, 20, seed).thresholds for seed in range(len(logits))]
    sending: Iterator[int] = iter(range(len(logits)))
    expected: list[Outcome] = []
    for place in sending:
        vector, right = logits[place], thresholds[place]
        # the opposite decision at this vector's exit
        (outcome,) = expected_outcomes(CONFIG, Workload(right, (vector,)))
        opposite = CONFIG.threshold_high if outcome.exit else CONFIG.threshold_low
        wrong = (opposite,) * CONFIG.n_exits
        expected.append(outcome)
        *before, last = tb.beats(vector)
        await tb.driver.send(before[:1])
        # that was the cycle after the last beat of the vector before
        tb.set_thresholds(wrong)
        await tb.driver.send(before[1:])
        tb.set_thresholds(right)
        await tb.driver.send([last])
    await RisingEdge(dut.clk)
    tb.set_thresholds(wrong)
    received = await tb.monitor.receive(len(logits))
    for place, (beat, outcome) in enumerate(zip(received, expected, strict=True)):
        tag = place % (1 << CONFIG.tag_width)
        tb.compare(beat, outcome, tag, f"{logits[place]} at {thresholds[place]}")
