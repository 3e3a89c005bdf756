"""What the engine says of illegal programs, and that it runs the next image rightly."""

from dataclasses import replace

import numpy as np
import pytest

from offramp.golden.engine import run_program
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.golden.spec.program import LOGIT
from offramp.host.compile import compile_network
from offramp.host.workflow import splits_of_network
from offramp.rtl_sim.emulator.accelerator import EngineEmulator, EngineFaultError

CONFIG = ENGINES["16"]
BYTES = CONFIG.activation_bytes


@pytest.fixture(scope="module")
def network():
    return load_network("zoo:digits")


@pytest.fixture(scope="module")
def images(network):
    return splits_of_network(network, None).test.images[:3]


@pytest.fixture(scope="module")
def program(network):
    return compile_network(network, CONFIG).program


@pytest.fixture(scope="module")
def emulator():
    with EngineEmulator(CONFIG) as engine:
        yield engine


def changed(program, number, **fields):
    operations = list(program.operations)
    operations[number] = replace(operations[number], **fields)
    return replace(program, operations=tuple(operations))


def first(program, **wanted):
    return next(
        number
        for number, operation in enumerate(program.operations)
        if all(getattr(operation, name) == value for name, value in wanted.items())
    )


def make(program, fault):
    """Return the program with something illegal in it."""
    plain = first(program, logits=False)
    exit_0 = first(program, logits=True)
    op = program.operations[plain]
    last_read = (op.row_limit - 1) + (op.column_limit - 1)
    return {
        "source base": lambda: changed(program, plain, source_base=BYTES),
        "output base": lambda: changed(program, plain, out_base=BYTES),
        "row step": lambda: changed(program, plain, out_row_step=1 << 15),
        "row start": lambda: changed(program, plain, row_start=-(1 << 17)),
        "weight base": lambda: changed(program, plain, weight_base=CONFIG.weight_lines),
        "channel base": lambda: changed(program, plain, channel_base=CONFIG.channel_lines),
        "steps beyond the array": lambda: changed(
            program, plain, drain_steps=5, last_group_steps=5, tile_spacing=5
        ),
        "exit that there is not": lambda: changed(program, exit_0, exit_index=5),
        "no final exit": lambda: changed(program, len(program.operations) - 1, final=False),
        "end of the source": lambda: changed(
            program, plain, image=False, source_base=BYTES - last_read // 2
        ),
        "end of the output": lambda: changed(program, plain, out_base=BYTES - 4),
        "end of the weights": lambda: changed(program, plain, weight_base=CONFIG.weight_lines - 1),
        "end of the channels": lambda: changed(
            program, plain, channel_base=CONFIG.channel_lines - 1
        ),
        "spacing": lambda: changed(program, exit_0, tile_spacing=1, run_steps=1),
        "too many logits": lambda: changed(
            program, exit_0, groups=program.operations[exit_0].groups + CONFIG.decision.n_classes
        ),
        "one logit": lambda: changed(program, exit_0, groups=1, last_group_steps=1),
        "image": lambda: replace(program, image_base=BYTES - 32),
        "no logits": lambda: replace(
            program, channels=tuple(word & ~LOGIT for word in program.channels)
        ),
    }[fault]()


@pytest.mark.parametrize(
    ("illegal", "fault"),
    [
        ("source base", "descriptor"),
        ("output base", "descriptor"),
        ("row step", "descriptor"),
        ("row start", "descriptor"),
        ("weight base", "descriptor"),
        ("channel base", "descriptor"),
        ("steps beyond the array", "descriptor"),
        ("exit that there is not", "descriptor"),
        ("no final exit", "program"),
        ("end of the source", "read"),
        ("end of the output", "write"),
        ("end of the weights", "weights"),
        ("end of the channels", "channels"),
        ("spacing", "tile"),
        ("too many logits", "classes"),
        ("one logit", "classes"),
        ("image", "write"),
        ("no logits", "classes"),
    ],
)
def test_illegal_program_is_reported_and_the_next_image_is_right(
    emulator, program, images, illegal, fault
):
    # zeros behind the program: operations that do nothing, up to the end of the memory
    emulator.load(make(program, illegal))
    low = CONFIG.decision.threshold_low
    high = CONFIG.decision.threshold_high
    emulator.set_thresholds((low if illegal == "spacing" else high,) * 3)
    with pytest.raises(EngineFaultError) as told:
        emulator.run(images)
    assert told.value.fault == fault
    # memories keep their content: only what was changed is loaded again
    emulator.load(program)
    golden = run_program(program, images)
    results = emulator.run(images)
    assert np.array_equal(results.label, golden.label)
    assert np.array_equal(results.score, golden.score)


def test_message_says_what_is_wrong(emulator, program, images):
    emulator.load(make(program, "output base"))
    with pytest.raises(EngineFaultError, match="Program must be legal, but the engine reports: a "):
        emulator.run(images)
