import numpy as np
import pytest

from offramp.golden.engine import run_program
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.host.compile import compile_network, predict_cycles
from offramp.host.workflow import splits_of_network
from offramp.rtl_sim.emulator.accelerator import EngineEmulator
from offramp.rtl_sim.emulator.library import EmulationError


@pytest.fixture(scope="module")
def network():
    return load_network("zoo:digits")


@pytest.fixture(scope="module")
def images(network):
    return splits_of_network(network, None).test.images


@pytest.fixture(scope="module")
def program(network):
    return compile_network(network, ENGINES["16"]).program


@pytest.fixture
def emulator(program):
    with EngineEmulator(program.config) as engine:
        engine.load(program)
        yield engine


def test_labels_exits_and_scores_of_all_test_images_equal_golden(emulator, program, images):
    golden = run_program(program, images)
    assert len(set(golden.exit)) == 3
    results = emulator.run(images)
    assert np.array_equal(results.label, golden.label)
    assert np.array_equal(results.exit_index, golden.exit)
    assert np.array_equal(results.score, golden.score)


def test_memory_behind_each_operation_equals_golden(emulator, program, network, images):
    # an image that goes through all operations
    exits = run_program(program, images).exit
    image = images[np.flatnonzero(exits == network.n_exits - 1)[0]]
    golden = []
    run_program(
        program, image[None], watch=lambda _number, _left, memory: golden.append(memory[0].copy())
    )
    memories = emulator.memory_after_operations(image)
    assert len(memories) == len(program.operations) - 1
    for memory, expected in zip(memories, golden, strict=False):
        assert np.array_equal(memory, expected)


def test_cycles_are_as_predicted(emulator, program, images):
    prediction = predict_cycles(program)
    results = emulator.run(images[:60])
    assert len(set(results.exit_index)) == 3
    expected = [prediction.exits[exit_index] for exit_index in results.exit_index]
    assert results.cycles.tolist() == expected
    # images are loaded meanwhile: none waits
    intervals = [prediction.interval(exit_index) for exit_index in results.exit_index[1:]]
    assert np.diff(results.finished).tolist() == intervals


@pytest.mark.parametrize("stall", [0.5, 0.95])
def test_stalls_change_nothing_but_the_time(emulator, program, images, stall):
    golden = run_program(program, images[:20])
    for stalls in (
        {"stall_in": stall},
        {"stall_out": stall},
        {"stall_in": stall, "stall_out": stall},
    ):
        results = emulator.run(images[:20], seed=1, **stalls)
        assert np.array_equal(results.label, golden.label)
        assert np.array_equal(results.exit_index, golden.exit)
        assert np.array_equal(results.score, golden.score)


def test_thresholds_steer_the_engine(emulator, program, images):
    low, high = (
        program.config.decision.threshold_low,
        program.config.decision.threshold_high,
    )
    emulator.set_thresholds((low, low, low))
    assert set(emulator.run(images[:5]).exit_index) == {0}
    emulator.set_thresholds((high, low, low))
    assert set(emulator.run(images[:5]).exit_index) == {1}


def test_image_of_another_size_is_refused(emulator):
    with pytest.raises(ValueError, match="Images must have 16 words of four bytes, not 49 bytes"):
        emulator.run(np.zeros((1, 7, 7, 1), np.uint8))


def test_images_of_another_type_are_refused(emulator):
    with pytest.raises(TypeError, match="Images must be an array of uint8, not float64"):
        emulator.run(np.zeros((1, 8, 8, 1)))


def test_engine_without_program_is_refused(program, images):
    with EngineEmulator(program.config) as engine:
        with pytest.raises(EmulationError, match="Program must be loaded"):
            engine.run(images)
