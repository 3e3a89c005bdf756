"""The decision unit with other pipeline registers, without score and without tag."""

import numpy as np
import pytest

from offramp.golden.decision import decide
from offramp.golden.spec.decision import PIPELINE_REGISTERS, DecisionConfig
from offramp.rtl_sim.emulator.decision import DecisionEmulator
from tests.comparison import count_mismatches, elaborated_unit, standard_workloads

# every register present and absent beside every other one
CHOICES = [
    (),
    ("input", "mantissa", "decision"),
    ("operand", "mantissa", "addend"),
    ("input", "operand", "addend", "decision"),
    ("threshold", "mantissa", "addend", "decision"),
    ("input", "threshold"),
    PIPELINE_REGISTERS,
    ("addend",),
]


@pytest.mark.parametrize("registers", CHOICES, ids="-".join)
def test_decisions_do_not_depend_on_the_registers(registers: tuple[str, ...]) -> None:
    config = DecisionConfig(n_classes=6, registers=registers)
    with DecisionEmulator(config) as emulator:
        workloads = standard_workloads(config)
        assert count_mismatches(emulator, workloads) == 0
        assert count_mismatches(emulator, workloads, idle=90, stall=160) == 0


@pytest.mark.parametrize(
    "registers", [(), ("operand", "addend", "decision"), PIPELINE_REGISTERS], ids="-".join
)
@pytest.mark.parametrize("fraction_bits", [3, 4])
def test_core_without_score_and_tag_takes_the_same_exits(
    registers: tuple[str, ...], fraction_bits: int
) -> None:
    config = DecisionConfig(
        n_classes=128,
        fraction_bits=fraction_bits,
        n_exits=1,
        tag_width=0,
        with_score=False,
        registers=registers,
    )
    fields = dict(elaborated_unit(config).o.payload.shape())
    assert set(fields) == {"exit", "label", "exit_index"}
    source = np.random.default_rng(5)
    with DecisionEmulator(config) as emulator:
        for length, spread in ((2, 128), (3, 4), (10, 60), (128, 40)):
            logits = source.integers(-spread, spread, (300, length))
            # the median score: as many exits as not
            threshold = int(np.median(decide(config, logits, 0).score))
            expected = decide(config, logits, threshold)
            emulator.set_threshold(0, threshold)
            got = emulator.decide(logits, idle=60, stall=60, seed=length)
            assert np.array_equal(got.exit, expected.exit)
            assert np.array_equal(got.label, expected.label)
            assert 0 < expected.exit.sum() < len(logits)
