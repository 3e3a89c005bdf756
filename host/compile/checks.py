"""Whether an engine can run a network; what does not fit is said in one line, with its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...golden.decision import check_threshold
from ...golden.network import IntegerNetwork
from ...golden.parameters import prove_accumulator
from ...golden.spec.criteria import Criterion
from ...golden.spec.engine import ACCUMULATOR_WIDTH, EngineConfig
from ...golden.spec.operation import LOOPS, Operation
from .errors import CompileError
from .graph import Step


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What a program needs of one memory of the engine.

    Attributes
    ----------
    memory : str
        Parameter of `EngineConfig` that is its size.
    needed : int
    needed_by : tuple of int
        What the program needs of it up to, or while, each step runs.
    """

    memory: str
    needed: int
    needed_by: tuple[int, ...]


def check_network(network: IntegerNetwork, config: EngineConfig, *, branches: bool) -> None:
    """Raise `CompileError` unless decision unit and accumulators suit a network."""
    unit = config.decision
    if Criterion.CONFIDENCE not in unit.criteria:
        raise CompileError(
            f"Criteria of the engine must have confidence, not {', '.join(unit.criteria)}"
        )
    if network.fraction_bits != unit.fraction_bits:
        raise CompileError(
            f"Fraction bits of {network.name} must be the {unit.fraction_bits} of the decision "
            f"unit, not {network.fraction_bits}"
        )
    for thing, value, most in (
        ("Classes", network.n_classes, unit.n_classes),
        ("Exits", network.n_exits, unit.n_exits),
    ):
        if value > most:
            raise CompileError(
                f"{thing} of {network.name} must be at most the {most} of the decision unit, "
                f"not {value}"
            )
    if branches and network.n_exits > 1 and network.rules is None:
        raise CompileError(
            f"Network must be calibrated, not {network.name!r} (offramp calibrate does it)"
        )
    for index, rule in enumerate(network.rules or ()):
        if rule.criterion != Criterion.CONFIDENCE:
            raise CompileError(
                f"Criterion of exit {index} of {network.name} must be confidence, "
                f"not {rule.criterion}"
            )
    try:
        for rule in network.rules or ():
            check_threshold(unit, rule.threshold)
        for layer in network.topology.layers:
            if layer.name in network.parameters:
                prove_accumulator(layer, network.parameters[layer.name], ACCUMULATOR_WIDTH)
    except ValueError as error:
        raise CompileError(str(error)) from error


def check_additions(name: str, steps: Sequence[Step], config: EngineConfig) -> None:
    """Raise `CompileError` if a network has residual additions and the engine has none."""
    for step in steps:
        if step.residual is not None and not config.residual:
            raise CompileError(
                f"Engine for {name} must have residual additions, not be without: "
                f"there is one at {step.place}"
            )


def check_counts(places: Sequence[str], operations: Sequence[Operation], bits: int) -> None:
    """Raise `CompileError` if a loop has more iterations than an engine counts."""
    for place, operation in zip(places, operations, strict=True):
        for name in (*LOOPS, "tile_spacing"):
            count = getattr(operation, name)
            if count > 1 << bits:
                thing = name.replace("_", " ").capitalize()
                raise CompileError(f"{thing} must be in 1..{1 << bits}, not {count} (in {place})")


def check_memories(
    name: str, places: Sequence[str], uses: Sequence[MemoryUse], config: EngineConfig
) -> None:
    """Raise `CompileError` if a memory is too small for the network `name`.

    Parameters
    ----------
    name : str
    places : sequence of str
        Name of the layer of each step.
    uses : sequence of MemoryUse
    config : EngineConfig
    """
    for use in uses:
        size = getattr(config, use.memory)
        if use.needed > size:
            # fragments between tensors may be what does not fit: then the fullest step counts
            over = [place for place, need in zip(places, use.needed_by, strict=True) if need > size]
            fullest = places[use.needed_by.index(max(use.needed_by))]
            thing = use.memory.replace("_", " ").capitalize()
            raise CompileError(
                f"{thing} must be at least {use.needed:,} for {name}, not {size:,}: "
                f"{use.needed - size:,} too few at {over[0] if over else fullest}"
            )
