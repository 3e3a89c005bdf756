"""Where a step reads: offsets of its kernel row and of its bytes in the row, and its weights."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .loop_counters import Advance
from .payload import Descriptor, offset_width

__all__ = ["Columns", "Lines", "Rows"]


def _choose(m, register, choices):
    """Return the value whose condition holds, at most one does, and whether one holds."""
    value = 0
    any_holds = 0
    for condition, choice in choices:
        chosen = Signal.like(register, name=f"{register.name}_choice")
        m.d.comb += chosen.eq(choice)
        value = value | Mux(condition, chosen, 0)
        any_holds = any_holds | condition
    return value, any_holds


class Columns(wiring.Component):
    """Keep the offset of the first byte of a step in its row.

    Each loop keeps where its present iteration begins; the one that goes on adds its step, and
    those inside it begin there anew.

    Members
    -------
    descriptor : In(Descriptor)
    prepare : In(1)
    advance : In(Advance)
    column : Out(signed)
    """

    def __init__(self, config: EngineConfig):
        self._config = config
        self._shape = signed(offset_width(config))
        super().__init__(
            {
                "descriptor": In(Descriptor()),
                "prepare": In(1),
                "advance": In(Advance()),
                "column": Out(self._shape),
            }
        )

    def elaborate(self, platform):
        m = Module()
        fields, advance = self.descriptor, self.advance
        kernel, window, out, group = (
            Signal(self._shape, name=name) for name in ("kernel", "window", "out", "group")
        )
        # what goes on where, and from which level on all inside follow
        moves = [
            (0, advance.run_steps, self.column + self._config.in_lanes),
            (1, advance.kernel_columns, kernel + fields.kernel_column_step),
            (1, advance.kernel_rows, window),
            (2, advance.window_columns, window + fields.window_column_step),
            (2, advance.window_rows, out),
            (3, advance.out_columns, out + fields.out_column_step),
            (3, advance.out_rows, group),
            (4, advance.groups, group + fields.group_source_step),
            (4, self.prepare, fields.column_start.as_signed()),
        ]
        for level, register in enumerate((self.column, kernel, window, out, group)):
            choices = [(condition, value) for top, condition, value in moves if top >= level]
            value, goes_on = _choose(m, register, choices)
            with m.If(goes_on):
                m.d.sync += register.eq(value)
        return m


class Rows(wiring.Component):
    """Keep the offset of a kernel row, and whether it is in the source.

    Two signs tell that: of the offset, and of the offset less the limit, which is kept beside it.
    For "ice40" it is compared instead, which is slower and takes half the cells. What a row ends
    with depends on it, so the next row is chosen without, and only taken or not.

    Members
    -------
    descriptor : In(Descriptor)
    prepare : In(1)
    row_ends : In(1)
    behind_row : In(Advance)
    row : Out(signed)
    inside : Out(1)
    """

    def __init__(self, config: EngineConfig, family: str = "generic"):
        self._shape = signed(offset_width(config))
        self._compares = family == "ice40"
        super().__init__(
            {
                "descriptor": In(Descriptor()),
                "prepare": In(1),
                "row_ends": In(1),
                "behind_row": In(Advance()),
                "row": Out(self._shape),
                "inside": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        fields, behind = self.descriptor, self.behind_row
        start = fields.row_start.as_signed()
        firsts = {"row": start}
        if not self._compares:
            firsts["beyond"] = Signal(self._shape, name="start_beyond")
            m.d.sync += firsts["beyond"].eq(start - fields.row_limit)
        kernels = []
        for name, first in firsts.items():
            kernel, window, out = (
                Signal(self._shape, name=f"{name}_of_{loop}")
                for loop in ("kernel", "window", "out")
            )
            moves = [
                (0, behind.kernel_rows, kernel + fields.kernel_row_step),
                (0, behind.window_columns, window),
                (1, behind.window_rows, window + fields.window_row_step),
                (1, behind.out_columns, out),
                (2, behind.out_rows, out + fields.out_row_step),
                (2, behind.groups, first),
            ]
            for level, register in enumerate((kernel, window, out)):
                choices = [(condition, value) for top, condition, value in moves if top >= level]
                value, goes_on = _choose(m, register, choices)
                with m.If(self.prepare):
                    m.d.sync += register.eq(first)
                with m.Elif(self.row_ends & goes_on):
                    m.d.sync += register.eq(value)
            kernels.append(kernel)
        row = kernels[0]
        before_limit = row < fields.row_limit if self._compares else kernels[1][-1]
        m.d.comb += [self.row.eq(row), self.inside.eq(~row[-1] & before_limit)]
        return m


class Lines(wiring.Component):
    """Keep the line of weights of a step.

    Members
    -------
    descriptor : In(Descriptor)
    prepare : In(1)
    go : In(1)
    inside : In(1)
        Whether the step's row is in the source.
    advance : In(Advance)
    line : Out
        With a bit that tells that it is beyond the memory.
    """

    def __init__(self, config: EngineConfig):
        super().__init__(
            {
                "descriptor": In(Descriptor()),
                "prepare": In(1),
                "go": In(1),
                "inside": In(1),
                "advance": In(Advance()),
                "line": Out((config.weight_lines - 1).bit_length() + 1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        fields, go, advance, line = self.descriptor, self.go, self.advance, self.line
        group = Signal.like(line)
        following = Signal.like(line)
        m.d.comb += following.eq(line + Mux(self.inside, 1, fields.row_weight_lines))
        with m.If(self.prepare | (go & fields.weight_rewind & advance.run_ends)):
            m.d.sync += [line.eq(fields.weight_base), group.eq(fields.weight_base)]
        with m.Elif(go & advance.group_ends):
            m.d.sync += [line.eq(following), group.eq(following)]
        with m.Elif(go & advance.tile_ends):
            m.d.sync += line.eq(group)
        with m.Elif(go):
            m.d.sync += line.eq(following)
        return m
