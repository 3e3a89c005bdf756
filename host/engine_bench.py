"""What the engine does with a network: exactness, cycles, gain from exits, speed of emulation."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..golden.data import Dataset
from ..golden.network import IntegerNetwork
from ..golden.spec.program import Program
from ..hw.engine.delivery import engine_verilog
from ..rtl_sim.emulator.accelerator import EngineEmulator, EngineResults
from . import accelerator
from .compile import CyclePrediction, compile_network, exit_machinery_cycles, predict_cycles
from .devices import GoldenDevice
from .pipeline import run, set_rules, unit_config
from .results import Results

SPEED_IMAGES = 20
SPEED_SECONDS = 2
"""The emulation is timed on so many images, again and again for so many seconds."""

OFF_IMAGES = 20
"""Images that also run with exits off and without exit branches: their cycles are all the same."""

Progress = Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class EngineMeasurement:
    """One network on one engine.

    Attributes
    ----------
    network, engine : str
    images : int
        Of the test split, that were run.
    layer_images, layers_compared, layers_differing : int
        Images of which all layers were compared, their outputs of operations, RTL against golden,
        and how many differ; the comparison ends at the first.
    results_differing : int
        Images of which label, exit or score is not golden's.
    cycles_differing : int
        Images whose cycles are not those predicted.
    restarts_differing : int
        Images that do not end as many cycles behind the image before as predicted.
    off_images, off_differing : int
        Images run with exits off and without exit branches, and those of which label, score or
        cycles are not golden's and those predicted.
    cycles_at_exit : tuple of int
    cycles_exits_off : int
        Of an image that goes through the same program and takes no exit.
    cycles_without_exits : int
        Of the same network compiled without early exits for the same engine.
    percent_of_peak, percent_of_peak_without_exits : float
        Useful multiply-accumulates over those that the array could do, of these two; positions in
        the padding count, as everywhere, and the engine skips rows of it.
    mean_cycles : float
        Of the images.
    gain, gain_same_program : float
        `cycles_without_exits` and `cycles_exits_off` over `mean_cycles`.
    percent_lost : float
        Of the mean, what deciding costs: see `exit_machinery_cycles`.
    accuracy, accuracy_without_exits : float
    emulated_cpu, emulated_wall : float
        Cycles a second of the emulation in one process, by its CPU time and by the clock.
    seconds, cpu_seconds : float
        Of the images, by the clock, and of all processes together.
    jobs : int
        Processes that they took.
    """

    network: str
    engine: str
    images: int
    layer_images: int
    layers_compared: int
    layers_differing: int
    results_differing: int
    cycles_differing: int
    restarts_differing: int
    off_images: int
    off_differing: int
    cycles_at_exit: tuple[int, ...]
    cycles_exits_off: int
    cycles_without_exits: int
    percent_of_peak: float
    percent_of_peak_without_exits: float
    mean_cycles: float
    gain: float
    gain_same_program: float
    percent_lost: float
    accuracy: float
    accuracy_without_exits: float
    emulated_cpu: float
    emulated_wall: float
    seconds: float
    cpu_seconds: float
    jobs: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing differs."""
        return not (
            self.layers_differing
            or self.results_differing
            or self.cycles_differing
            or self.restarts_differing
            or self.off_differing
        )


