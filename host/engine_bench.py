"""What the engine does with a network: exactness, cycles, gain from exits, speed of emulation."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..golden.data import Dataset
from ..golden.network import IntegerNetwork
from ..golden.spec.program import Program
from ..rtl_sim.emulator.accelerator import EngineEmulator
from . import accelerator
from .compile import compile_network, exit_machinery_cycles, predict_cycles
from .devices import GoldenDevice
from .pipeline import run, set_rules, unit_config
from .results import Results

SPEED_IMAGES = 20
"""Images of the run that is timed, in one process."""

Progress = Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class EngineMeasurement:
    """One network on one engine.

    Attributes
    ----------
    network, engine : str
    images : int
        Of the test split, that were run.
    layers_compared, layers_differing : int
        Outputs of layers of single images, RTL against golden.
    results_differing : int
        Images of which label, exit or score is not golden's.
    cycles_differing : int
        Images whose cycles are not those predicted.
    cycles_at_exit : tuple of int
    cycles_whole : int
        Of an image that no early exit takes.
    percent_of_peak : float
        Useful multiply-accumulates over those that the array could do, all exits computed, none
        taken; positions in the padding count, as everywhere, and the engine skips rows of it.
    cycles_without_exits : int
        Of the same network without early exits on the same engine.
    mean_cycles : float
    gain : float
        `cycles_without_exits` over `mean_cycles`.
    percent_lost : float
        Of the mean, what deciding costs: see `exit_machinery_cycles`.
    accuracy, accuracy_without_exits : float
    cycles_a_second : float
        Of the emulation, in one process.
    """

    network: str
    engine: str
    images: int
    layers_compared: int
    layers_differing: int
    results_differing: int
    cycles_differing: int
    cycles_at_exit: tuple[int, ...]
    cycles_whole: int
    percent_of_peak: float
    cycles_without_exits: int
    mean_cycles: float
    gain: float
    percent_lost: float
    accuracy: float
    accuracy_without_exits: float
    cycles_a_second: float


def measure_engine(
    name: str,
    network: IntegerNetwork,
    engine: str,
    test: Dataset,
    *,
    layer_images: int,
    progress: Progress | None = None,
) -> EngineMeasurement:
    """Run a test split on an engine and compare all with golden.

    Parameters
    ----------
    name : str
        Of the network, for the report.
    network : IntegerNetwork
        Calibrated.
    engine : str
        One of `offramp.golden.spec.engine.ENGINES`.
    test : Dataset
    layer_images : int
        Images of which every layer is compared.
    progress : callable, optional
        Called with what is done and the number of images.
    """
    tell = progress or (lambda _what, _done: None)
    compared, difference = accelerator.check_layers(
        network,
        engine,
        test.images[:layer_images],
        progress=lambda done: tell("layers", done),
    )
    results = accelerator.run_network(
        network, engine, test.images, progress=lambda done: tell("images", done)
    )
    assert results.cycles is not None
    golden = _golden(network, test.images)
    config = accelerator.engine_for(network, engine)
    program = compile_network(network, config).program
    prediction = predict_cycles(program)
    predicted = np.array([prediction.exits[index] for index in range(network.n_exits)])
    without = accelerator.cycles_without_exits(network, engine)
    last = network.forward(test.images)[-1]
    mean = float(results.cycles.mean())
    machinery = np.array([exit_machinery_cycles(config, index) for index in range(network.n_exits)])
    return EngineMeasurement(
        network=name,
        engine=engine,
        images=len(test),
        layers_compared=compared,
        layers_differing=int(difference is not None),
        results_differing=results.differences(golden),
        cycles_differing=int((results.cycles != predicted[results.exit_index]).sum()),
        cycles_at_exit=tuple(int(cycles) for cycles in predicted),
        cycles_whole=prediction.whole,
        percent_of_peak=100 * network.macs_at_exit[-1] / (prediction.whole * config.macs),
        cycles_without_exits=without,
        mean_cycles=mean,
        gain=without / mean,
        percent_lost=100 * float(machinery[results.exit_index].mean()) / mean,
        accuracy=results.accuracy(test.labels),
        accuracy_without_exits=float((last.argmax(axis=1) == test.labels).mean()),
        cycles_a_second=_emulation_speed(program, test.images[:SPEED_IMAGES]),
    )


def _golden(network: IntegerNetwork, images: npt.NDArray[np.uint8]) -> Results:
    with GoldenDevice(unit_config(network)) as device:
        set_rules(network, device)
        return run(network, device, images)


def _emulation_speed(program: Program, images: npt.NDArray[np.uint8]) -> float:
    with EngineEmulator(program.config) as emulator:
        emulator.load(program)
        emulator.run(images[:1])
        cycles = emulator.cycles
        start = time.process_time()
        emulator.run(images)
        return (emulator.cycles - cycles) / (time.process_time() - start)
