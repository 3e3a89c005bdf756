"""Units broken on purpose: each fault must be seen, or the other tests prove nothing.

Nothing here looks inside the unit: faults are made in its configuration, around its ports, or at
operators of the generated Verilog, wherever they are.
"""

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision import DecisionUnit
from offramp.hw.decision.delivery import MODULE_NAME, decision_verilog
from offramp.hw.verilog import generate_verilog
from offramp.rtl_sim.runner import BenchError, BenchResult, available_simulators, run_bench
from offramp.rtl_sim.stimuli import Workload, expected_outcomes
from offramp.rtl_sim.stimuli import random_workload as random_vectors
from tests.comparison import differs, elaborated_unit
from tests.hw.unit_bench import UnitBench

CONFIG = DecisionConfig()


def test_unbroken_unit_is_not_told_from_golden() -> None:
    assert not differs(CONFIG, decision_verilog(CONFIG))


# -- faults of the configuration ---------------------------------------------------------------


def wrong_entry(place: int) -> DecisionConfig:
    """Return a configuration with one table entry beside the right one."""

    class WrongEntry(DecisionConfig):
        @cached_property
        def table(self) -> tuple[int, ...]:
            return tuple(entry + (at == place) for at, entry in enumerate(CONFIG.table))

    return WrongEntry()


class WiderAccumulator(DecisionConfig):
    @property
    def accumulator_width(self) -> int:
        return CONFIG.accumulator_width + 8


@pytest.mark.parametrize("place", range(len(CONFIG.table)))
def test_wrong_table_entry_is_seen(place: int) -> None:
    assert differs(CONFIG, decision_verilog(wrong_entry(place)))


def test_sum_that_does_not_overflow_where_it_should_is_seen() -> None:
    assert differs(CONFIG, decision_verilog(WiderAccumulator()))


# -- faults around the ports -------------------------------------------------------------------


class Around(wiring.Component):
    """The unit with a fault between its ports and the outside.

    Parameters
    ----------
    fault : callable
        Is given the module, the outer and the inner component, and connects what it breaks.
    """

    def __init__(self, config: DecisionConfig, fault: Callable[..., None]):
        self._config = config
        self._fault = fault
        super().__init__(elaborated_unit(config).signature)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = unit = DecisionUnit(self._config)
        wiring.connect(m, wiring.flipped(self), unit)
        self._fault(m, self, unit)
        return m


def compares_off_by_one(m: Module, outer: wiring.Component, unit: wiring.Component) -> None:
    for inside, outside in zip(unit.thresholds, outer.thresholds, strict=True):
        m.d.comb += inside.eq(outside + 1)


def exchanges_exits(m: Module, outer: wiring.Component, unit: wiring.Component) -> None:
    m.d.comb += [unit.thresholds[0].eq(outer.thresholds[1])]
    m.d.comb += [unit.thresholds[1].eq(outer.thresholds[0])]


def scores_off_by_one(m: Module, outer: wiring.Component, unit: wiring.Component) -> None:
    m.d.comb += outer.o.payload.score.eq(unit.o.payload.score + 1)


def loses_the_sign_of_a_threshold(
    m: Module, outer: wiring.Component, unit: wiring.Component
) -> None:
    m.d.comb += unit.thresholds[0].eq(outer.thresholds[0] & CONFIG.threshold_high)


def drops_decisions_that_wait(m: Module, outer: wiring.Component, unit: wiring.Component) -> None:
    m.d.comb += unit.o.ready.eq(1)


@pytest.mark.parametrize(
    "fault",
    [
        compares_off_by_one,
        exchanges_exits,
        scores_off_by_one,
        loses_the_sign_of_a_threshold,
        drops_decisions_that_wait,
    ],
)
def test_fault_around_the_ports_is_seen(fault: Callable[..., None]) -> None:
    assert differs(CONFIG, generate_verilog(Around(CONFIG, fault), MODULE_NAME, {}))


