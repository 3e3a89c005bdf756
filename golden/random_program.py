"""Programs of random legal operations, to hold one implementation of the engine against another.

They reach what no compiler makes: steps, windows and paddings of any size beside each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spec.engine import EngineConfig
from .spec.operation import Operation, drain_interval, tile_spacing
from .spec.program import CHANNEL_WORDS, LOGIT, Program

IMAGE_SHAPE = (2, 5, 4)
"""Of the images that random programs work on."""

_IMAGE_STRIDE = 64
_WEIGHT_LINES = 40
_EXIT_LINE = 2


@dataclass(frozen=True)
class _Shape:
    """How many channels an operation has."""

    groups: int
    steps: int
    last_steps: int

    @property
    def total_steps(self) -> int:
        return (self.groups - 1) * self.steps + self.last_steps


def random_program(rng: np.random.Generator, config: EngineConfig, operations: int = 1) -> Program:
    """Return a legal program of some random operations and a final one, in random memories.

    Operations read one half of the activation memory and write the other, in turn; some are exits,
    with thresholds that some images pass. Accumulators stay far within their bits.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : EngineConfig
        With up to 128 MACs, activation memory of 1024 bytes or more.
    operations : int
        Besides the final one.
    """
    classes = _shape(rng, config)
    while classes.total_steps * config.requantizers < 2:
        classes = _shape(rng, config)
    exits: list[int] = []
    descriptors = []
    for number in range(operations + 1):
        final = number == operations
        takes_exit = final or (len(exits) < config.decision.n_exits - 1 and rng.random() < 0.2)
        if takes_exit:
            lowest = config.decision.threshold_low
            exits.append(lowest if final else int(rng.integers(-10, 60)))
        descriptors.append(
            _operation(
                rng,
                config,
                classes if takes_exit else _shape(rng, config),
                upper=number % 2 == 0,
                exit_index=len(exits) if takes_exit else 0,
                final=final,
            )
        )
    lanes = (4 + 2 * config.tile_steps) * config.requantizers
    channels = np.zeros((lanes, CHANNEL_WORDS), np.int64)
    channels[:, 0] = rng.integers(-2000, 2000, lanes) & 0xFFFFFFFF
    channels[:, 1] = rng.integers(0, 1 << 16, lanes) | rng.integers(20, 24, lanes) << 16
    channels[:, 2] = rng.integers(0, 1 << 16, lanes)
    channels[:, 3] = rng.integers(0, 1 << 16, lanes) | rng.integers(14, 17, lanes) << 16
    marks = _marks(rng, lanes, classes, config)
    channels[marks, 1] |= LOGIT
    channels[marks, 3] |= LOGIT
    return Program(
        config=config,
        operations=tuple(descriptors),
        channels=tuple(channels.reshape(-1).tolist()),
        weights=rng.integers(0, 256, _WEIGHT_LINES * config.line_bytes, np.uint8).tobytes(),
        image_base=0,
        image_stride=_IMAGE_STRIDE,
        image_words=int(np.prod(IMAGE_SHAPE)) // 4,
        n_classes=int(marks[_of_exits(classes, config)].sum()),
        thresholds=tuple(exits),
    )


def _of_exits(classes: _Shape, config: EngineConfig) -> slice:
    """Return the channels of the operations that are exits."""
    first, last = _EXIT_LINE, _EXIT_LINE + classes.total_steps
    return slice(first * config.requantizers, last * config.requantizers)


def _marks(
    rng: np.random.Generator, lanes: int, classes: _Shape, config: EngineConfig
) -> NDArray[np.bool_]:
    """Return which channels are logits, two or more of an exit, one of them in its last step."""
    marks = rng.random(lanes) < 0.5
    part = marks[_of_exits(classes, config)]
    count = int(rng.integers(2, min(len(part), config.decision.n_classes) + 1))
    last = len(part) - 1 - int(rng.integers(min(config.requantizers, len(part) - 1)))
    part[:] = False
    part[last] = True
    others = np.flatnonzero(np.arange(len(part)) != last)
    part[rng.choice(others, count - 1, replace=False)] = True
    return marks


def _shape(rng: np.random.Generator, config: EngineConfig) -> _Shape:
    groups, steps = (int(rng.integers(1, most + 1)) for most in (2, config.tile_steps))
    return _Shape(groups, steps, int(rng.integers(1, steps + 1)) if groups > 1 else steps)


def _operation(
    rng: np.random.Generator,
    config: EngineConfig,
    shape: _Shape,
    *,
    upper: bool,
    exit_index: int,
    final: bool,
) -> Operation:
    """Return an operation that writes the upper or the lower half of the memory; 0: no exit."""

    def pick(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    def flag() -> bool:
        return bool(rng.integers(2))

    logits = exit_index > 0
    pool = not logits and flag()
    residual = flag() and config.residual
    group_bytes = shape.steps * config.requantizers
    half = config.activation_bytes // 2
    unit = 2 * config.in_lanes
    # two areas behind the images, for the output and the operand that is added
    first = (half if upper else 2 * _IMAGE_STRIDE) + pick(0, 3) * unit
    second = first + -(-18 * config.out_lanes // unit) * unit
    out_base, beside = (first, second) if flag() else (second, first)
    run_steps, kernel_columns = pick(1, 3), pick(1, 2)
    interval = drain_interval(config.requantizers, residual=residual, logits=logits)
    least = tile_spacing(shape.steps, interval=interval, pool=pool)
    return Operation(
        source_base=(0 if upper else half) + pick(0, 40 // unit) * unit,
        row_start=pick(-20, 5),
        row_limit=pick(1, 100),
        kernel_row_step=pick(0, 12),
        window_row_step=pick(0, 12),
        out_row_step=pick(0, 12),
        column_start=pick(-9, 9),
        column_limit=pick(1, 120),
        kernel_column_step=pick(0, 9),
        window_column_step=pick(0, 9),
        out_column_step=pick(0, 9),
        group_source_step=pick(0, 9),
        weight_base=pick(0, 3),
        row_weight_lines=run_steps * kernel_columns,
        out_base=out_base,
        out_pixel_step=shape.groups * group_bytes,
        out_group_step=group_bytes,
        residual_base=out_base if flag() else beside,
        # that of exits is where their marks are
        channel_base=_EXIT_LINE if logits else pick(0, 3),
        kernel_rows=pick(1, 3),
        window_rows=pick(1, 2) if pool else 1,
        out_rows=1 if logits else pick(1, 3),
        run_steps=run_steps,
        kernel_columns=kernel_columns,
        window_columns=pick(1, 2) if pool else 1,
        out_columns=1 if logits else pick(1, 3),
        groups=shape.groups,
        tile_spacing=least + flag() * pick(0, 5),
        drain_steps=shape.steps,
        last_group_steps=shape.last_steps,
        exit_index=max(1, exit_index),
        image=upper and flag(),
        source_signed=flag(),
        weight_rewind=flag(),
        out_signed=logits or flag(),
        residual=residual,
        other_signed=flag(),
        sum_signed=logits or flag(),
        pool=pool,
        logits=logits,
        final=final,
    )
