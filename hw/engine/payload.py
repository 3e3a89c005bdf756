"""What the parts of the engine hand to each other."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from ...golden.spec.decision import DecisionConfig
from ...golden.spec.engine import ACCUMULATOR_WIDTH, EngineConfig
from ...golden.spec.engine_faults import IMAGE_FAULTS, PROGRAM_FAULTS
from ...golden.spec.operation import NARROW, WIDE, WORDS, flags_of

__all__ = [
    "Descriptor",
    "DrainFaults",
    "Emission",
    "Faults",
    "ImageBeat",
    "LoadBeat",
    "Result",
    "Step",
    "TileEnd",
    "Transfer",
    "address_width",
    "offset_width",
]


def address_width(config: EngineConfig) -> int:
    """Bits of a byte address of the activation memory."""
    return (config.activation_bytes - 1).bit_length()


def offset_width(config: EngineConfig) -> int:
    """Bits of a signed offset from the start of a tensor, padding included."""
    return min(WIDE, address_width(config) + 2)


class Descriptor(data.StructLayout):
    """An operation as its words lie in the program memory; fields as in `Operation`.

    Narrow fields hold one less than the count. What no field takes is `unused_<word>`.
    """

    def __init__(self):
        fields = {}
        for number, (wide, narrow) in enumerate(WORDS):
            fields[wide] = WIDE
            flags = flags_of(number)
            if narrow:
                fields[narrow] = NARROW
            for flag in flags:
                fields[flag] = 1
            if rest := 0 if narrow else 32 - WIDE - len(flags):
                fields[f"unused_{number}"] = rest
        super().__init__(fields)


class TileEnd(data.StructLayout):
    """Where in the operation a tile stands.

    Members
    -------
    window_first, window_last : 1
        It is the first, the last of a pool's window; both without a pool.
    group_last : 1
        It is the last of its group of output channels.
    last_group : 1
        It is in the last group.
    """

    def __init__(self):
        super().__init__({"window_first": 1, "window_last": 1, "group_last": 1, "last_group": 1})


class Step(data.StructLayout):
    """One cycle of the MAC array.

    Members
    -------
    row, column : signed
        Offsets of the kernel row and, in it, of the first byte, from the source's base.
    inside : 1
        Whether the row is in the source; nothing is added otherwise.
    line : unsigned
        Line of weights, with a bit that tells that it is beyond the memory.
    last : 1
        Whether it ends a tile.
    tile : TileEnd
        Of the tile that it ends.
    """

    def __init__(self, config: EngineConfig):
        offset = signed(offset_width(config))
        super().__init__(
            {
                "row": offset,
                "column": offset,
                "inside": 1,
                "line": (config.weight_lines - 1).bit_length() + 1,
                "last": 1,
                "tile": TileEnd(),
            }
        )


class Emission(data.StructLayout):
    """One step of the drain: accumulators that leave the array together.

    Members
    -------
    step : unsigned
        Which of the tile's steps.
    address : unsigned
        Where the first byte goes.
    window_first, window_last : 1
        As in `TileEnd`.
    last : 1
        Whether it is the operation's last.
    """

    def __init__(self, config: EngineConfig):
        super().__init__(
            {
                "step": max(1, (config.tile_steps - 1).bit_length()),
                "address": address_width(config),
                "window_first": 1,
                "window_last": 1,
                "last": 1,
            }
        )


class DrainFaults(data.StructLayout):
    """What the drain finds wrong: those of `Faults`, each for one cycle."""

    def __init__(self):
        super().__init__(dict.fromkeys(("read", "write", "channels", "tile"), 1))


class Faults(data.StructLayout):
    """What is wrong, each for one cycle; see `offramp.golden.spec.engine_faults`."""

    def __init__(self):
        super().__init__(dict.fromkeys((*IMAGE_FAULTS, *PROGRAM_FAULTS), 1))


class Transfer(data.StructLayout):
    """An aligned word of four bytes that goes to the activation memory.

    Members
    -------
    address : unsigned
        Byte address; the lowest two bits do not count.
    data : 8 bits [4]
    enable : 4
        Which bytes are written.
    """

    def __init__(self, config: EngineConfig):
        super().__init__(
            {
                "address": address_width(config),
                "data": data.ArrayLayout(8, 4),
                "enable": 4,
            }
        )


class ImageBeat(data.StructLayout):
    """Four bytes of an image.

    Members
    -------
    data : 8 bits [4]
        The first in the lowest bits.
    last : 1
        The image ends here.
    spoiled : 1
        It is to be dropped.
    """

    def __init__(self):
        super().__init__({"data": data.ArrayLayout(8, 4), "last": 1, "spoiled": 1})


class LoadBeat(data.StructLayout):
    """A word for the program, channel or weight memory.

    Members
    -------
    memory : 2
        0 program, 1 channels, 2 weights.
    address : 24
        In words of 32 bits.
    data : 32
    """

    def __init__(self):
        super().__init__({"memory": 2, "address": 24, "data": 32})


class Result(data.StructLayout):
    """What an image gave.

    Members
    -------
    label, score : as in the decision.
    exit_index : unsigned
        Exit at which it left.
    cycles : unsigned(32)
        From the start of the image to its decision.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__(
            {
                "label": config.label_width,
                "exit_index": config.exit_index_width,
                "score": signed(config.score_format.width),
                "cycles": unsigned(32),
            }
        )


ACCUMULATOR = signed(ACCUMULATOR_WIDTH)
"""Shape of an accumulator."""
