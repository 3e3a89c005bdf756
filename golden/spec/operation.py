"""Operations of the engine: what a descriptor in the program memory says, word by word.

An operation reads one tensor of the activation memory and writes another; bytes, channel-last. It
is eight nested loops, the last of these the innermost::

    for group in groups:                        # of out_lanes output channels
      for out_row, out_column:                  # a pixel of the output
        for window_row, window_column:          # a pixel of the maximum pool; 1 x 1 without
          # a tile: the accumulators of all output lanes start at 0
          for kernel_row, kernel_column:
            for step in run_steps:
              offset = column + step * in_lanes
              a[j] = memory[source_base + row + offset + j] if inside else 0
              accumulator[o] += sum over j of weight[line][o][j] * a[j]

with ``row = row_start + out_row * out_row_step + window_row * window_row_step + kernel_row *
kernel_row_step`` and ``column`` likewise, beginning at ``column_start + group *
group_source_step``, all in bytes. ``inside`` is ``0 <= row < row_limit and 0 <= offset + j <
column_limit``: that is the padding. A kernel row outside takes one cycle and `row_weight_lines`
lines of weights, without adding anything.

Lines of weights follow each other from `weight_base` on, step by step; each tile of a group begins
with the group's first line, and the next group goes on behind. With `weight_rewind` each kernel
column of each tile begins with `weight_base`.

The tile then leaves the array in `drain_steps` steps (`last_group_steps` in the last group) of
``requantizers`` channels: step k has the channels ``k * requantizers`` to ``(k + 1) * requantizers
- 1`` of the group, and the line ``channel_base + (steps of earlier groups) + k`` of the channel
memory. For each::

    q = requantize(accumulator + bias, multiplier, shift, to int8 if out_signed else uint8)
    if residual:
        b = memory[residual_base + (out - out_base)]        # int8 if other_signed else uint8
        q = requantize(q * first_multiplier + b * other_multiplier, 1, residual_shift,
                       to int8 if sum_signed else uint8)
    if pool: q = maximum over the window
    memory[out] = q

``out = out_base + pixel * out_pixel_step + group * out_group_step + channel in the group``; with a
pool it is written behind the window's last pixel.

With `logits` the channels that the channel memory marks are also logits of the decision unit, in
their order; the last step has at least one. Steps follow each other at intervals of `requantizers`
cycles, for the unit takes one logit a cycle. The program goes on behind them if the unit does not
exit and the operation is not `final`.

Tiles follow each other at intervals of ``max(cycles of the tile, tile_spacing)``: the drain takes
that long.

What an operation writes lies apart from what it reads, but that `residual_base` may be `out_base`:
each byte of the operand is read before it is written.
"""

from dataclasses import dataclass, fields

from .checks import require_int

WIDE = 20
"""Bits of an address, offset or step."""

NARROW = 12
"""Bits of a count less one."""

FLAGS = {
    "image": 0, "weight_rewind": 0, "source_signed": 14,
    "out_signed": 14, "residual": 14, "other_signed": 14, "sum_signed": 14, "pool": 14,
    "logits": 14, "final": 14,
}  # fmt: skip
"""Flags, and the word in whose narrow half they lie, in their order from bit `WIDE` on.

Those of words before `DRAIN_WORD` are needed up to the last step that begins; the sign of the
source until its operands have arrived."""

WORDS: tuple[tuple[str, str | None], ...] = (
    ("source_base", None),
    ("row_start", "kernel_rows"),
    ("row_limit", "window_rows"),
    ("kernel_row_step", "out_rows"),
    ("window_row_step", "run_steps"),
    ("out_row_step", "kernel_columns"),
    ("column_start", "window_columns"),
    ("column_limit", "out_columns"),
    ("kernel_column_step", "groups"),
    ("window_column_step", "tile_spacing"),
    ("out_column_step", None),
    ("group_source_step", None),
    ("weight_base", None),
    ("row_weight_lines", None),
    ("out_base", None),
    ("out_pixel_step", "drain_steps"),
    ("out_group_step", "last_group_steps"),
    ("residual_base", "exit_index"),
    ("channel_base", None),
)
"""Wide and narrow field of each word of a descriptor; narrow ones are stored less one."""

DRAIN_WORD = 14
"""First word that the drain reads: it is loaded when the tiles before have left."""

LOOPS = (
    "run_steps", "kernel_columns", "kernel_rows", "window_columns", "window_rows",
    "out_columns", "out_rows", "groups",
)  # fmt: skip
"""Counts of the loops, the innermost first."""

