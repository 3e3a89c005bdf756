"""The decision unit in Amaranth's simulator, through its streams only."""

import pytest
from amaranth.hdl import signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision import Decision, DecisionUnit, LogitBeat
from offramp.rtl_sim.stimuli import Vector, Workload, edge_workloads, expected_outcomes
from offramp.rtl_sim.stimuli import random_workload as random_vectors
from tests.comparison import elaborated_unit
from tests.hw.unit_bench import RATES, UnitBench

CONFIGS = {
    "default": DecisionConfig(),
    "smallest": DecisionConfig(
        n_classes=2, logit_width=4, fraction_bits=2, mantissa_bits=4, n_exits=1, tag_width=1
    ),
    "odd": DecisionConfig(
        n_classes=5, logit_width=6, fraction_bits=4, mantissa_bits=5, n_exits=3, tag_width=11
    ),
}

each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def check(config: DecisionConfig, workload: Workload, *, idle: str, stall: str) -> None:
    run = UnitBench(DecisionUnit(config), config, workload, idle=idle, stall=stall).run()
    assert run.outcomes == expected_outcomes(config, workload)
    assert run.tags == [place % (1 << config.tag_width) for place in range(len(run.tags))]


@each_config
def test_signature_is_two_streams_and_a_threshold_for_each_exit(config: DecisionConfig) -> None:
    assert elaborated_unit(config).signature == wiring.Signature(
        {
            "i": In(stream.Signature(LogitBeat(config))),
            "o": Out(stream.Signature(Decision(config))),
            "thresholds": In(signed(config.threshold_format.width)).array(config.n_exits),
        }
    )


@each_config
def test_edge_vectors_equal_golden(config: DecisionConfig) -> None:
    for workload in edge_workloads(config):
        check(config, workload, idle="never", stall="never")


@pytest.mark.parametrize("idle", RATES)
@pytest.mark.parametrize("stall", RATES)
def test_random_vectors_equal_golden_under_stalls(idle: str, stall: str) -> None:
    config = CONFIGS["odd"]
    check(config, random_vectors(config, 40, seed=1), idle=idle, stall=stall)


@each_config
def test_latency_is_as_stated_for_every_length_and_without_a_bubble(
    config: DecisionConfig,
) -> None:
    workload = random_vectors(config, 30, seed=2)
    run = UnitBench(DecisionUnit(config), config, workload).run()
    latency = elaborated_unit(config).latency
    measured = zip(run.last_taken, run.offered, strict=True)
    assert {offered - taken for taken, offered in measured} == {latency}
    assert run.waited == 0
    n_beats = sum(len(vector.logits) for vector in workload.vectors)
    assert run.last_taken[-1] == n_beats


def test_threshold_is_that_of_the_exit_in_the_cycle_after_the_last_logit() -> None:
    config = CONFIGS["odd"]
    workload = random_vectors(config, 60, seed=3)
    thresholds = [random_vectors(config, 5, seed).thresholds for seed in range(60)]
    run = UnitBench(DecisionUnit(config), config, workload, thresholds=thresholds).run()
    expected = [
        expected_outcomes(config, Workload(of_vector, (vector,)))[0]
        for of_vector, vector in zip(thresholds, workload.vectors, strict=True)
    ]
    assert {outcome.exit for outcome in expected} == {False, True}
    assert run.outcomes == expected


def test_unit_takes_no_logit_while_a_decision_waits_and_loses_none() -> None:
    config = CONFIGS["default"]
    workload = Workload((0, 0), tuple(Vector((place, 0)) for place in range(1, 30)))
    run = UnitBench(DecisionUnit(config), config, workload, stall="mostly").run()
    assert run.waited > 29
    assert run.outcomes == expected_outcomes(config, workload)
