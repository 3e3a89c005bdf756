"""Which of the eight loops of an operation goes on."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.operation import LOOPS, NARROW
from .payload import Descriptor

__all__ = ["Advance", "LoopCounters"]


class Advance(data.StructLayout):
    """What follows the present step.

    Members
    -------
    run_steps, ... : 1
        The loop that goes on, those inside it beginning anew; none behind the last step.
    run_ends, tile_ends, group_ends : 1
        The step ends a run, a tile, a group.
    """

    def __init__(self):
        super().__init__(dict.fromkeys((*LOOPS, "run_ends", "tile_ends", "group_ends"), 1))


class LoopCounters(wiring.Component):
    """Count the iterations of all loops. Each counter knows whether it is in its last iteration.

    Whether a row is inside is known late in a cycle. So the loop that goes on behind the row is
    told apart from whether the row ends.

    Parameters
    ----------
    count_bits : int
        As of `EngineConfig`.

    Members
    -------
    descriptor : In(Descriptor)
        Must not change from the cycle before `prepare` on.
    prepare : In(1)
        All loops begin in the next cycle.
    inside : In(1)
        Whether the present kernel row is in the source; if not, it is one step.
    go : Out(1)
        There is a step in this cycle.
    advance : Out(Advance)
        With `go`.
    row_ends : Out(1)
        The present step is the last of its kernel row, and does not wait.
    behind_row : Out(Advance)
        The loop that goes on when the present kernel row ends; those inside a row are 0.
    final : Out(Advance)
        Of each loop, whether it is in its last iteration.
    window_first : Out(1)
        Whether the tile is the first of its window.
    done : Out(1)
        The present step is the operation's last.
    """

    def __init__(self, count_bits: int = NARROW):
        self._count_bits = count_bits
        super().__init__(
            {
                "descriptor": In(Descriptor()),
                "prepare": In(1),
                "inside": In(1),
                "go": Out(1),
                "advance": Out(Advance()),
                "row_ends": Out(1),
                "behind_row": Out(Advance()),
                "final": Out(Advance()),
                "window_first": Out(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        fields, prepare, go, advance = self.descriptor, self.prepare, self.go, self.advance

        running, spaced = Signal(), Signal()
        in_row, around = LOOPS[:2], LOOPS[2:]
        # a row outside is one step, whatever its columns and runs
        ends = [self.final[level] | ~self.inside for level in in_row]
        ends += [self.final[level] for level in around]
        # carry[k]: all loops inside loop k are in their last iteration
        carry = [1]
        for level_ends in ends:
            carry.append(carry[-1] & level_ends)
        # a tile waits in its last row only
        m.d.comb += self.row_ends.eq(running & carry[2] & (spaced | ~self.final.kernel_rows))
        # reached[k]: loop k goes on or begins anew
        reached = [go, go & carry[1]]
        for number, level in enumerate(in_row):
            m.d.comb += advance[level].eq(running & carry[number] & ~ends[number])
        all_final = 1
        for level in around:
            reached.append(self.row_ends & all_final)
            m.d.comb += [
                self.behind_row[level].eq(all_final & ~self.final[level]),
                advance[level].eq(self.row_ends & self.behind_row[level]),
            ]
            all_final = all_final & self.final[level]
        reached.append(self.row_ends & all_final)
        for number, level in enumerate(LOOPS):
            count = Signal(self._count_bits, name=f"{level}_left")
            first = fields[level][: self._count_bits]
            single = Signal(name=f"{level}_single")
            final = self.final[level]
            m.d.sync += single.eq(first == 0)
            with m.If(prepare | reached[number + 1]):
                m.d.sync += [count.eq(first), final.eq(single)]
            with m.Elif(reached[number]):
                m.d.sync += [count.eq(count - 1), final.eq(count == 1)]
        m.d.comb += [
            advance.run_ends.eq(carry[1]),
            advance.tile_ends.eq(carry[3]),
            advance.group_ends.eq(carry[7]),
        ]

        m.d.comb += self.done.eq(reached[8])
        with m.If(prepare):
            m.d.sync += running.eq(1)
        with m.Elif(self.done):
            m.d.sync += running.eq(0)

        # -- tiles do not end before the drain is ready for them ----------------------------------
        tile_spacing = fields.tile_spacing[: self._count_bits]
        spacing = Signal.like(tile_spacing, name="spacing_left")
        m.d.comb += go.eq(running & (spaced | ~carry[3]))
        with m.If(reached[3]):
            m.d.sync += [spacing.eq(tile_spacing), spaced.eq(tile_spacing == 0)]
        with m.Elif(~spaced):
            m.d.sync += [spacing.eq(spacing - 1), spaced.eq(spacing == 1)]
        with m.If(prepare):
            m.d.sync += spaced.eq(1)  # the first tile waits for none

        opens = advance.out_columns | advance.out_rows | advance.groups
        with m.If(prepare | opens):
            m.d.sync += self.window_first.eq(1)
        with m.Elif(advance.window_columns | advance.window_rows):
            m.d.sync += self.window_first.eq(0)
        return m
