"""Which output channel each lane of the array has, group by group."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...golden.spec.engine import EngineConfig

IDLE = -1
"""Channel of a lane that has none."""


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """Channels in groups.

    Groups are equally large but for the last, so that the longest drain is as short as it can be.

    Attributes
    ----------
    channels : int64 [groups, out_lanes]
        Channel of each lane, or `IDLE`.
    steps, last_steps : int
        Drain steps of a group and of the last one.
    group_bytes : int
        Output bytes from group to group.
    """

    channels: NDArray[np.int64]
    steps: int
    last_steps: int
    group_bytes: int

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.channels)

    @property
    def total_steps(self) -> int:
        """Drain steps of a pixel, all groups together."""
        return (self.groups - 1) * self.steps + self.last_steps


def packed_lanes(n_channels: int, pixel_bytes: int, pack: int, config: EngineConfig) -> Lanes:
    """Return the lanes of the channels of several pixels side by side.

    Channel c of pixel p is number ``p * n_channels + c``, in lane ``p * pixel_bytes + c``.
    """
    lanes = channel_lanes(pack * pixel_bytes, config)
    pixels, channels = np.divmod(lanes.channels, pixel_bytes)
    idle = (lanes.channels == IDLE) | (channels >= n_channels)
    return replace(lanes, channels=np.where(idle, IDLE, pixels * n_channels + channels))


def channel_lanes(n_channels: int, config: EngineConfig, unit: int | None = None) -> Lanes:
    """Return the lanes of channels that lie side by side.

    Parameters
    ----------
    n_channels : int
    config : EngineConfig
    unit : int, optional
        Groups are multiples of this, itself a multiple of the requantizers.
    """
    unit = config.requantizers if unit is None else unit
    units = _ceil(n_channels, unit)
    groups = _ceil(units, config.out_lanes // unit)
    size = _ceil(units, groups) * unit
    channels = np.full((groups, config.out_lanes), IDLE, np.int64)
    for group in range(groups):
        part = np.arange(group * size, min((group + 1) * size, n_channels))
        channels[group, : len(part)] = part
    last = _ceil(n_channels - (groups - 1) * size, config.requantizers)
    steps = size // config.requantizers if groups > 1 else last
    return Lanes(channels=channels, steps=steps, last_steps=last, group_bytes=size)


def shared_lanes(n_channels: int, first_lane: int, groups: int, config: EngineConfig) -> Lanes:
    """Return the lanes of channels from a lane on, the others idle."""
    size = _ceil(n_channels, groups)
    channels = np.full((groups, config.out_lanes), IDLE, np.int64)
    for group in range(groups):
        part = np.arange(group * size, min((group + 1) * size, n_channels))
        channels[group, first_lane : first_lane + len(part)] = part
    steps = _ceil(first_lane + size, config.requantizers)
    last = _ceil(first_lane + n_channels - (groups - 1) * size, config.requantizers)
    return Lanes(
        channels=channels, steps=steps, last_steps=last, group_bytes=steps * config.requantizers
    )


def _ceil(a: int, b: int) -> int:
    return -(-a // b)
