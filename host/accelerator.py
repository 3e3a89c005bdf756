"""Run a whole network on the engine in RTL, in several processes, and compare it with golden."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..golden.engine import read_tensor, run_program
from ..golden.files import replacing
from ..golden.network import IntegerNetwork
from ..golden.spec.engine import ENGINES, EngineConfig
from ..golden.spec.program import Program
from ..rtl_sim.emulator.accelerator import EngineEmulator, EngineResults
from ..rtl_sim.engine_case import EngineCase, RightResult
from .compile import compile_network, fitting_engine, predict_cycles
from .pipeline import unit_config
from .results import Results

CHUNK = 16
"""Images that a process runs at a time: the progress bar moves that often."""

Progress = Callable[[int], None]

_emulators: dict[EngineConfig, EngineEmulator] = {}
"""The emulator of this process: loading a library once is enough."""


@dataclass(frozen=True)
class LayerDifference:
    """The first byte of an operation's output that is not golden's."""

    layers: tuple[str, ...]
    image: int


def engine_for(network: IntegerNetwork, name: str, *, branches: bool = True) -> EngineConfig:
    """Return the named engine, with memories and decision unit that suffice for a network."""
    return fitting_engine(network, with_unit_for(network, ENGINES[name]), branches=branches)


def with_unit_for(network: IntegerNetwork, config: EngineConfig) -> EngineConfig:
    """Return an engine with a decision unit that suffices for a network, its memories as given."""
    decision = replace(
        config.decision,
        n_classes=max(config.decision.n_classes, network.n_classes),
        n_exits=max(config.decision.n_exits, network.n_exits),
        fraction_bits=network.fraction_bits,
    )
    return replace(config, decision=decision)


def run_on_engine(
    program: Program,
    images: npt.NDArray[np.uint8],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> EngineResults:
    """Run images uint8 [n, H, W, C] on the emulated engine and return what it gave for each.

    Parameters
    ----------
    program : Program
    images : uint8 [n, H, W, C]
    workers : int, optional
        Processes; as many as there are cores unless given, and one for few images.
    progress : callable, optional
        Called with the number of images done.

    Raises
    ------
    offramp.rtl_sim.verilator.ToolError
        The emulator cannot be compiled.
    """
    # compiled here, so that processes do not compile it side by side
    _emulator(program)
    starts = range(0, len(images), CHUNK)
    n_workers = min(workers or os.cpu_count() or 1, len(starts))
    parts: list[EngineResults] = []
    jobs = ((program, images[start : start + CHUNK]) for start in starts)
    with _mapper(n_workers) as mapper:
        for part in mapper(_run_chunk, jobs):
            parts.append(part)
            if progress:
                progress(sum(len(done.label) for done in parts))
    fields = EngineResults.__dataclass_fields__
    return EngineResults(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in fields}
    )


def run_network(
    network: IntegerNetwork,
    name: str,
    images: npt.NDArray[np.uint8],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Results:
    """Compile a network for the named engine, run images and return their results, with cycles."""
    program = compile_network(network, engine_for(network, name)).program
    return as_results(network, run_on_engine(program, images, workers=workers, progress=progress))


def as_results(network: IntegerNetwork, given: EngineResults) -> Results:
    """Return what the engine gave as results of the network."""
    exits = given.exit_index.astype(np.int64)
    return Results(
        given.label.astype(np.int64),
        exits,
        given.score.astype(np.int64),
        np.asarray(network.macs_at_exit, np.int64)[exits],
        network.n_exits,
        cycles=given.cycles,
    )


def write_waveform(
    network: IntegerNetwork, name: str, image: npt.NDArray[np.uint8], path: Path
) -> int:
    """Write every signal of the engine that runs an image uint8 [H, W, C] to an FST file.

    Returns
    -------
    int
        Cycles of the image.

    Raises
    ------
    ValueError
        The file has another suffix.
    """
    if path.suffix != ".fst":
        raise ValueError(f"Waveform file must end in .fst, not {path.name!r}")
    program = compile_network(network, engine_for(network, name)).program
    with EngineEmulator(program.config, waveform=True) as emulator, replacing(path) as temporary:
        emulator.load(program)
        return int(emulator.write_waveform(image, temporary).cycles[0])


def exits_off(network: IntegerNetwork) -> IntegerNetwork:
    """Return the network with thresholds that a score reaches rarely if ever."""
    high = unit_config(network).threshold_high
    return network.with_thresholds((high,) * (network.n_exits - 1))


def program_without_exits(network: IntegerNetwork, name: str) -> Program:
    """Return the program, for the same engine, of the network without its early exits."""
    return compile_network(network, engine_for(network, name), branches=False).program


def check_layers(
    network: IntegerNetwork,
    name: str,
    images: npt.NDArray[np.uint8],
    *,
    progress: Progress | None = None,
) -> tuple[int, LayerDifference | None]:
    """Compare the memory behind each operation, every layer written, with the interpreter's.

    All images go through all operations, whatever the exits say.

    Returns
    -------
    compared : int
        Operations that were compared, of all images.
    difference : LayerDifference or None
        The first one.
    """
    # an exit that is taken nevertheless stops both alike
    whole = exits_off(network)
    config = fitting_engine(whole, engine_for(whole, name), fuse=False)
    compilation = compile_network(whole, config, fuse=False)
    emulator = _emulator(compilation.program)
    compared = 0
    for number, image in enumerate(images):
        expected: list[npt.NDArray[np.uint8]] = []
        run_program(
            compilation.program,
            image[None],
            watch=lambda _number, _left, memories: expected.append(memories[0].copy()),  # noqa: B023
        )
        memories = emulator.memory_after_operations(image)
        for note, memory, golden in zip(compilation.notes, memories, expected, strict=False):
            # the layer's values only: what lies between may be left from the image before
            layer = read_tensor(memory[None], note.writes)
            if not np.array_equal(layer, read_tensor(golden[None], note.writes)):
                return compared, LayerDifference(note.layers, number)
            compared += 1
        if progress:
            progress(number + 1)
    return compared, None


def engine_case(
    network: IntegerNetwork, config: EngineConfig, images: npt.NDArray[np.uint8], n: int
) -> EngineCase:
    """Return the program of a network with `n` of the images: all exits, mostly the first.

    Raises
    ------
    CompileError
        The network does not fit the engine.
    """
    program = compile_network(network, config).program
    golden = run_program(program, images)
    cycles = predict_cycles(program).exits
    # the first of each exit, then as they come
    chosen = [int(np.flatnonzero(golden.exit == k)[0]) for k in np.unique(golden.exit)]
    others = (int(k) for k in np.flatnonzero(golden.exit == 0))
    chosen += [k for k in others if k not in chosen][: n - len(chosen)]
    size = 4 * program.image_words
    return EngineCase(
        program=program,
        images=tuple(images[k].tobytes().ljust(size, b"\0") for k in chosen),
        results=tuple(
            RightResult(
                label=int(golden.label[k]),
                exit_index=int(golden.exit[k]),
                score=int(golden.score[k]),
                cycles=cycles[int(golden.exit[k])],
            )
            for k in chosen
        ),
    )


def _emulator(program: Program) -> EngineEmulator:
    emulator = _emulators.get(program.config)
    if emulator is None:
        emulator = _emulators[program.config] = EngineEmulator(program.config)
    if emulator.program is not program:
        emulator.load(program)
    return emulator


@contextmanager
def _mapper(n_workers: int) -> Iterator[Callable[..., Iterator[EngineResults]]]:
    """Give a `map` over processes, or the plain one if one is enough."""
    if n_workers <= 1:
        yield map
        return
    # forked processes would share the threads of torch
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        yield pool.map


def _run_chunk(job: tuple[Program, npt.NDArray[np.uint8]]) -> EngineResults:
    program, images = job
    return _emulator(program).run(images)
