"""Several output pixels in one tile: that keeps lanes and runs busy where channels are few.

Pixels side by side share most of what they read. The lanes of a tile are then the channels of the
first pixel, of the second and so on, which is also their order in memory. A group of lanes has some
of these pixels; its run is what they read together, and each lane has weights of 0 for what only
others read. From group to group the run moves on, equally far each time. Where the width is no
multiple of the pixels of a tile, rows in memory end in pixels that nobody reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...golden.spec.engine import EngineConfig
from ...golden.spec.layers import Convolution
from ...golden.spec.operation import drain_interval, tile_spacing
from .graph import Step
from .lanes import IDLE, Lanes, packed_lanes

PACK_MOST = (8, 4, 2, 1)
"""Most pixels of a tile that are tried; fewer where that takes too much memory for weights."""


def pixel_bytes(step: Step, config: EngineConfig) -> int:
    """Return the bytes from pixel to pixel of what a step writes.

    `requantizers` bytes are written at once. Where the pixels of a tile together are a multiple of
    that they may be dense, else each of them is padded.
    """
    n_channels = step.out_shape[2]
    return n_channels if step.dense else n_channels + -n_channels % config.requantizers


def pixel_stride(step: Step, layer: Convolution) -> int:
    """Return the pixels from where one output pixel begins to read to where the next does."""
    return layer.stride * (1 if step.pool is None else step.pool.stride)


@dataclass(frozen=True, kw_only=True)
class Runs:
    """What the groups of a tile read of each kernel row.

    Attributes
    ----------
    starts : int64 [groups]
        First byte of a group's run, counted from the first byte that the tile's first pixel reads;
        `step` bytes from group to group.
    step : int
    steps : int
        Steps of a run.
    """

    starts: NDArray[np.int64]
    step: int
    steps: int


def group_runs(
    step: Step, layer: Convolution, lanes: Lanes, read: int, config: EngineConfig
) -> Runs:
    """Return the shortest runs that hold what each group of lanes reads.

    Parameters
    ----------
    step : Step
    layer : Convolution
        Its layer.
    lanes : Lanes
        Of all its pixels, see `packed_lanes`.
    read : int
        Bytes from pixel to pixel of the source.
    config : EngineConfig
    """
    used = lanes.channels != IDLE
    pixels = lanes.channels // layer.out_channels
    stride = pixel_stride(step, layer) * read
    firsts = np.where(used, pixels, step.pack).min(axis=1) * stride
    ends = np.where(used, pixels, 0).max(axis=1) * stride + layer.kernel[1] * read
    groups = np.arange(lanes.groups)
    steps = -(-int((ends - firsts).max()) // config.in_lanes)
    while True:
        for move in range(int(firsts.max()) + 1):
            # a run begins no later than its group's first pixel, and ends no earlier than its last
            latest = int((firsts - move * groups).min())
            if int((ends - steps * config.in_lanes - move * groups).max()) <= latest:
                return Runs(starts=latest + move * groups, step=move, steps=steps)
        steps += 1


def spacing_of(step: Step, lanes: Lanes, config: EngineConfig) -> int:
    """Return the least interval of the tiles of a step."""
    interval = drain_interval(
        config.requantizers, residual=step.add is not None, logits=step.exit_index is not None
    )
    return tile_spacing(lanes.steps, interval=interval, pool=step.pool is not None)


def pack_pixels(steps: Sequence[Step], config: EngineConfig, most: int) -> list[Step]:
    """Return the steps, each with as many pixels in a tile, up to `most`, as is fastest.

    The operands of an addition and its sum have one layout, hence rows without an end.
    """
    added = {step.name for step in steps if step.add is not None}
    added |= {step.residual for step in steps if step.residual is not None}
    packed: dict[str, Step] = {}
    for step in steps:
        source = packed.get(step.source)
        read = step.shape[2] if source is None else pixel_bytes(source, config)
        packed[step.name] = _packed(step, read, config, most, whole=step.name in added)
    return list(packed.values())


def _packed(step: Step, read: int, config: EngineConfig, most: int, *, whole: bool) -> Step:
    """Return a step with the best number of pixels.

    Parameters
    ----------
    step : Step
    read : int
        Bytes from pixel to pixel of the source.
    config : EngineConfig
    most : int
    whole : bool
        Only numbers that divide the width, and padded pixels.
    """
    layer, width = step.main, step.out_shape[1]
    if not isinstance(layer, Convolution) or layer.groups > 1:
        return step
    choices = [
        replace(
            step, pack=pack, dense=not whole and pack * step.out_shape[2] % config.requantizers == 0
        )
        for pack in range(1, min(most, width) + 1)
        if not (whole and width % pack)
    ]

    def cost(choice: Step) -> tuple[int, int]:
        # of equally fast ones the densest, and of these the first: it has the fewest weights
        return _cycles(choice, layer, read, config), pixel_bytes(choice, config)

    return min(choices, key=cost)


def _cycles(step: Step, layer: Convolution, read: int, config: EngineConfig) -> int:
    """Return the cycles of all tiles of a step."""
    lanes = packed_lanes(layer.out_channels, pixel_bytes(step, config), step.pack, config)
    spacing = spacing_of(step, lanes, config)
    run_steps = group_runs(step, layer, lanes, read, config).steps
    height, width, _ = step.out_shape
    window = (1, 1) if step.pool is None else step.pool.kernel
    stride = 1 if step.pool is None else step.pool.stride
    tiles = 0
    for row in range(height):
        for window_row in range(window[0]):
            first = (row * stride + window_row) * layer.stride - layer.padding[0]
            inside = sum(
                0 <= first + kernel_row < layer.in_shape[0] for kernel_row in range(layer.kernel[0])
            )
            tiles += max(inside * run_steps + layer.kernel[0] - inside, spacing)
    return tiles * window[1] * lanes.groups * -(-width // step.pack)
