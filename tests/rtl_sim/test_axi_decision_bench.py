"""The cocotb bench of the decision unit with buses is green on the unit.

Units of other shapes: `offramp bench buses`, and one of them in `tests/host/test_bench_buses.py`.
"""

from pathlib import Path

import pytest

from offramp.rtl_sim.axi_decision_bench import BUS_CONFIGS, run_axi_decision_bench
from offramp.rtl_sim.runner import available_simulators


@pytest.mark.parametrize("name", ["three-exits", "all-criteria"])
def test_unit_passes_the_bench(name: str, tmp_path: Path) -> None:
    # builds in no time
    fast = available_simulators()[-1:]
    said: list[str] = []
    (result,) = run_axi_decision_bench(
        BUS_CONFIGS[name], fast, work=tmp_path, n_vectors=25, progress=said.append
    )
    assert said == [f"offramp_decision_axi on {fast[0]}"]
    assert result.skipped == 0
    assert {test.partition("/")[0] for test in result.tests} >= {
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
