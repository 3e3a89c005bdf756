"""Layers one after the other, with operands from earlier ones."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from .layers import CHAIN_INPUT, Layer

Value = TypeVar("Value")


def follow_chain(layers: Sequence[Layer], given: Value, compute: Callable[..., Value]) -> Value:
    """Return what the last layer of a chain makes of what the chain was given.

    Parameters
    ----------
    layers : sequence of Layer
        A backbone or a branch; if it is empty, what was given is returned.
    given
        Activations, or whatever is known of them.
    compute : callable
        ``compute(layer, *operands)`` returns the same of a layer's output; called in order.
    """
    outputs = {CHAIN_INPUT: given}
    latest = given
    for layer in layers:
        operands = [latest if name is None else outputs[name] for name in layer.sources]
        latest = outputs[layer.name] = compute(layer, *operands)
    return latest