def measurement_key(network: IntegerNetwork, engine: str, test: Dataset, layer_images: int) -> str:
    """Return a name for the work: the RTL, the program and the images decide it."""
    config = accelerator.engine_for(network, engine)
    program = compile_network(network, config).program
    parts = [engine_verilog(config).encode(), test.images.tobytes(), str(layer_images).encode()]
    parts += [repr((program.words, program.channels, program.thresholds)).encode()]
    parts += [program.weights, repr(list(EngineMeasurement.__dataclass_fields__)).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def measure_engine(
    name: str,
    network: IntegerNetwork,
    engine: str,
    test: Dataset,
    *,
    layer_images: int,
    jobs: int,
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
    jobs : int
        Processes.
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
    config = accelerator.engine_for(network, engine)
    program = compile_network(network, config).program
    prediction = predict_cycles(program)
    # compiled before the time is taken
    accelerator.run_on_engine(program, test.images[:1])
    start, cpu_start = time.perf_counter(), _cpu_seconds()
    given = accelerator.run_on_engine(
        program, test.images, workers=jobs, progress=lambda done: tell("images", done)
    )
    seconds, cpu_seconds = time.perf_counter() - start, _cpu_seconds() - cpu_start
    results = accelerator.as_results(network, given)
    whole = accelerator.exits_off(network)
    without = accelerator.program_without_exits(network, engine)
    off = [
        _compare_off(whole, off_program, test.images[:OFF_IMAGES])
        for off_program in (compile_network(whole, config).program, without)
    ]
    cycles_off, cycles_without = prediction.whole, predict_cycles(without).whole
    last = network.forward(test.images)[-1]
    mean = float(given.cycles.mean())
    machinery = [exit_machinery_cycles(program, index) for index in range(network.n_exits)]
    cpu, wall = _emulation_speed(program, test.images[:SPEED_IMAGES])
    return EngineMeasurement(
        network=name,
        engine=engine,
        images=len(test),
        layer_images=layer_images,
        layers_compared=compared,
        layers_differing=int(difference is not None),
        results_differing=results.differences(_golden(network, test.images)),
        cycles_differing=_cycles_differing(given, prediction),
        restarts_differing=_restarts_differing(given, prediction),
        off_images=sum(images for images, _ in off),
        off_differing=sum(differing for _, differing in off),
        cycles_at_exit=tuple(prediction.exits[index] for index in range(network.n_exits)),
        cycles_exits_off=cycles_off,
        cycles_without_exits=cycles_without,
        percent_of_peak=100 * network.macs_at_exit[-1] / (cycles_off * config.macs),
        percent_of_peak_without_exits=100 * network.macs_total / (cycles_without * config.macs),
        mean_cycles=mean,
        gain=cycles_without / mean,
        gain_same_program=cycles_off / mean,
        percent_lost=100 * float(np.array(machinery)[results.exit_index].mean()) / mean,
        accuracy=results.accuracy(test.labels),
        accuracy_without_exits=float((last.argmax(axis=1) == test.labels).mean()),
        emulated_cpu=cpu,
        emulated_wall=wall,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        jobs=jobs,
    )


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of those that it started and that ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _golden(network: IntegerNetwork, images: npt.NDArray[np.uint8]) -> Results:
    with GoldenDevice(unit_config(network)) as device:
        set_rules(network, device)
        return run(network, device, images)


def _cycles_differing(given: EngineResults, prediction: CyclePrediction) -> int:
    right = [prediction.exits[exit_index] for exit_index in given.exit_index.tolist()]
    return int((given.cycles != right).sum())


def _restarts_differing(given: EngineResults, prediction: CyclePrediction) -> int:
    """Count the images that begin too late, or too early: those first in a run begin when sent."""
    right = [prediction.interval(exit_index) for exit_index in given.exit_index[1:].tolist()]
    follows = np.arange(1, len(given.finished)) % accelerator.CHUNK != 0
    return int((np.diff(given.finished) != right)[follows].sum())


def _compare_off(
    whole: IntegerNetwork, program: Program, images: npt.NDArray[np.uint8]
) -> tuple[int, int]:
    """Count images, and those with other labels, scores or cycles than those of the last exit."""
    golden = _golden(whole, images)
    given = accelerator.run_on_engine(program, images, workers=1)
    wrong = (given.label != golden.label) | (given.score != golden.score)
    wrong |= given.cycles != predict_cycles(program).whole
    # the highest threshold may be reached yet
    last = golden.exit_index == whole.n_exits - 1
    return int(last.sum()), int(wrong[last].sum())


def _emulation_speed(program: Program, images: npt.NDArray[np.uint8]) -> tuple[float, float]:
    with EngineEmulator(program.config) as emulator:
        emulator.load(program)
        emulator.run(images[:1])
        cycles, wall, cpu = emulator.cycles, time.perf_counter(), time.process_time()
        while (spent := time.process_time() - cpu) < SPEED_SECONDS:
            emulator.run(images)
        cycles = emulator.cycles - cycles
        return cycles / spent, cycles / (time.perf_counter() - wall)