SIGNED_FIELDS = ("row_start", "column_start")
"""Fields in two's complement; all others are not negative, and so are sums of steps and starts
where they are inside."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation; see the equations above.

    Counts are 1 to 4096, `exit_index` is 1 more than the index of the exit, for the same format.
    `image` adds the offset of the image buffer that is being worked on to `source_base`.

    Raises
    ------
    TypeError, ValueError
        A field does not fit its bits.
    """

    source_base: int
    row_start: int = 0
    row_limit: int = 1
    kernel_row_step: int = 0
    window_row_step: int = 0
    out_row_step: int = 0
    column_start: int = 0
    column_limit: int
    kernel_column_step: int = 0
    window_column_step: int = 0
    out_column_step: int = 0
    group_source_step: int = 0
    weight_base: int
    row_weight_lines: int = 0
    out_base: int
    out_pixel_step: int
    out_group_step: int
    residual_base: int = 0
    channel_base: int
    kernel_rows: int = 1
    window_rows: int = 1
    out_rows: int = 1
    run_steps: int
    kernel_columns: int = 1
    window_columns: int = 1
    out_columns: int = 1
    groups: int = 1
    tile_spacing: int
    drain_steps: int
    last_group_steps: int
    exit_index: int = 1
    image: bool = False
    source_signed: bool = False
    weight_rewind: bool = False
    out_signed: bool = False
    residual: bool = False
    other_signed: bool = False
    sum_signed: bool = False
    pool: bool = False
    logits: bool = False
    final: bool = False

    def __post_init__(self) -> None:
        for wide, narrow in WORDS:
            thing = wide.replace("_", " ").capitalize()
            if wide in SIGNED_FIELDS:
                require_int(thing, getattr(self, wide), -(1 << (WIDE - 1)), (1 << (WIDE - 1)) - 1)
            else:
                require_int(thing, getattr(self, wide), 0, (1 << (WIDE - 1)) - 1)
            if narrow:
                thing = narrow.replace("_", " ").capitalize()
                require_int(thing, getattr(self, narrow), 1, 1 << NARROW)

    def encode(self) -> list[int]:
        """Return the words of the descriptor."""
        words = []
        for number, (wide, narrow) in enumerate(WORDS):
            low = getattr(self, wide) & ((1 << WIDE) - 1)
            high = getattr(self, narrow) - 1 if narrow else 0
            for bit, flag in enumerate(flags_of(number)):
                high |= int(getattr(self, flag)) << bit
            words.append(low | high << WIDE)
        return words

    @classmethod
    def decode(cls, words: list[int]) -> "Operation":
        """Return the operation of the words of a descriptor.

        Raises
        ------
        ValueError
            There are not as many words as a descriptor has.
        """
        if len(words) != len(WORDS):
            raise ValueError(f"Words of a descriptor must be {len(WORDS)}, not {len(words)}")
        values: dict[str, int | bool] = {}
        for number, (word, (wide, narrow)) in enumerate(zip(words, WORDS, strict=True)):
            low, high = word & ((1 << WIDE) - 1), word >> WIDE
            sign = 1 << (WIDE - 1)
            values[wide] = (low ^ sign) - sign if wide in SIGNED_FIELDS else low
            if narrow:
                values[narrow] = high + 1
            for bit, flag in enumerate(flags_of(number)):
                values[flag] = bool(high >> bit & 1)
        return cls(**values)  # type: ignore[arg-type]

    @property
    def tiles(self) -> int:
        """Tiles of the operation."""
        return (
            self.groups * self.out_rows * self.out_columns * self.window_rows * self.window_columns
        )


def drain_interval(requantizers: int, *, residual: bool, logits: bool) -> int:
    """Return the cycles from one step of the drain to the next.

    A residual operand is read through the port that also writes, and added in a second pass. The
    logits of a step follow each other.
    """
    return max(2 if residual else 1, requantizers if logits else 1)


def tile_spacing(drain_steps: int, *, interval: int = 1, pool: bool = False) -> int:
    """Return the least legal `tile_spacing` with steps at intervals, counted from the start.

    The maximum of a window so far can be compared two cycles later.
    """
    spacing = interval * drain_steps + interval - 1
    return max(2, spacing) if pool else spacing


def flags_of(word: int) -> tuple[str, ...]:
    """Return the flags in a word of a descriptor, from the lowest bit on."""
    return tuple(name for name, place in FLAGS.items() if place == word)


assert {field.name for field in fields(Operation)} == {
    *FLAGS, *(name for pair in WORDS for name in pair if name),
}  # fmt: skip
