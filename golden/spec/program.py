"""A program for the engine: what its memories and registers hold, as plain integers.

Channel memory: each of the `requantizers` lanes of a line has four words of 32 bits::

    0  bias, signed
    1  multiplier (16 bits), shift less one (6 bits from bit 16 on), logit (bit 22)
    2  other multiplier (16) of a residual addition
    3  first multiplier, shift less one and logit of it, as in word 1

Weight memory: a line has `out_lanes` times `in_lanes` bytes, those of an output lane together:
byte ``o * in_lanes + j``, int8.

Image buffers: the image is loaded in words of four bytes from `image_base` on, every other image
from ``image_base + image_stride`` on, while the one before is worked on.
"""

from dataclasses import dataclass

from .engine import EngineConfig
from .operation import Operation

CHANNEL_WORDS = 4
"""Words of a lane of a line of the channel memory."""

LOGIT = 1 << 22
"""Bit of a word with a multiplier: with `logits` the channel is a logit."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """Everything that makes an engine run one network.

    Attributes
    ----------
    config : EngineConfig
        The engine that it is for.
    operations : tuple of Operation
    channels : tuple of int
        Words of the channel memory, lane by lane, line by line, unsigned.
    weights : bytes
        The weight memory's first lines.
    image_base, image_stride : int
        Of the image buffers, in bytes.
    image_words : int
        Words of four bytes of an image.
    n_classes : int
    thresholds : tuple of int
        One for each exit; that of the final one is the lowest legal threshold.
    """

    config: EngineConfig
    operations: tuple[Operation, ...]
    channels: tuple[int, ...]
    weights: bytes
    image_base: int
    image_stride: int
    image_words: int
    n_classes: int
    thresholds: tuple[int, ...]

    def logit_lanes(self, operation: Operation) -> list[list[int]]:
        """Return the lanes of each line of an operation whose channels are logits."""
        line = self.config.requantizers * CHANNEL_WORDS
        lines = (operation.groups - 1) * operation.drain_steps + operation.last_group_steps
        first = operation.channel_base * line + (3 if operation.residual else 1)
        return [
            [
                lane
                for lane, word in enumerate(self.channels[start : start + line : CHANNEL_WORDS])
                if word & LOGIT
            ]
            for start in range(first, first + lines * line, line)
        ]

    @property
    def words(self) -> list[int]:
        """Words of the program memory."""
        return [word for operation in self.operations for word in operation.encode()]
