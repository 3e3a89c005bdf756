"""What an engine cannot run is refused in one line that says where and by how much."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offramp.golden.network import IntegerNetwork
from offramp.golden.network_file import load_network
from offramp.golden.parameters import LayerParameters
from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.engine import ENGINES, EngineConfig
from offramp.golden.spec.layers import FullyConnected, MaxPool
from offramp.golden.spec.rules import ExitRule
from offramp.golden.spec.topology import Segment, Topology
from offramp.host.compile import CompileError, compile_network, fitting_engine

FITS = ENGINES["64"]


def refusal(network: IntegerNetwork, config: EngineConfig = FITS, **options: bool) -> str:
    with pytest.raises(CompileError) as error:
        compile_network(network, config, **options)
    message = str(error.value)
    assert "\n" not in message
    return message


def digits(**changes: Any) -> IntegerNetwork:
    return replace(load_network("zoo:digits"), **changes)


@pytest.mark.parametrize(
    ("memory", "size", "message"),
    [
        (
            "activation_bytes",
            1024,
            "Activation bytes must be at least 1,152 for digits, not 1,024: 128 too few at b",
        ),
        (
            "weight_lines",
            300,
            "Weight lines must be at least 325 for digits, not 300: 25 too few at backbone2.conv0",
        ),
        (
            "channel_lines",
            50,
            "Channel lines must be at least 71 for digits, not 50: 21 too few at backbone2.conv0",
        ),
        (
            "program_words",
            150,
            "Program words must be at least 152 for digits, not 150: 2 too few at exit2.linear0",
        ),
    ],
)
def test_a_memory_that_is_too_small_is_named(memory: str, size: int, message: str) -> None:
    changes: dict[str, Any] = {memory: size}
    assert refusal(digits(), replace(FITS, **changes)).startswith(message)


def test_the_fitting_engine_fits_exactly() -> None:
    network = load_network("zoo:resnet8-cifar10")
    small = replace(ENGINES["16"], activation_bytes=1024, weight_lines=16)
    config = fitting_engine(network, small)
    compile_network(network, config)
    for memory, less in (("activation_bytes", 8), ("weight_lines", 1), ("channel_lines", 1)):
        changes: dict[str, Any] = {memory: getattr(config, memory) - less}
        thing = memory.replace("_", " ").capitalize()
        assert refusal(network, replace(config, **changes)).startswith(f"{thing} must be at least ")


def test_an_engine_without_additions_names_the_layer() -> None:
    assert refusal(load_network("zoo:resnet8-cifar10"), replace(FITS, residual=False)) == (
        "Engine for resnet8 must have residual additions, not be without: there is one at "
        "backbone1.conv1"
    )


def test_an_engine_without_checks_and_counters_runs_the_same_program() -> None:
    plain = replace(FITS, checks=False, counters=False)
    programs = [compile_network(digits(), config).program for config in (FITS, plain)]
    first, second = ((p.operations, p.channels, p.weights) for p in programs)
    assert first == second


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (
            DecisionConfig(n_classes=9, n_exits=3),
            "Classes of digits must be at most the 9 of the decision unit, not 10",
        ),
        (
            DecisionConfig(n_exits=2),
            "Exits of digits must be at most the 2 of the decision unit, not 3",
        ),
        (
            DecisionConfig(n_exits=3, fraction_bits=4),
            "Fraction bits of digits must be the 4 of the decision unit, not 3",
        ),
        (
            DecisionConfig(n_exits=3, criteria=("margin",)),
            "Criteria of the engine must have confidence, not margin",
        ),
    ],
)
def test_a_decision_unit_that_does_not_suit_is_named(unit: DecisionConfig, message: str) -> None:
    assert refusal(digits(), replace(FITS, decision=unit)) == message


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (None, "Network must be calibrated, not 'digits' (offramp calibrate does it)"),
        (
            (ExitRule(threshold=3), ExitRule(threshold=3, criterion="margin")),
            "Criterion of exit 1 of digits must be confidence, not margin",
        ),
        (
            (ExitRule(threshold=3), ExitRule(threshold=256)),
            "Threshold must be in -255..255, not 256",
        ),
    ],
)
def test_exits_without_a_legal_threshold_are_named(
    rules: tuple[ExitRule, ...] | None, message: str
) -> None:
    assert refusal(digits(rules=rules)) == message


def test_a_network_without_exits_needs_no_thresholds() -> None:
    compilation = compile_network(digits(rules=None), FITS, branches=False)
    operations = compilation.program.operations
    assert [op.exit_index - 1 for op in operations if op.logits] == [2]
    assert [op.final for op in operations] == [False] * (len(operations) - 1) + [True]
    layers = {layer for note in compilation.notes for layer in note.layers}
    assert not any(layer.startswith(("exit0", "exit1")) for layer in layers)


def wide_network(shape: tuple[int, int, int], weight: int) -> IntegerNetwork:
    """Return one classifier of an image of this shape, all weights the same."""
    pool = MaxPool(name="pool", in_shape=shape, kernel=(1, 1))
    layer = FullyConnected(name="classifier", in_shape=shape, out_features=2)
    values = LayerParameters(
        weight=np.full((2, layer.in_features), weight, np.int8),
        bias=np.zeros(2, np.int32),
        multiplier=np.full(2, 40000, np.uint16),
        shift=np.full(2, 30, np.uint8),
    )
    return IntegerNetwork(
        name="wide",
        topology=Topology(segments=(Segment(backbone=(pool,), branch=(layer,)),)),
        parameters={"classifier": values},
        class_names=("a", "b"),
        fraction_bits=3,
        temperatures=(1.0,),
    )


def test_an_accumulator_that_could_overflow_is_named() -> None:
    assert refusal(wide_network((40, 40, 1), 127)) == (
        "Accumulator of classifier must fit 26 signed bits, not reach 51816000 (27 bits)"
    )


@pytest.mark.parametrize(("count_bits", "columns"), [(12, 5000), (8, 257), (6, 65)])
def test_a_count_that_is_too_large_is_named(count_bits: int, columns: int) -> None:
    config = replace(ENGINES["16"], activation_bytes=1 << 17, weight_lines=1 << 14)
    config = replace(config, count_bits=count_bits)
    most = 1 << count_bits
    compile_network(wide_network((1, most, 1), 1), config)
    message = f"Out columns must be in 1..{most}, not {columns} (in pool)"
    assert refusal(wide_network((1, columns, 1), 1), config) == message


def test_a_long_run_is_divided() -> None:
    network = wide_network((129, 128, 1), 1)
    config = fitting_engine(network, ENGINES["16"])
    operation = compile_network(network, config).program.operations[-1]
    assert operation.kernel_columns * operation.run_steps * 4 >= 129 * 128
    assert operation.kernel_columns == 2
