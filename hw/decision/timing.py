"""How long decisions take, for every set of criteria, as numbers and as text."""

from amaranth.lib import wiring

from ...golden.spec.criteria import GATE_WEIGHT, Criterion
from ...golden.spec.decision import DecisionConfig

__all__ = ["has_fixed_latency", "latency_of", "latency_text", "throughput_text"]

SHORTEST = 2
"""Logits of the shortest vector."""


def latency_of(unit: wiring.Component, n_logits: int = SHORTEST) -> int:
    """Return the cycles from the last of `n_logits` logits to the decision, without a gate."""
    return unit.latency(n_logits) if callable(unit.latency) else unit.latency


def has_fixed_latency(config: DecisionConfig) -> bool:
    """Return whether each decision takes as long, whatever the vector and those before it."""
    if _waits_for_patience(config):
        return False
    return not {Criterion.ENTROPY, Criterion.GATE}.intersection(config.criteria)


def _waits_for_patience(config: DecisionConfig) -> bool:
    """Return whether vectors of one beat come faster than the memory of the samples takes them."""
    return config.lanes > 1 and Criterion.PATIENCE in config.criteria


def latency_text(config: DecisionConfig, unit: wiring.Component, last: str) -> str:
    """Return how long a decision takes, counted from the last `last`."""
    end = f"from the last {last} to the decision"
    shortest, longer = latency_of(unit), latency_of(unit, config.n_classes)
    if longer == shortest:
        text = f"{shortest} cycles {end}"
    else:
        # of n logits: n and a constant, but for very short vectors
        text = f"n + {longer - config.n_classes} cycles {end} of n logits, {shortest} at least"
    if Criterion.GATE in config.criteria:
        gate = GATE_WEIGHT.width * len(config.features) + 2
        text += f"; {gate} more under the gate"
    return text


def throughput_text(config: DecisionConfig, *, buses: bool = False) -> str:
    """Return how many logits are taken in what time."""
    beats = "one logit a cycle" if config.lanes == 1 else f"{config.lanes} logits a cycle"
    text = f"{beats}, no bubble between vectors"
    if Criterion.ENTROPY in config.criteria:
        text += " of one length, 4 logits or more"
    elif _waits_for_patience(config) and not buses:
        text += " of 2 beats or more"
    elif buses:
        text += f" of 3 {'logits' if config.lanes == 1 else 'beats'} or more"
    if Criterion.GATE in config.criteria:
        gate = GATE_WEIGHT.width * len(config.features) + 3
        text += f"; a vector under the gate every {gate} cycles"
    return text
