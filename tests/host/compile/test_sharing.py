"""Classifiers in the same lines of weights: only where these are short, all else as before."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from offramp.golden.network import IntegerNetwork
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES, EngineConfig
from offramp.host.compile import (
    Compilation,
    CompileError,
    compile_network,
    fitting_engine,
    predict_cycles,
)

from .reference import differing_results, exits_of, layer_outputs, run_and_compare


def digits() -> IntegerNetwork:
    return load_network("zoo:digits")


def lines_of(compilation: Compilation) -> int:
    return next(use.needed for use in compilation.uses if use.memory == "weight_lines")


def shared_bases(compilation: Compilation) -> int:
    bases = sorted(operation.weight_base for operation in compilation.program.operations)
    return sum(one == other for one, other in pairwise(bases))


def squeezed(config: EngineConfig) -> tuple[Compilation, Compilation]:
    """Return the digits' programs for an engine with enough lines and for one with one too few."""
    plain = compile_network(digits(), fitting_engine(digits(), config))
    fewer = replace(plain.program.config, weight_lines=lines_of(plain) - 1)
    return plain, compile_network(digits(), fewer)


@pytest.mark.parametrize("requantizers", [1, 2, 4])
@pytest.mark.parametrize("engine", ["64", "128"])
def test_classifiers_in_common_lines_compute_what_they_do_apart(
    engine: str, requantizers: int
) -> None:
    plain, tight = squeezed(replace(ENGINES[engine], requantizers=requantizers))
    assert lines_of(tight) < lines_of(plain)
    assert shared_bases(tight) == shared_bases(plain) + 1
    images = np.random.default_rng(0).integers(0, 256, (4, *digits().input_shape), np.uint8)
    outputs = layer_outputs(digits(), images)
    found = run_and_compare(tight, images, outputs, seed=1, always=True)
    assert found.different == []
    exits = run_and_compare(tight, images, outputs, seed=2)
    assert differing_results(exits.results, exits_of(digits(), outputs)) == 0


def test_sharing_costs_the_cycles_of_more_groups() -> None:
    plain, tight = squeezed(ENGINES["64"])
    before, after = (predict_cycles(each.program).operations for each in (plain, tight))
    pairs = zip(before, after, strict=True)
    (slower,) = (number for number, (first, second) in enumerate(pairs) if first != second)
    apart, shared = (each.program.operations[slower] for each in (plain, tight))
    assert shared.groups > apart.groups
    assert after[slower] - before[slower] >= (shared.groups - apart.groups) * apart.run_steps


def test_lines_are_not_shared_where_they_suffice() -> None:
    network = load_network("zoo:resnet8-cifar10")
    enough = replace(ENGINES["128"], weight_lines=1074)
    assert lines_of(compile_network(network, enough)) == 1074
    # the few lines of the last classifier suffice, and cost fewer cycles than those of the second
    assert lines_of(compile_network(network, replace(enough, weight_lines=1073))) == 1066
    assert lines_of(compile_network(network, replace(enough, weight_lines=1065))) == 1010
    assert fitting_engine(network, ENGINES["128"]) == ENGINES["128"]


def test_lines_are_not_shared_where_idle_lanes_could_overflow() -> None:
    network = load_network("zoo:resnet8-cifar10")
    parameters = dict(network.parameters)
    for name in ("exit0.linear3", "exit1.linear2"):
        weight = parameters[name].weight
        assert weight is not None
        parameters[name] = replace(parameters[name], weight=np.full_like(weight, 127))
    message = "Weight lines must be at least 1,066 for resnet8, not 1,024: 42 too few at "
    with pytest.raises(CompileError, match=f"^{message}"):
        compile_network(replace(network, parameters=parameters), ENGINES["128"])
