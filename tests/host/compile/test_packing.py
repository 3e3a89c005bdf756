"""Several pixels in a tile: runs of groups, dense pixels, fewer where memory is short."""

from dataclasses import replace

import numpy as np
import pytest

from offramp.golden.network import IntegerNetwork
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES, EngineConfig
from offramp.golden.spec.layers import Convolution
from offramp.host.compile import Compilation, compile_network, fitting_engine, predict_cycles
from offramp.host.compile.graph import Step, steps_of
from offramp.host.compile.lanes import IDLE, packed_lanes
from offramp.host.compile.packing import PACK_MOST, group_runs, pack_pixels, pixel_bytes

from .reference import differing_results, exits_of, layer_outputs, run_and_compare


def blenet() -> IntegerNetwork:
    return load_network("zoo:blenet-mnist")


def lines_of(compilation: Compilation) -> int:
    return next(use.needed for use in compilation.uses if use.memory == "weight_lines")


def first_step(config: EngineConfig, pack: int) -> tuple[Step, Convolution]:
    step = steps_of(blenet().topology)[0]
    assert isinstance(step.main, Convolution)
    return replace(step, pack=pack, dense=pack * 5 % config.requantizers == 0), step.main


@pytest.mark.parametrize("in_lanes", [4, 8, 16])
@pytest.mark.parametrize("out_lanes", [2, 4, 16])
@pytest.mark.parametrize("pack", [1, 2, 3, 4, 8])
def test_a_run_holds_what_its_group_reads_and_none_is_shorter(
    in_lanes: int, out_lanes: int, pack: int
) -> None:
    config = EngineConfig(in_lanes=in_lanes, out_lanes=out_lanes)
    step, layer = first_step(config, pack)
    lanes = packed_lanes(5, 5, pack, config)
    runs = group_runs(step, layer, lanes, 1, config)
    reads = []
    for channels in lanes.channels:
        pixels = channels[channels != IDLE] // 5
        reads.append((2 * pixels.min(), 2 * pixels.max() + 5))
    for start, (first, end) in zip(runs.starts, reads, strict=True):
        assert start <= first
        assert end <= start + runs.steps * in_lanes
    assert set(np.diff(runs.starts)) <= {runs.step}
    shorter = (runs.steps - 1) * in_lanes
    for move in range(2 * pack):
        moved = [(first - move * group, end - move * group) for group, (first, end) in
                 enumerate(reads)]  # fmt: skip
        assert max(end for _, end in moved) - shorter > min(first for first, _ in moved)


def test_groups_of_one_layer_read_at_moving_places() -> None:
    # 15 outputs of three pixels in four groups, each of which reads two steps instead of three
    operation = compile_network(blenet(), ENGINES["16"]).program.operations[0]
    assert (operation.groups, operation.run_steps, operation.group_source_step) == (4, 2, 1)


@pytest.mark.parametrize(("engine", "pixel"), [("16", 5), ("64", 5), ("128", 8)])
def test_pixels_are_dense_where_those_of_a_tile_are_written_whole(engine: str, pixel: int) -> None:
    config = ENGINES[engine]
    step = pack_pixels(steps_of(blenet().topology), config, PACK_MOST[0])[0]
    assert pixel_bytes(step, config) == pixel


def test_operands_of_an_addition_have_padded_pixels() -> None:
    network = load_network("zoo:resnet8-cifar10")
    steps = pack_pixels(steps_of(network.topology), ENGINES["128"], PACK_MOST[0])
    added = [step for step in steps if step.add is not None]
    assert added
    assert not any(step.dense for step in added)


@pytest.mark.parametrize("engine", ["16", "32"])
def test_fewer_pixels_where_lines_of_weights_are_short(engine: str) -> None:
    plain = compile_network(blenet(), ENGINES[engine])
    tight_config = replace(plain.program.config, weight_lines=lines_of(plain) - 1)
    tight = compile_network(blenet(), tight_config)
    assert lines_of(tight) < lines_of(plain)
    assert predict_cycles(tight.program).whole > predict_cycles(plain.program).whole
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), np.uint8)
    outputs = layer_outputs(blenet(), images)
    for compilation in (plain, tight):
        assert run_and_compare(compilation, images, outputs, seed=1, always=True).different == []
        exits = run_and_compare(compilation, images, outputs, seed=2)
        assert differing_results(exits.results, exits_of(blenet(), outputs)) == 0


def test_fewer_pixels_where_lines_of_channels_are_short() -> None:
    plain = compile_network(blenet(), fitting_engine(blenet(), ENGINES["32"]))
    needed = next(use.needed for use in plain.uses if use.memory == "channel_lines")
    config = replace(plain.program.config, channel_lines=needed - 1)
    tight = compile_network(blenet(), config)
    assert all(use.needed <= getattr(config, use.memory) for use in tight.uses)
