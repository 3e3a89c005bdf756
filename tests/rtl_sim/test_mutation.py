"""Mutants are made, told from the right unit, or proved to be none."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.delivery import decision_verilog
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from offramp.rtl_sim.fast_bench import first_difference
from offramp.rtl_sim.mutation import MutationReport, measure_mutation

CONFIG = DecisionConfig(n_classes=4, logit_width=5, fraction_bits=2, mantissa_bits=5, tag_width=4)
N_MUTANTS = 60


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> MutationReport:
    return measure_mutation(CONFIG, n=N_MUTANTS, work=tmp_path_factory.mktemp("mutation"))


def test_unit_without_a_fault_is_not_told_from_golden() -> None:
    with DecisionEmulator(CONFIG) as emulator:
        assert first_difference(CONFIG, emulator) is None


def test_most_mutants_are_seen_and_all_are_accounted_for(report: MutationReport) -> None:
    assert [mutant.number for mutant in report.mutants] == list(range(1, N_MUTANTS + 1))
    assert report.killed + len(report.survivors) == N_MUTANTS
    assert report.score >= 0.9
    assert {mutant.mode for mutant in report.mutants} == {"inv", "const0", "const1"}
    values = report.as_dict()
    assert values["survivors"] == [dataclasses.asdict(mutant) for mutant in report.survivors]


def test_report_names_gate_and_source_of_a_mutant(report: MutationReport) -> None:
    assert all(mutant.cell and mutant.port for mutant in report.mutants)
    assert sum("line " in mutant.source for mutant in report.mutants) > N_MUTANTS / 2


@pytest.mark.parametrize("n", [0, 4001])
def test_illegal_number_of_mutants_is_refused(tmp_path: Path, n: int) -> None:
    with pytest.raises(ValueError, match=rf"^Number of mutants must be in 1\.\.4000, not {n}$"):
        measure_mutation(CONFIG, n=n, work=tmp_path)


def test_reset_in_mid_vector_leaves_nothing_behind() -> None:
    with DecisionEmulator(CONFIG) as emulator:
        emulator.reset(np.full(4, 15))
        assert len(emulator.decide(np.array([[3, 1], [-5, 2]]))) == 2


def test_reset_that_clears_nothing_is_seen() -> None:
    right = decision_verilog(CONFIG)
    stale = right.replace("if (rst)", "if (1'h0)")
    assert stale != right
    with DecisionEmulator(CONFIG, stale) as emulator:
        assert first_difference(CONFIG, emulator) is not None
