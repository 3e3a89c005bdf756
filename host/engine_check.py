"""The engine's RTL against the interpreter, on random networks and random operations."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..golden.engine import EngineResults as Expected
from ..golden.engine import read_tensor, run_program
from ..golden.random_network import random_integers, random_topology
from ..golden.random_program import IMAGE_SHAPE, random_program
from ..golden.spec.program import Program
from ..rtl_sim.emulator.accelerator import EngineEmulator, EngineResults
from .compile import Compilation, CompileError, compile_network, predict_cycles

IMAGES = 6
"""Images of a random network."""

OPERATIONS = 4
"""Operations of a random program, besides the final one."""


@dataclass(frozen=True)
class Difference:
    """What differs, and in which case: that seed alone gives it again."""

    seed: int
    what: str


class EngineCheck:
    """Run random programs on an engine that nothing ran on before.

    Parameters
    ----------
    emulator : EngineEmulator
    """

    def __init__(self, emulator: EngineEmulator):
        self._emulator = emulator
        self._images = 0

    def network(self, seed: int) -> list[Difference]:
        """Compare labels, exits, scores, cycles and every layer of a random network.

        Raises
        ------
        CompileError
            The network is too large for the engine.
        """
        rng = np.random.default_rng(seed)
        topology = random_topology(lambda low, high: int(rng.integers(low, high + 1)))
        network = random_integers(topology, seed)
        network = network.with_thresholds(rng.integers(-10, 60, network.n_exits - 1).tolist())
        compilation = compile_network(network, self._emulator.config, fuse=bool(seed % 3))
        images = rng.integers(0, 256, (IMAGES, *network.input_shape), np.uint8)
        return [Difference(seed, what) for what in self.compilation(compilation, images)]

    def compilation(self, compilation: Compilation, images: NDArray[np.uint8]) -> list[str]:
        """Return what differs: results and cycles of images, every layer of the first."""
        program = compilation.program
        self._emulator.load(program)
        found = list(_results(program, self._emulator.run(images), run_program(program, images)))
        expected = _memories(program, images[0])
        memories = self._emulator.memory_after_operations(images[0])
        self._images += len(images) + 1
        if len(memories) != len(expected) - 1:
            found.append("operations that run")
        for note, memory, right in zip(compilation.notes, memories, expected, strict=False):
            layers = read_tensor(memory[None], note.writes), read_tensor(right[None], note.writes)
            if not np.array_equal(*layers):
                found.append(f"layers {note.layers}")
        return found

    def program(self, seed: int) -> list[Difference]:
        """Compare results, cycles and, behind each operation, the whole activation memory."""
        rng = np.random.default_rng(seed)
        program = random_program(rng, self._emulator.config, OPERATIONS)
        images = rng.integers(0, 256, (2, *IMAGE_SHAPE), np.uint8)
        emulator = self._emulator
        emulator.load(program)

        # what programs before have left is read too
        before = emulator.memory()
        buffer = self._next_buffer()
        golden = run_program(program, images[:1], buffer=buffer, memory=before)
        found = list(_results(program, emulator.run(images[:1]), golden))
        right = _memories(program, images[0], buffer=buffer, memory=before)[-1]
        before = emulator.memory()
        if not np.array_equal(before, right):
            found.append("memory behind the last operation")

        expected = _memories(program, images[1], buffer=self._next_buffer(), memory=before)
        memories = [*emulator.memory_after_operations(images[1]), emulator.memory()]
        if len(memories) != len(expected):
            found.append("operations that run")
        for number, pair in enumerate(zip(memories, expected, strict=False)):
            if not np.array_equal(*pair):
                found.append(f"memory behind operation {number}")
        return [Difference(seed, what) for what in found]

    def _next_buffer(self) -> int:
        self._images += 1
        return (self._images - 1) % 2


def compare_random(
    emulator: EngineEmulator, *, count: int, seed: int
) -> Iterator[tuple[str, list[Difference]]]:
    """Run `count` random networks and as many random programs on a new engine.

    Yields
    ------
    kind : str
        "network", "too large" for a network that the engine cannot hold, or "program".
    differences : list of Difference
    """
    check = EngineCheck(emulator)
    for number in range(seed, seed + count):
        try:
            yield "network", check.network(number)
        except CompileError:
            yield "too large", []
        yield "program", check.program(number)


def _results(program: Program, found: EngineResults, golden: Expected) -> Iterator[str]:
    cycles = predict_cycles(program).exits
    for name, ours, right in (
        ("labels", found.label, golden.label),
        ("exits", found.exit_index, golden.exit),
        ("scores", found.score, golden.score),
        ("cycles", found.cycles, [cycles[exit_index] for exit_index in golden.exit]),
    ):
        if not np.array_equal(ours, right):
            yield name


def _memories(
    program: Program,
    image: NDArray[np.uint8],
    buffer: int = 0,
    memory: NDArray[np.uint8] | None = None,
) -> list[NDArray[np.uint8]]:
    """Return the memory behind each operation that runs."""
    memories: list[NDArray[np.uint8]] = []
    run_program(
        program,
        image[None],
        buffer=buffer,
        memory=memory,
        watch=lambda _number, _left, memory: memories.append(memory[0].copy()),
    )
    return memories
