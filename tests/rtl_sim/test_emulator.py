"""The fast emulator: the RTL equals the golden model bit for bit, and misuse is refused."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from offramp.golden.decision import decide
from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision import DecisionUnit
from offramp.hw.decision.delivery import MODULE_NAME, decision_verilog
from offramp.hw.verilog import generate_verilog
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from offramp.rtl_sim.emulator.library import EmulationError
from offramp.rtl_sim.verilator import ToolError
from tests.comparison import count_mismatches, elaborated_unit, standard_workloads

CONFIGS = [
    DecisionConfig(),
    DecisionConfig(
        n_classes=2, logit_width=4, fraction_bits=2, mantissa_bits=4, n_exits=1, tag_width=1
    ),
    DecisionConfig(n_classes=3, logit_width=4, fraction_bits=3, mantissa_bits=5, n_exits=3),
    DecisionConfig(n_classes=5, logit_width=5, fraction_bits=4, mantissa_bits=7, n_exits=1),
    DecisionConfig(
        n_classes=16, logit_width=6, fraction_bits=2, mantissa_bits=10, n_exits=16, tag_width=32
    ),
    DecisionConfig(n_classes=10, logit_width=7, fraction_bits=4, mantissa_bits=8, n_exits=3),
    DecisionConfig(n_classes=100, logit_width=8, fraction_bits=2, n_exits=2),
    DecisionConfig(n_classes=1000, logit_width=8, fraction_bits=4, n_exits=1, tag_width=13),
]


def named(config: DecisionConfig) -> str:
    return "-".join(str(value) for value in config.describe().values())


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_edges_and_random_vectors_equal_golden(config: DecisionConfig) -> None:
    with DecisionEmulator(config) as emulator:
        assert count_mismatches(emulator, standard_workloads(config)) == 0


@pytest.mark.parametrize(("idle", "stall"), list(product((0, 128, 230), repeat=2)))
def test_decisions_equal_golden_under_stalls_at_both_ends(idle: int, stall: int) -> None:
    config = CONFIGS[0]
    with DecisionEmulator(config) as emulator:
        workloads = standard_workloads(config)
        assert count_mismatches(emulator, workloads, idle=idle, stall=stall) == 0


@pytest.mark.parametrize("config", CONFIGS[1:3], ids=named)
def test_every_vector_at_every_threshold_equals_golden(config: DecisionConfig) -> None:
    bounds = config.logit_format
    values = range(bounds.low, bounds.high + 1)
    with DecisionEmulator(config) as emulator:
        for n in range(2, config.n_classes + 1):
            logits = np.array(list(product(values, repeat=n)))
            for threshold in range(config.threshold_low, config.threshold_high + 1):
                emulator.set_threshold(0, threshold)
                expected = decide(config, logits, threshold)
                assert emulator.decide(logits).count_differences(expected) == 0


def test_a_hundred_thousand_vectors_equal_golden() -> None:
    config = CONFIGS[0]
    rng = np.random.default_rng(0)
    logits = np.clip(np.rint(rng.normal(-30, 30, (100_000, 10))), -128, 127).astype(np.int64)
    with DecisionEmulator(config) as emulator:
        emulator.set_threshold(1, 9)
        expected = decide(config, logits, 9)
        assert 0.1 < expected.exit.mean() < 0.9
        assert emulator.decide(logits, 1).count_differences(expected) == 0


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_cycles_are_one_for_each_logit_and_the_latency(config: DecisionConfig) -> None:
    logits = np.zeros((7, config.n_classes), np.int8)
    latency = elaborated_unit(config).latency
    with DecisionEmulator(config) as emulator:
        emulator.decide(logits)
        assert emulator.cycles == 7 * config.n_classes + latency
        emulator.decide(logits[:1, :2])
        assert emulator.cycles == 7 * config.n_classes + 2 + 2 * latency


def test_no_vectors_take_no_cycle() -> None:
    with DecisionEmulator(CONFIGS[0]) as emulator:
        assert len(emulator.decide(np.empty((0, 10), np.int8))) == 0
        assert emulator.cycles == 0


def test_stalls_repeat_with_their_seed() -> None:
    logits = np.zeros((50, 10), np.int8)
    cycles = []
    for seed in (1, 1, 2):
        with DecisionEmulator(CONFIGS[0]) as emulator:
            emulator.decide(logits, idle=100, stall=100, seed=seed)
            cycles.append(emulator.cycles)
    assert cycles[0] == cycles[1] != cycles[2]
    assert min(cycles) > 500


def test_two_emulators_do_not_share_thresholds() -> None:
    logits = np.array([[10, 0]])
    with DecisionEmulator(CONFIGS[0]) as low, DecisionEmulator(CONFIGS[0]) as high:
        low.set_threshold(0, 10)
        high.set_threshold(0, 11)
        assert low.decide(logits).exit[0]
        assert not high.decide(logits).exit[0]


# -- designs that break the rules --------------------------------------------------------------


class Broken(wiring.Component):
    """A unit that never answers, or answers with the wrong tag."""

    def __init__(self, config: DecisionConfig, *, answers: bool):
        self._config = config
        self._answers = answers
        super().__init__(elaborated_unit(config).signature)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = unit = DecisionUnit(self._config)
        wiring.connect(m, wiring.flipped(self), unit)
        m.d.comb += self.o.payload.tag.eq(unit.o.payload.tag ^ 1)
        if not self._answers:
            m.d.comb += self.o.valid.eq(0)
        return m


def test_unit_that_never_answers_is_said_to_hang() -> None:
    verilog = generate_verilog(Broken(CONFIGS[0], answers=False), MODULE_NAME, {})
    with (
        DecisionEmulator(CONFIGS[0], verilog) as emulator,
        pytest.raises(
            EmulationError, match=r"^Decision unit must answer every vector, but it hangs$"
        ),
    ):
        emulator.decide(np.zeros((1, 10), np.int8))


def test_decisions_out_of_order_are_an_error() -> None:
    verilog = generate_verilog(Broken(CONFIGS[0], answers=True), MODULE_NAME, {})
    with (
        DecisionEmulator(CONFIGS[0], verilog) as emulator,
        pytest.raises(EmulationError, match=r"^Decisions must come in the order of the vectors"),
    ):
        emulator.decide(np.zeros((3, 10), np.int8))


# -- misuse ------------------------------------------------------------------------------------


def test_closed_emulator_refuses_work_and_closes_again_without_effect() -> None:
    emulator = DecisionEmulator(CONFIGS[0])
    emulator.close()
    emulator.close()
    with pytest.raises(EmulationError, match=r"^Emulator must be open, but it was closed$"):
        emulator.decide(np.zeros((1, 10), np.int8))
    with pytest.raises(EmulationError, match=r"^Emulator must be open, but it was closed$"):
        emulator.set_threshold(0, 0)


@pytest.mark.parametrize(
    ("logits", "arguments", "kind", "text"),
    [
        (np.zeros((1, 10)), {}, TypeError, "Logits must be integers, not float64"),
        (np.zeros((1, 11), int), {}, ValueError, r"Logits must be \[n, 2..10\], not \[1, 11\]"),
        (np.full((1, 10), 128), {}, ValueError, r"Logits must be in -128..127, not 128..128"),
        (np.zeros((1, 10), int), {"exit_index": 2}, ValueError,
         r"Exit index must be in 0\.\.1, not 2"),
        (np.zeros((1, 10), int), {"exit_index": -1}, ValueError,
         r"Exit index must be in 0\.\.1, not -1"),
        (np.zeros((1, 10), int), {"exit_index": np.array([256])}, ValueError,
         r"Exit index must be in 0\.\.1, not 256"),
        (np.zeros((1, 10), int), {"exit_index": 0.5}, TypeError,
         "Exit index must be integer, not float64"),
        (np.zeros((2, 10), int), {"exit_index": np.zeros(3, int)}, ValueError,
         r"Exit index must be one or one for each of 2 vectors, not \[3\]"),
        (np.zeros((1, 10), int), {"idle": 256}, ValueError,
         r"Idle cycles in 256 must be in 0\.\.255, not 256"),
        (np.zeros((1, 10), int), {"stall": -1}, ValueError,
         r"Stalled cycles in 256 must be in 0\.\.255, not -1"),
    ],
)  # fmt: skip
def test_illegal_batch_is_refused(
    logits: np.ndarray, arguments: dict[str, int], kind: type[Exception], text: str
) -> None:
    with (
        DecisionEmulator(CONFIGS[0]) as emulator,
        pytest.raises(kind, match=f"^{text}$"),
    ):
        emulator.decide(logits, **arguments)


@pytest.mark.parametrize(
    ("exit_index", "threshold", "text"),
    [
        (0, 256, r"Threshold must be in -255\.\.255, not 256"),
        (2, 0, r"Exit index must be in 0\.\.1, not 2"),
        (-1, 0, r"Exit index must be in 0\.\.1, not -1"),
    ],
)
def test_illegal_threshold_is_refused(exit_index: int, threshold: int, text: str) -> None:
    with (
        DecisionEmulator(CONFIGS[0]) as emulator,
        pytest.raises(ValueError, match=f"^{text}$"),
    ):
        emulator.set_threshold(exit_index, threshold)


# -- building ----------------------------------------------------------------------------------


def test_verilog_that_does_not_compile_is_said_with_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFRAMP_CACHE", str(tmp_path / "cache"))
    # the runtime, which takes the time, is not the point here
    monkeypatch.setattr("offramp.rtl_sim.emulator.build.RUNTIME_SOURCES", ())
    with pytest.raises(ToolError, match=r"^Tool verilator must succeed, see .*\.log$") as caught:
        DecisionEmulator(CONFIGS[0], "module offramp_decision(; endmodule")
    log = Path(str(caught.value).rpartition("see ")[2])
    assert "syntax error" in log.read_text()
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".log"]


def test_second_emulator_of_a_design_calls_no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    with DecisionEmulator(CONFIGS[0]):
        pass
    monkeypatch.setattr("offramp.rtl_sim.emulator.build._call", None)
    with DecisionEmulator(CONFIGS[0]) as emulator:
        assert len(emulator.decide(np.zeros((1, 10), np.int8))) == 1


def test_cache_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("OFFRAMP_CACHE", str(blocked))
    with pytest.raises(ToolError, match=r"^Cache folder must be writable, not .*OFFRAMP_CACHE\)$"):
        DecisionEmulator(CONFIGS[0], decision_verilog(CONFIGS[0]))
