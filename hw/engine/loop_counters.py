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
                "final": Out(Advance()),
                "window_first": Out(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        fields, prepare, go, advance = self.descriptor, self.prepare, self.go, self.advance

        # a row outside is one step, whatever its columns and runs
        ends = {level: self.final[level] | ~self.inside for level in LOOPS[:2]}
        ends |= {level: self.final[level] for level in LOOPS[2:]}
        # carry[k]: all levels inside level k are in their last iteration
        carry = [1]
        for level in LOOPS:
            carry.append(carry[-1] & ends[level])
        for number, level in enumerate(LOOPS):
            count = Signal(self._count_bits, name=f"{level}_left")
            first = fields[level][: self._count_bits]
            single = Signal(name=f"{level}_single")
            final = self.final[level]
            m.d.sync += single.eq(first == 0)
            m.d.comb += advance[level].eq(go & carry[number] & ~ends[level])
            with m.If(prepare | (go & carry[number + 1])):
                m.d.sync += [count.eq(first), final.eq(single)]
            with m.Elif(go & carry[number]):
                m.d.sync += [count.eq(count - 1), final.eq(count == 1)]
        m.d.comb += [
            advance.run_ends.eq(carry[1]),
            advance.tile_ends.eq(carry[3]),
            advance.group_ends.eq(carry[7]),
        ]

        running = Signal()
        m.d.comb += self.done.eq(go & carry[8])
        with m.If(prepare):
            m.d.sync += running.eq(1)
        with m.Elif(self.done):
            m.d.sync += running.eq(0)

        # -- tiles do not end before the drain is ready for them ----------------------------------
        tile_spacing = fields.tile_spacing[: self._count_bits]
        spacing = Signal.like(tile_spacing, name="spacing_left")
        spaced = Signal()
        m.d.comb += go.eq(running & (spaced | ~carry[3]))
        with m.If(go & carry[3]):
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
