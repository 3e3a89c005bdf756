"""The cocotb bench of the decision unit with buses is green on the unit, whatever its shape."""

from pathlib import Path

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.rtl_sim.axi_decision_bench import run_axi_decision_bench
from offramp.rtl_sim.runner import available_simulators


@pytest.mark.parametrize(
    "config",
    [
        DecisionConfig(n_classes=6, n_exits=3),
        DecisionConfig(n_classes=2, logit_width=4, fraction_bits=2, n_exits=1, tag_width=1),
        DecisionConfig(n_classes=5, logit_width=12, fraction_bits=6, n_exits=4, tag_width=28),
        DecisionConfig(n_classes=5, n_exits=3, criteria=("confidence", "margin")),
        DecisionConfig(n_classes=5, n_exits=3, criteria=("entropy",)),
        DecisionConfig(
            n_classes=5,
            n_exits=3,
            tag_width=6,
            criteria=("confidence", "margin", "entropy", "gate", "patience"),
        ),
    ],
    ids=["three exits", "smallest", "wide", "two criteria", "entropy", "all criteria"],
)
def test_unit_passes_the_bench(config: DecisionConfig, tmp_path: Path) -> None:
    # builds in no time
    fast = available_simulators()[-1:]
    said: list[str] = []
    (result,) = run_axi_decision_bench(
        config,
        fast,
        work=tmp_path,
        n_vectors=150 if config.criteria == ("confidence",) else 40,
        progress=said.append,
    )
    assert said == [f"offramp_decision_axi on {fast[0]}"]
    assert result.skipped == (config.n_classes < 3)
    assert {name.partition("/")[0] for name in result.tests} >= {
        "random_traffic_equals_golden",
        "thresholds_race_with_vectors",
        "reset_in_mid_vector_leaves_nothing_behind",
        "every_address_answers_as_golden",
        "disabled_unit_finishes_a_vector_and_begins_none",
        "latency_is_as_stated",
        "reads_go_between_decisions",
        "clearing_status_races_with_errors",
        "partial_writes_change_nothing",
        "clearing_races_with_decisions",
        "decision_is_offered_before_ready_and_held",
    }
