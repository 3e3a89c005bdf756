"""The cocotb bench of the decision unit: green on the unit, and a rate to compare with."""

from pathlib import Path

import numpy as np
import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.rtl_sim.decision_bench import measure_cocotb_rate, run_decision_bench
from offramp.rtl_sim.runner import available_simulators

CONFIG = DecisionConfig()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("decision")


@pytest.mark.parametrize("simulator", available_simulators())
def test_unit_passes_the_bench_with_given_logits(work: Path, simulator: str) -> None:
    rng = np.random.default_rng(0)
    logits = np.clip(np.rint(rng.normal(-20, 25, (100, 10))), -128, 127).astype(np.int8)
    said: list[str] = []
    (result,) = run_decision_bench(CONFIG, [simulator], logits, work=work, progress=said.append)
    assert said == [f"offramp_decision on {simulator}"]
    assert result.skipped == 0
    assert {name.partition("/")[0] for name in result.tests} == {
        "edge_vectors_equal_golden",
        "random_vectors_equal_golden",
        "logits_of_a_network_equal_golden",
        "latency_is_as_stated_for_every_length",
        "vectors_follow_each_other_without_a_bubble",
        "decision_is_offered_before_ready_and_held",
        "reset_in_mid_vector_leaves_nothing_behind",
        "threshold_may_change_from_vector_to_vector",
    }
    # nine pairs of stalls for each of the first three
    assert sum(name.startswith("edge_vectors_equal_golden/") for name in result.tests) == 9


@pytest.mark.parametrize(
    "config",
    [
        DecisionConfig(
            n_classes=2, logit_width=4, fraction_bits=2, mantissa_bits=4, n_exits=1, tag_width=1
        ),
        DecisionConfig(n_classes=5, logit_width=6, fraction_bits=4, n_exits=3, tag_width=32),
        DecisionConfig(n_classes=9, logit_width=6, n_exits=2, lanes=4),
    ],
    ids=["smallest", "odd", "four lanes"],
)
def test_other_configurations_pass_without_logits(config: DecisionConfig, tmp_path: Path) -> None:
    # builds in no time
    fast = available_simulators()[-1:]
    (result,) = run_decision_bench(config, fast, work=tmp_path)
    assert result.skipped == 9


def test_cocotb_decides_vectors_at_some_rate(work: Path) -> None:
    assert measure_cocotb_rate(CONFIG, work=work, n_vectors=100) > 1


def test_logits_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^Logits must be \[n, 2\.\.10\], not \[5, 11\]$"):
        run_decision_bench(CONFIG, logits=np.zeros((5, 11), int), work=tmp_path)
