"""Two classifiers in the same lines of weights, where those would not fit otherwise.

A classifier of ten classes leaves lanes idle in every line. Another one takes these lanes: what it
computes in the lanes of the first is neither scaled nor a logit. It has fewer lanes than alone,
so it may take more groups, and the cycles of these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...golden.spec.engine import ACCUMULATOR_WIDTH, EngineConfig
from ...golden.spec.layers import FullyConnected
from .graph import Sharing, Step
from .lower import Lowered
from .parameters import Bytes

INPUT_MAX = 255
"""Largest magnitude of an activation."""


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """A step with the sharing that it could have, the lines that this saves and its cycles."""

    step: Step
    saved: int
    cycles: int


def share_lines(
    steps: Sequence[Step], lowered: Sequence[Lowered], missing: int, config: EngineConfig
) -> list[Step] | None:
    """Return the steps, one more of them in the lines of another; None if there is no such one.

    Parameters
    ----------
    steps : sequence of Step
    lowered : sequence of Lowered
        Their operations.
    missing : int
        Lines of weights that are too few.
    config : EngineConfig
    """
    taken = {step.sharing.host for step in steps if step.sharing is not None}
    blocks = dict(zip((step.name for step in steps), lowered, strict=True))
    free = [step for step in steps if step.sharing is None and step.name not in taken]
    choices = [
        choice
        for guest in free
        for host in free
        if (choice := _choice(guest, host, blocks, config)) is not None
    ]
    enough = [choice for choice in choices if choice.saved >= missing]
    if enough:
        chosen = min(enough, key=lambda choice: choice.cycles)
    elif choices:
        chosen = max(choices, key=lambda choice: choice.saved)
    else:
        return None
    return [chosen.step if step.name == chosen.step.name else step for step in steps]


def shared_weights(guest: Bytes, host: Bytes) -> Bytes:
    """Return the lines of two blocks in one, int8 [lines, out_lanes, in_lanes]."""
    both = host.copy()
    both[: len(guest)] += guest
    return both


def _choice(
    guest: Step, host: Step, blocks: Mapping[str, Lowered], config: EngineConfig
) -> _Choice | None:
    """Return a guest in the lines of a host, or None if it cannot be."""
    block, room = blocks[guest.name], blocks[host.name]
    layer = guest.main
    if guest is host or guest.exit_index is None or room.fields["groups"] > 1:
        return None
    if not isinstance(layer, FullyConnected) or not isinstance(host.main, FullyConnected):
        return None
    first_lane = host.main.out_features
    lanes = config.out_lanes - first_lane
    if lanes < 1:
        return None
    groups = -(-layer.out_features // lanes)
    lines = len(block.weights) // int(block.fields["groups"])
    fits = groups * lines <= len(room.weights)
    # a lane may meet all weights of the host
    largest = INPUT_MAX * int(np.abs(room.weights.astype(np.int64)).sum(axis=(0, 2)).max())
    largest += INPUT_MAX * int(np.abs(block.weights.astype(np.int64)).sum(axis=(0, 2)).max())
    if not fits or largest >= 1 << (ACCUMULATOR_WIDTH - 1):
        return None
    sharing = Sharing(host=host.name, first_lane=first_lane, groups=groups)
    return _Choice(
        step=replace(guest, sharing=sharing),
        saved=len(block.weights),
        cycles=(groups - int(block.fields["groups"])) * lines,
    )
