"""Lines of the weight and channel memories for one operation."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...golden.parameters import LayerParameters
from ...golden.spec.engine import EngineConfig
from ...golden.spec.program import CHANNEL_WORDS, LOGIT
from .graph import Step
from .lanes import IDLE, Lanes

Bytes = NDArray[np.int8]
Words = NDArray[np.uint32]

ONE = (32768, 15)
"""Multiplier and shift of 1."""


def weight_lines(taps: Bytes, channels: NDArray[np.int64], config: EngineConfig) -> Bytes:
    """Return the lines of weights of all groups, int8 [lines, out_lanes, in_lanes].

    Parameters
    ----------
    taps : int8 [channels, runs, bytes of a run]
        What each byte of each run adds to a channel, in the order of reading.
    channels : int64 [groups, out_lanes]
        Channel of each lane, or `IDLE`.
    config : EngineConfig
    """
    n_channels, runs, run_bytes = taps.shape
    steps = -(-run_bytes // config.in_lanes)
    padded = np.zeros((n_channels + 1, runs, steps * config.in_lanes), np.int8)
    padded[:n_channels, :, :run_bytes] = taps
    # the channel of an idle lane is -1: the last one, all zeros
    lines = padded[channels].reshape(-1, config.out_lanes, runs * steps, config.in_lanes)
    return np.ascontiguousarray(lines.transpose(0, 2, 1, 3)).reshape(
        -1, config.out_lanes, config.in_lanes
    )


def identity_lines(n_channels: int, config: EngineConfig) -> Bytes:
    """Return lines of weights that make each lane what was read, byte by byte."""
    channels = np.full((1, config.out_lanes), IDLE, np.int64)
    channels[0, :n_channels] = np.arange(n_channels)
    return weight_lines(np.eye(n_channels, dtype=np.int8)[:, None, :], channels, config)


def channel_lines(
    step: Step, parameters: Mapping[str, LayerParameters], lanes: Lanes, config: EngineConfig
) -> Words:
    """Return the lines of the channel memory of all groups, uint32 [lines, requantizers, words]."""
    n_channels = int(lanes.channels.max()) + 1
    # one more for idle lanes: all 0, so that they write 0
    table = np.zeros((n_channels + 1, CHANNEL_WORDS), np.int64)
    bias, multiplier, shift = _main(step, parameters)
    table[:n_channels, 0] = np.tile(bias, step.pack)
    table[:n_channels, 1] = np.tile(multiplier | (shift - 1) << 16, step.pack)
    if step.add is not None:
        values = parameters[step.add.name]
        assert values.multiplier is not None
        assert values.other_multiplier is not None
        assert values.shift is not None
        first = values.multiplier.astype(np.int64)
        other = values.other_multiplier.astype(np.int64)
        if step.swapped:
            first, other = other, first
        addition_shift = values.shift.astype(np.int64) - 1
        table[:n_channels, 2] = np.tile(other, step.pack)
        table[:n_channels, 3] = np.tile(first | addition_shift << 16, step.pack)
    if step.exit_index is not None:
        table[:, [1, 3]] |= LOGIT
    table[n_channels] = 0
    lines = []
    for group, channels in enumerate(lanes.channels):
        steps = lanes.last_steps if group == lanes.groups - 1 else lanes.steps
        used = channels[: steps * config.requantizers]
        lines.append(table[np.where(used == IDLE, n_channels, used)])
    words = np.concatenate(lines).reshape(-1, config.requantizers, CHANNEL_WORDS)
    return (words & 0xFFFFFFFF).astype(np.uint32)


def _main(
    step: Step, parameters: Mapping[str, LayerParameters]
) -> tuple[NDArray[np.int64] | int, NDArray[np.int64] | int, NDArray[np.int64] | int]:
    """Return bias, multiplier and shift of the layer in the array, per channel or for all."""
    if step.main is None:
        return 0, *ONE
    values = parameters[step.main.name]
    assert values.multiplier is not None
    assert values.shift is not None
    bias = 0 if values.bias is None else values.bias.astype(np.int64)
    return bias, values.multiplier.astype(np.int64), values.shift.astype(np.int64)
