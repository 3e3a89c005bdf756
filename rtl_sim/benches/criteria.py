"""Bench of the unit of any set of criteria: the Verilog against the golden model, bit for bit.

Reads the configuration from the environment like the bench of the confidence, which looks at more.
"""

# mypy: disable-error-code="untyped-decorator"
# cocotb types its decorators in part only

from itertools import islice
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

from ...golden.spec.criteria import Criterion
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.rules import ExitRule
from ...hw.decision.delivery_ports import port_values
from ..scenes import Scene, Teller, edge_scenes, latency_scene, random_scenes
from . import CLOCK_PERIOD_NS
from .decision import CONFIG, IN_FIELDS, LATENCY, OUT_FIELDS
from .stream import STALLS, StreamDriver, StreamMonitor, stalls

N_RANDOM = 8
"""Random scenes under each pair of stalls."""

N_EDGES = 40
"""Vectors of each scene of edges; more have the same fate."""

WATCHDOG: dict[str, Any] = {"timeout_time": 4 * (10 + CONFIG.n_classes), "timeout_unit": "ms"}


class TB:
    """The unit between a driver and a monitor.

    Parameters
    ----------
    dut : simulator handle
    idle, stall : str
        How the driver and the monitor pause, a name of `STALLS`.
    """

    def __init__(self, dut: Any, idle: str = "never", stall: str = "never"):
        self.dut = dut
        self.driver = StreamDriver(dut, "i", stalls(idle, seed=1))
        self.monitor = StreamMonitor(dut, "o", OUT_FIELDS, stalls(stall, seed=2))
        self._teller = Teller(CONFIG, seed=3)

    async def start(self, *, monitored: bool = True) -> None:
        """Reset the unit and start the monitor."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 2)
        self.dut.rst.value = 0
        if monitored:
            cocotb.start_soon(self.monitor.run())

    def set_rules(self, rules: tuple[ExitRule, ...]) -> None:
        """Drive the ports of the settings."""
        for exit_index, rule in enumerate(rules):
            for port, value in port_values(CONFIG, exit_index, rule).items():
                getattr(self.dut, port).value = value
        self._teller.set_rules(rules)

    async def check(self, scene: Scene) -> None:
        """Send the vectors of a scene and compare every decision with the golden model's."""
        self.set_rules(scene.rules)
        beats, expected = [], []
        for vector in scene.vectors:
            tag, outcome = self._teller.tell(vector)
            beats += _beats(CONFIG, vector.logits, outcome.exit_index, tag)
            fields = {name: int(value) for name, value in outcome._asdict().items()}
            expected.append({name: (fields | {"tag": tag})[name] for name in OUT_FIELDS})
        sending = cocotb.start_soon(self.driver.send(beats))
        received = await self.monitor.receive(len(expected))
        await sending
        for vector, right, beat in zip(scene.vectors, expected, received, strict=True):
            assert beat == right, (
                f"Decision on {vector} by {scene.rules} must be {right}, not {beat}"
            )


def _beats(
    config: DecisionConfig, logits: tuple[int, ...], exit_index: int, tag: int
) -> list[dict[str, int]]:
    """Return the beats of a vector; what only the last one carries is wrong in the others."""
    wrong = {
        "exit_index": (exit_index + 1) % config.n_exits,
        "tag": tag ^ ((1 << config.tag_width) - 1),
    }
    right = {"exit_index": exit_index, "tag": tag}
    last = len(logits) - 1
    beats = [
        {"logit": logit, "last": place == last, **(right if place == last else wrong)}
        for place, logit in enumerate(logits)
    ]
    return [{name: beat[name] for name in IN_FIELDS} for beat in beats]


async def started(
    dut: Any, idle: str = "never", stall: str = "never", *, monitored: bool = True
) -> TB:
    Clock(dut.clk, CLOCK_PERIOD_NS, unit="ns").start()
    tb = TB(dut, idle, stall)
    await tb.start(monitored=monitored)
    return tb


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(idle=list(STALLS), stall=list(STALLS))
async def scenes_equal_golden(dut: Any, idle: str, stall: str) -> None:
    tb = await started(dut, idle, stall)
    for scene in edge_scenes(CONFIG, seed=1):
        step = -(-len(scene.vectors) // N_EDGES)
        await tb.check(Scene(scene.rules, scene.vectors[::step]))
    for scene in islice(random_scenes(CONFIG, seed=2), N_RANDOM):
        await tb.check(scene)


@cocotb.test(**WATCHDOG)
async def latency_of_two_logits_is_as_stated(dut: Any) -> None:
    tb = await started(dut)
    for _ in range(3):
        await tb.check(latency_scene(CONFIG))
        assert tb.monitor.offered[-1] - tb.driver.taken[-1] == LATENCY


@cocotb.test(**WATCHDOG)
@cocotb.parametrize(n_cycles=[1, 2, 3, LATENCY - 1, LATENCY, LATENCY + 1, 40])
async def reset_in_mid_vector_leaves_nothing_behind(dut: Any, n_cycles: int) -> None:
    before = await started(dut, monitored=False)
    for scene in islice(random_scenes(CONFIG, seed=4), 1):
        before.set_rules(scene.rules)
        beats = [
            beat
            for vector in scene.vectors
            for beat in _beats(CONFIG, vector.logits, vector.exit_index, 0)
        ]
    sending = cocotb.start_soon(before.driver.send(beats))
    # whole vectors are inside, and a part of one
    await ClockCycles(dut.clk, n_cycles)
    sending.cancel()
    tb = TB(dut)
    await tb.start()
    n_vectors = 0
    for scene in islice(random_scenes(CONFIG, seed=n_cycles), 2):
        await tb.check(scene)
        n_vectors += len(scene.vectors)
    # and no decision besides, even after the longest that one may take
    gate = 50 if Criterion.GATE in CONFIG.criteria else 0
    await ClockCycles(dut.clk, 2 * LATENCY + CONFIG.n_classes + gate)
    assert len(tb.monitor.offered) == n_vectors
