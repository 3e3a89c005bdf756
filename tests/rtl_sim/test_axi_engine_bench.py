"""The cocotb bench of the engine with buses is green."""

from pathlib import Path

from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.host.accelerator import engine_case
from offramp.host.workflow import splits_of_network
from offramp.rtl_sim.axi_engine_bench import run_axi_engine_bench


def test_engine_passes_the_bench(tmp_path: Path) -> None:
    network = load_network("zoo:digits")
    images = splits_of_network(network, None).test.images
    case = engine_case(network, ENGINES["16"], images, 6)
    assert {result.exit_index for result in case.results} == {0, 1, 2}
    said: list[str] = []
    result = run_axi_engine_bench(case, work=tmp_path, progress=said.append)
    assert said == ["offramp_accelerator_axi on verilator"]
    assert result.skipped == 0
    assert {name.partition("/")[0] for name in result.tests} == {
        "registers_say_what_is_there",
        "results_are_right",
        "reset_leaves_nothing_behind",
        "abort_drops_what_is_inside",
        "results_wait_for_the_receiver",
        "images_of_another_size_are_dropped_alone",
        "illegal_programs_are_reported_and_the_next_image_is_right",
        "a_program_without_end_is_reported",
        "watchdog_is_exact",
        "a_held_engine_shows_its_memory",
        "loading_waits_for_an_idle_engine",
        "a_disabled_engine_finishes_images_and_begins_none",
        "interrupts_are_enabled_one_by_one",
    }
