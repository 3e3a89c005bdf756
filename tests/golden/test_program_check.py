"""Programs that an engine must not run are refused; those of the compiler are legal."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offramp.golden.network_file import load_network
from offramp.golden.program_check import ProgramError, check_program
from offramp.golden.random_network import random_integers, random_topology
from offramp.golden.spec.engine import ENGINES, EngineConfig
from offramp.golden.spec.program import Program
from offramp.host.compile import compile_network, fitting_engine


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_network(load_network("zoo:resnet8-cifar10"), ENGINES["64"]).program


@pytest.mark.parametrize("seed", range(15))
def test_programs_of_random_networks_are_legal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = random_topology(lambda low, high: int(rng.integers(low, high + 1)))
    network = random_integers(topology, seed).with_thresholds([0] * (topology.n_exits - 1))
    config = EngineConfig(
        in_lanes=int(rng.choice([4, 8, 16])),
        out_lanes=int(rng.choice([4, 8, 16, 32])),
        requantizers=int(rng.choice([1, 2, 4])),
    )
    check_program(compile_network(network, fitting_engine(network, config)).program)


@pytest.mark.parametrize(
    ("number", "changes", "message"),
    [
        (0, {"source_base": 40000}, "Operation 0 must read below address 40960, not "),
        (0, {"out_base": 40952}, "Operation 0 must write below address 40960, not "),
        (0, {"out_base": 4096}, "Operation 0 must write beside what it reads, not 4096.."),
        (1, {"out_base": 3072}, "Operation 1 must write beside what it reads, not 3072.."),
        (3, {"out_base": 0}, "Operation 3 must write beside the image buffers, not 0..1023"),
        (6, {"residual_base": 6152}, "Operation 6 must write in the place of its operand or besi"),
        (6, {"residual_base": 40000}, "Operation 6 must read its operand below address 40960, no"),
        (6, {"tile_spacing": 16}, "Operation 6 must have a tile spacing of at least 17, not 16"),
        (1, {"tile_spacing": 7}, "Operation 1 must have a tile spacing of at least 8, not 7"),
        (1, {"last_group_steps": 9}, "Operation 1 must drain in at most 8 steps, not 9"),
        (1, {"source_base": 6140}, "Operation 1 must have source_base a multiple of 8, not 6140"),
        (6, {"residual_base": 24004}, "Operation 6 must have residual_base a multiple of 8, not 2"),
        (1, {"out_pixel_step": 17}, "Operation 1 must have out_pixel_step a multiple of 2, not 17"),
        (1, {"weight_base": 2150}, "Operation 1 must read weights below line 2017, not "),
        (1, {"channel_base": 400}, "Operation 1 must read channels below line 314, not 407"),
        (1, {"final": True}, "Operation 1 must not be final with logits, not True"),
        (-1, {"final": False}, "Operation 17 must be final with logits, not False"),
        (-1, {"last_group_steps": 4}, "Operation 17 must have 10 logits, not 8"),
        (12, {"last_group_steps": 6}, "Operation 12 must have 10 logits, not 7"),
        (
            4,
            {"last_group_steps": 6, "tile_spacing": 13},
            "Operation 4 must have a logit in its last step, not in earlier ones alone",
        ),
        (-1, {"exit_index": 4}, "Operation 17 must have an exit index of at most 3, not 4"),
    ],
)
def test_an_illegal_operation_is_named(
    program: Program, number: int, changes: dict[str, Any], message: str
) -> None:
    operations = list(program.operations)
    operations[number] = replace(operations[number], **changes)
    with pytest.raises(ProgramError) as error:
        check_program(replace(program, operations=tuple(operations)))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operations": ()}, "Operations of a program must be at least one, not 0"),
        ({"n_classes": 17}, "Classes of a program must be at most 16, not 17"),
        ({"thresholds": (0,) * 5}, "Thresholds of a program must be at most 4, not 5"),
        ({"thresholds": (0, 300, 0)}, "Threshold must be in -255..255, not 300"),
    ],
)
def test_an_illegal_program_is_refused(
    program: Program, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_program(replace(program, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"residual": False}, "Operation 6 must have no residual operand on an engine without, no"),
        ({"count_bits": 6}, "Operation 4 must have at most 64 run_steps, not 256"),
    ],
)
def test_an_engine_with_less_than_a_program_needs_is_named(
    program: Program, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProgramError) as error:
        check_program(replace(program, config=replace(program.config, **changes)))
    assert str(error.value).startswith(message)


def test_image_buffers_past_memory_are_refused(program: Program) -> None:
    with pytest.raises(ProgramError, match=r"^Image buffers must end within 40960 bytes, not at "):
        check_program(replace(program, image_stride=40000))
