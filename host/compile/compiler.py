"""From a network to a program: steps, memory map, operations, checks."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np

from ...golden.network import IntegerNetwork
from ...golden.program_check import check_program
from ...golden.spec.engine import EngineConfig
from ...golden.spec.layout import AnnotatedProgram, OperationNote, TensorLayout
from ...golden.spec.operation import LOOPS, NARROW, WORDS, Operation
from ...golden.spec.program import Program
from .checks import MemoryUse, check_additions, check_counts, check_memories, check_network
from .errors import CompileError
from .graph import IMAGE, Step, steps_of
from .loops import Fields
from .lower import Lowered, lower, written_layout
from .memory import ActivationMap, Store, map_activations
from .packing import PACK_MOST, pack_pixels
from .sharing import share_lines, shared_weights

LARGEST: dict[str, Any] = {
    "activation_bytes": 1 << 19,
    "weight_lines": 1 << 19,
    "channel_lines": 1 << 12,
    "program_words": 1 << 12,
}
"""Largest memories that `EngineConfig` takes."""

SMALLEST: dict[str, Any] = {
    "activation_bytes": 1024,
    "weight_lines": 16,
    "channel_lines": 16,
    "program_words": 32,
}
"""Smallest ones."""


@dataclass(frozen=True, kw_only=True)
class Compilation(AnnotatedProgram):
    """A program, and what it takes of the engine.

    Attributes
    ----------
    uses : tuple of MemoryUse
        One for each of the four memories.
    """

    uses: tuple[MemoryUse, ...]


def compile_network(
    network: IntegerNetwork,
    config: EngineConfig,
    *,
    fuse: bool = True,
    branches: bool = True,
    keep: bool = False,
) -> Compilation:
    """Return the program of a network on an engine.

    Parameters
    ----------
    network : IntegerNetwork
        Calibrated, unless `branches` is false.
    config : EngineConfig
    fuse : bool
        Compute additions and pools together with the layer before; False writes every layer's
        output to memory.
    branches : bool
        Have the early exits.
    keep : bool
        Let every tensor stay in memory until the image is done.

    Raises
    ------
    CompileError
        The engine cannot run the network; the message says where and by how much.
    """
    check_network(network, config, branches=branches)
    steps = steps_of(network.topology, fuse=fuse, branches=branches)
    check_additions(network.name, steps, config)
    placed = _fitting(network, steps, config, keep=keep)
    steps, tensors, places, lowered = placed.steps, placed.tensors, placed.places, placed.lowered
    uses = (
        MemoryUse(memory="activation_bytes", needed=places.peak, needed_by=places.alive),
        _filled("weight_lines", placed.weight_ends),
        _filled("channel_lines", placed.channel_ends),
        _filled("program_words", [len(WORDS) * (index + 1) for index in range(len(steps))]),
    )
    check_memories(network.name, [step.place for step in steps], uses, config)
    operations = tuple(
        _operation(
            step,
            block.fields
            | {
                "weight_base": weight_base,
                "channel_base": channel_base,
                "final": step.exit_index == network.n_exits - 1,
            },
        )
        for step, block, weight_base, channel_base in zip(
            steps, lowered, placed.weight_bases, placed.channel_bases, strict=True
        )
    )
    check_counts([step.place for step in steps], operations, config.count_bits)
    # without branches nothing asks for the early ones
    early = network.thresholds or (config.decision.threshold_high,) * (network.n_exits - 1)
    program = Program(
        config=config,
        operations=operations,
        channels=tuple(np.frombuffer(placed.channels, np.uint32).tolist()),
        weights=placed.weights,
        image_base=places.bases[IMAGE],
        image_stride=places.image_stride,
        image_words=-(-tensors[IMAGE].size // 4),
        n_classes=network.n_classes,
        thresholds=(*early, config.decision.threshold_low),
    )
    check_program(program)
    notes = tuple(
        OperationNote(
            layers=tuple(layer.name for layer in step.layers),
            reads=tuple(tensors[name] for name in step.reads),
            writes=tensors[step.name],
            macs=sum(layer.macs for layer in step.layers),
        )
        for step in steps
    )
    return Compilation(name=network.name, program=program, notes=notes, uses=uses)


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """Steps with their places in the memories."""

    steps: list[Step]
    tensors: dict[str, TensorLayout]
    places: ActivationMap
    lowered: list[Lowered]
    weight_bases: list[int]
    weight_ends: list[int]
    weights: bytes
    channel_bases: list[int]
    channel_ends: list[int]
    channels: bytes

    @property
    def weight_lines(self) -> int:
        return max(self.weight_ends)

    @property
    def channel_lines(self) -> int:
        return max(self.channel_ends)


def _fitting(
    network: IntegerNetwork, steps: list[Step], config: EngineConfig, *, keep: bool
) -> _Placed:
    """Return steps in the memories, as fast as these have room for."""
    for most in PACK_MOST:
        placed = _place(network, pack_pixels(steps, config, most), config, keep=keep)
        while (missing := placed.weight_lines - config.weight_lines) > 0:
            shared = share_lines(placed.steps, placed.lowered, missing, config)
            if shared is None:
                break
            placed = _place(network, shared, config, keep=keep)
        if missing <= 0 and placed.channel_lines <= config.channel_lines:
            break
    return placed


def _place(
    network: IntegerNetwork, steps: list[Step], config: EngineConfig, *, keep: bool
) -> _Placed:
    """Return steps with the places of what they read and write, and of their weights."""
    tensors = {step.name: written_layout(step, config) for step in steps}
    _, width, n_channels = network.input_shape
    tensors[IMAGE] = TensorLayout(
        name=IMAGE,
        shape=network.input_shape,
        signed=False,
        base=0,
        row_step=width * n_channels,
        pixel_step=n_channels,
    )
    sizes = {name: tensor.size for name, tensor in tensors.items()}
    places = map_activations(steps, sizes, 2 * config.in_lanes, keep=keep)
    tensors = {name: replace(t, base=places.bases[name]) for name, t in tensors.items()}
    lowered = [lower(step, network.parameters, tensors, config) for step in steps]

    blocks = {step.name: block.weights for step, block in zip(steps, lowered, strict=True)}
    of = {step.name: step.sharing.host if step.sharing else step.name for step in steps}
    for guest, host in of.items():
        if guest != host:
            blocks[host] = shared_weights(blocks[guest], blocks[host])
    store = Store()
    bases = [store.add(blocks[of[step.name]].tobytes()) // config.line_bytes for step in steps]
    channels = Store()
    channel_bases = [
        channels.add(block.channels.tobytes()) // block.channels[0].nbytes for block in lowered
    ]
    return _Placed(
        steps=steps,
        tensors=tensors,
        places=places,
        lowered=lowered,
        weight_bases=bases,
        weight_ends=[
            base + len(blocks[of[step.name]]) for base, step in zip(bases, steps, strict=True)
        ],
        weights=bytes(store.content),
        channel_bases=channel_bases,
        channel_ends=[
            base + len(block.channels) for base, block in zip(channel_bases, lowered, strict=True)
        ],
        channels=bytes(channels.content),
    )


def fitting_engine(
    network: IntegerNetwork,
    config: EngineConfig,
    *,
    fuse: bool = True,
    branches: bool = True,
    keep: bool = False,
) -> EngineConfig:
    """Return `config` with all that a network needs: memories, counts, residual additions."""
    options = {"fuse": fuse, "branches": branches, "keep": keep}
    with suppress(CompileError):
        # what fits only in lines that are shared is shared
        compile_network(network, config, **options)
        return config
    largest = replace(config, residual=True, count_bits=NARROW, **LARGEST)
    compilation = compile_network(network, largest, **options)
    sizes: dict[str, Any] = {
        use.memory: max(use.needed, getattr(config, use.memory)) for use in compilation.uses
    }
    operations = compilation.program.operations
    adds = any(operation.residual for operation in operations)
    counts = [getattr(op, name) for op in operations for name in (*LOOPS, "tile_spacing")]
    bits = max(config.count_bits, (max(counts) - 1).bit_length())
    return replace(config, residual=config.residual or adds, count_bits=bits, **sizes)


def smallest_engine(network: IntegerNetwork, config: EngineConfig) -> EngineConfig:
    """Return `config` with memories of just what a network needs."""
    return fitting_engine(network, replace(config, **SMALLEST))


def _filled(memory: str, ends: Sequence[int]) -> MemoryUse:
    """Return the use of a memory that is filled step by step up to `ends`."""
    return MemoryUse(memory=memory, needed=max(ends), needed_by=tuple(accumulate(ends, max)))


def _operation(step: Step, fields: Fields) -> Operation:
    try:
        return Operation(**fields)
    except ValueError as error:
        raise CompileError(f"{error} (in {step.place})") from error
