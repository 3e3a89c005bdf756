"""The same program and images on all simulators."""

from dataclasses import replace

import pytest

from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.host.accelerator import engine_case
from offramp.host.workflow import splits_of_network
from offramp.rtl_sim import engine_speed
from offramp.rtl_sim.runner import BenchError

MOST_CYCLES_TO_THE_NEXT_IMAGE = 64


@pytest.fixture(scope="module")
def case():
    network = load_network("zoo:digits")
    return engine_case(network, ENGINES["16"], splits_of_network(network, None).test.images, 4)


def test_all_simulators_give_the_right_results_and_the_next_image_begins_soon(
    case, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine_speed, "EMULATOR_SECONDS", 0.1)
    speed = engine_speed.measure_engine_speed(case, work=tmp_path)
    assert speed.emulator > speed.cocotb > speed.amaranth > 0
    assert len(speed.restarts) == 3
    assert 0 < max(speed.restarts) <= MOST_CYCLES_TO_THE_NEXT_IMAGE


@pytest.mark.parametrize("measure", [engine_speed._emulator_rate, engine_speed._amaranth_rate])
def test_wrong_result_is_no_speed(case, measure):
    first, *others = case.results
    wrong = replace(case, results=(replace(first, cycles=first.cycles + 1), *others))
    with pytest.raises(BenchError, match="must be"):
        measure(wrong)