def samples_thresholds_early(m: Module, outer: wiring.Component, unit: wiring.Component) -> None:
    # two cycles old: those before the last logit
    for inside, outside in zip(unit.thresholds, outer.thresholds, strict=True):
        old = Signal.like(outside, name="old_threshold")
        older = Signal.like(outside, name="older_threshold")
        m.d.sync += [old.eq(outside), older.eq(old)]
        m.d.comb += inside.eq(older)


def samples_thresholds_late(m: Module, outer: wiring.Component, unit: wiring.Component) -> None:
    # the logits come a cycle later, the thresholds do not
    valid = Signal()
    payload = Signal.like(unit.i.payload)
    m.d.sync += [valid.eq(outer.i.valid), payload.eq(outer.i.payload)]
    m.d.comb += [unit.i.valid.eq(valid), unit.i.payload.eq(payload)]


def changes_nothing(m: Module, outer: wiring.Component, unit: wiring.Component) -> None:
    pass


@pytest.mark.parametrize(
    ("fault", "seen"),
    [(samples_thresholds_early, True), (samples_thresholds_late, True), (changes_nothing, False)],
)
def test_threshold_sampled_in_another_cycle_is_seen(fault: Callable[..., None], seen: bool) -> None:
    workload = random_vectors(CONFIG, 60, seed=3)
    thresholds = [random_vectors(CONFIG, 5, seed).thresholds for seed in range(60)]
    unit = Around(CONFIG, fault)
    run = UnitBench(unit, CONFIG, workload, thresholds=thresholds).run()
    expected = [
        expected_outcomes(CONFIG, Workload(of_vector, (vector,)))[0]
        for of_vector, vector in zip(thresholds, workload.vectors, strict=True)
    ]
    assert (run.outcomes != expected) == seen


# -- faults in the Verilog ---------------------------------------------------------------------

FLIPS = {
    " + ": " - ",
    " - ": " + ",
    " & ": " | ",
    " | ": " & ",
    " == ": " != ",
    "= ~ ": "= ",
}


def flipped(verilog: str, operators: str) -> list[str]:
    """Return the text with each operator of an assignment flipped, one at a time."""
    sites = [
        (line.start() + match.start(), match[0])
        for line in re.finditer(r"^ *assign .*$", verilog, re.MULTILINE)
        for match in re.finditer(operators, line[0])
    ]
    return [verilog[:at] + FLIPS[old] + verilog[at + len(old) :] for at, old in sites]


def test_tie_that_goes_to_the_later_maximum_is_seen() -> None:
    # a carry into the sum that compares is >= for >
    mutant, n_sites = re.subn(
        r"(assign low_sum = .*);", r"\1 + 1'h1;", decision_verilog(CONFIG), count=1
    )
    assert n_sites == 1
    assert differs(CONFIG, mutant)


@pytest.mark.parametrize("part", range(4))
def test_flipped_operators_are_seen(part: int) -> None:
    mutants = flipped(decision_verilog(CONFIG), " [-+&|] | == |= ~ ")
    # a spread of a dozen, in four parts for two processes
    some = mutants[:: max(1, len(mutants) // 12)][part::4]
    assert some
    unseen = [mutant for mutant in some if not differs(CONFIG, mutant)]
    assert not unseen


def run_reset_tests(verilog: str, work: Path) -> BenchResult:
    return run_bench(
        "offramp.rtl_sim.benches.decision",
        verilog,
        MODULE_NAME,
        # Icarus, where it is, builds in no time
        simulator=available_simulators()[-1],
        work=work,
        environment={"COCOTB_TEST_FILTER": "reset_in_mid_vector"},
    )


def test_reset_that_clears_nothing_is_seen(tmp_path: Path) -> None:
    right = decision_verilog(CONFIG)
    assert run_reset_tests(right, tmp_path).passed > 10
    stale = right.replace("if (rst)", "if (1'h0)")
    assert stale != right
    with pytest.raises(BenchError, match="must all pass"):
        run_reset_tests(stale, tmp_path)
