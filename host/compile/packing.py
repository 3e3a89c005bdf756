"""Several output pixels in one tile: that keeps lanes and runs busy where channels are few.

Pixels side by side share most of what they read. The lanes of a tile are then the channels of the
first pixel, of the second and so on, which is also their order in memory; the run is as much longer
as the pixels are apart, and each lane has weights of 0 for what only others read. Where the width
is no multiple of the pixels of a tile, rows in memory end in pixels that nobody reads.
"""

from collections.abc import Sequence
from dataclasses import replace

from ...golden.spec.engine import EngineConfig
from ...golden.spec.layers import Convolution
from ...golden.spec.operation import drain_interval, tile_spacing
from .graph import IMAGE, Step
from .lanes import Lanes, packed_lanes

PACK_MAX = 8
"""Most pixels of a tile that are tried."""


def pixel_stride(step: Step, layer: Convolution) -> int:
    """Return the pixels from where one output pixel begins to read to where the next does."""
    return layer.stride * (1 if step.pool is None else step.pool.stride)


def packed_columns(step: Step, layer: Convolution) -> int:
    """Return the pixels of a run."""
    return layer.kernel[1] + (step.pack - 1) * pixel_stride(step, layer)


def spacing_of(step: Step, lanes: Lanes, config: EngineConfig) -> int:
    """Return the least interval of the tiles of a step."""
    interval = drain_interval(
        config.requantizers, residual=step.add is not None, logits=step.exit_index is not None
    )
    return tile_spacing(lanes.steps, interval=interval, pool=step.pool is not None)


def pack_pixels(steps: Sequence[Step], config: EngineConfig) -> list[Step]:
    """Return the steps, each with as many pixels in a tile as is fastest.

    The operands of an addition and its sum have one layout, hence rows without an end.
    """
    added = {step.name for step in steps if step.add is not None}
    added |= {step.residual for step in steps if step.residual is not None}
    return [_packed(step, config, whole=step.name in added) for step in steps]


def _packed(step: Step, config: EngineConfig, *, whole: bool) -> Step:
    """Return a step with the best number of pixels; `whole`: one that divides the width."""
    layer, width = step.main, step.out_shape[1]
    if not isinstance(layer, Convolution) or layer.groups > 1:
        return step
    choices = [
        replace(step, pack=pack)
        for pack in range(1, min(PACK_MAX, width) + 1)
        if not (whole and width % pack)
    ]
    # of equally fast ones the first: it has the fewest weights
    return min(choices, key=lambda choice: _cycles(choice, layer, config))


def _cycles(step: Step, layer: Convolution, config: EngineConfig) -> int:
    """Return the cycles of all tiles of a step."""
    n_channels = step.shape[2]
    if step.source != IMAGE:
        n_channels += -n_channels % config.requantizers
    lanes = packed_lanes(layer.out_channels, step.pack, config)
    spacing = spacing_of(step, lanes, config)
    run_steps = -(-packed_columns(step, layer) * n_channels // config.in_lanes)
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
