"""Tensors that are alive at once lie apart; blocks are stored once."""

from itertools import pairwise

import numpy as np
import pytest

from offramp.golden.network_file import load_network
from offramp.golden.random_network import random_integers, random_topology
from offramp.golden.spec.engine import ENGINES
from offramp.golden.spec.layout import TensorLayout
from offramp.host.compile import Compilation, compile_network, fitting_engine
from offramp.host.compile.memory import Store


def assert_apart(compilation: Compilation, *, keep: bool = False) -> int:
    """Check all pairs of tensors that are alive during an operation; return how many sums."""
    program, notes = compilation.program, compilation.notes
    last_read = {read.name: number for number, note in enumerate(notes) for read in note.reads}
    tensors = {note.writes.name: note.writes for note in notes}
    written = {note.writes.name: number for number, note in enumerate(notes)}
    images = range(program.image_base, program.image_base + 2 * program.image_stride)
    in_place = 0
    for number, (note, operation) in enumerate(zip(notes, program.operations, strict=True)):
        alive = {
            name: tensor
            for name, tensor in tensors.items()
            if written[name]
            <= number
            <= (len(notes) if keep else last_read.get(name, written[name]))
        }
        assert note.writes.name in alive
        if operation.residual and operation.residual_base == operation.out_base:
            # the operand that the sum takes the place of dies here
            in_place += 1
            assert last_read[note.reads[1].name] == number
            del alive[note.reads[1].name]
        places = sorted((place(tensor) for tensor in alive.values()), key=lambda p: p.start)
        for one, other in pairwise(places):
            assert one.stop <= other.start
        for one in places:
            assert one.stop <= images.start or images.stop <= one.start
            assert one.stop <= program.config.activation_bytes
            assert one.start % (2 * program.config.in_lanes) == 0
    return in_place


def place(layout: TensorLayout) -> range:
    return range(layout.base, layout.base + layout.size)


@pytest.mark.parametrize("seed", range(15))
def test_tensors_alive_at_once_lie_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = random_topology(lambda low, high: int(rng.integers(low, high + 1)))
    network = random_integers(topology, seed).with_thresholds([0] * (topology.n_exits - 1))
    config = ENGINES[str(rng.choice(list(ENGINES)))]
    assert_apart(compile_network(network, fitting_engine(network, config)))


def test_sums_of_resnet8_take_the_place_of_an_operand() -> None:
    compilation = compile_network(load_network("zoo:resnet8-cifar10"), ENGINES["128"])
    assert assert_apart(compilation) == 3
    # two maps of 32 x 32 x 16 and two images
    assert compilation.uses[0].needed == 2 * 32 * 32 * 16 + 2 * 32 * 32 * 3


def test_every_tensor_can_be_kept_until_the_end() -> None:
    network = load_network("zoo:resnet8-cifar10")
    config = fitting_engine(network, ENGINES["64"], fuse=False, keep=True)
    compilation = compile_network(network, config, fuse=False, keep=True)
    assert assert_apart(compilation, keep=True) == 0


def test_equal_blocks_are_stored_once() -> None:
    store = Store()
    assert [store.add(block) for block in (b"ab", b"c", b"ab", b"ca")] == [0, 2, 0, 3]
    assert bytes(store.content) == b"abcca"


def test_pools_of_resnet8_share_their_weights() -> None:
    program = compile_network(load_network("zoo:resnet8-cifar10"), ENGINES["64"]).program
    rewound = {operation.weight_base for operation in program.operations if operation.weight_rewind}
    assert sum(operation.weight_rewind for operation in program.operations) == 2
    assert len(rewound) == 1
