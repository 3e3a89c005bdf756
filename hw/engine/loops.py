"""The loops of an operation: one step of the MAC array a cycle."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .loop_counters import Advance, LoopCounters
from .offsets import Columns, Lines, Rows
from .payload import Descriptor, Step

__all__ = ["Loops"]


class Loops(wiring.Component):
    """Walk the eight loops of an operation with adders and counters only.

    ::

        start ──> LoopCounters ──advance──[register]──> Columns, Lines ──> step
                    ^      └──row_ends──> Rows ──[register]─────────────────^
                    └─inside───────────────┘

    Rows are ahead by a cycle, because a row that is outside counts as one step.

    Latency: `latency` cycles from `start` to the first step. Throughput: one step a cycle, except
    that a tile does not end before `tile_spacing` cycles after the one before.

    Members
    -------
    descriptor : In(Descriptor)
        Its fields before `DRAIN_WORD` must not change from the cycle before `start` to `done`.
    start : In(1)
    step : Out(Step)
    valid : Out(1)
    done : Out(1)
        In the cycle of the last step.
    """

    latency = 3

    def __init__(self, config: EngineConfig, family: str = "generic"):
        self._config = config
        self._family = family
        super().__init__(
            {
                "descriptor": In(Descriptor()),
                "start": In(1),
                "step": Out(Step(config)),
                "valid": Out(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.counters = counters = LoopCounters(self._config.count_bits)
        m.submodules.rows = rows = Rows(self._config, self._family)
        m.submodules.columns = columns = Columns(self._config)
        m.submodules.lines = lines = Lines(self._config)

        prepare, prepare_offsets = Signal(), Signal()
        m.d.sync += [prepare.eq(self.start), prepare_offsets.eq(prepare)]
        m.d.comb += [
            *(part.descriptor.eq(self.descriptor) for part in (counters, rows, columns, lines)),
            counters.prepare.eq(prepare),
            counters.inside.eq(rows.inside),
            rows.prepare.eq(prepare),
            rows.row_ends.eq(counters.row_ends),
            rows.behind_row.eq(counters.behind_row),
        ]

        go = Signal()
        advance = Signal(Advance())
        final = counters.final
        step = self.step
        window_last = final.window_columns & final.window_rows
        m.d.sync += [
            go.eq(counters.go),
            advance.eq(counters.advance),
            self.done.eq(counters.done),
            step.row.eq(rows.row),
            step.inside.eq(rows.inside),
            step.last.eq(counters.advance.tile_ends),
            step.tile.window_first.eq(counters.window_first),
            step.tile.window_last.eq(window_last),
            step.tile.group_last.eq(window_last & final.out_columns & final.out_rows),
            step.tile.last_group.eq(final.groups),
        ]
        m.d.comb += [
            self.valid.eq(go),
            columns.prepare.eq(prepare_offsets),
            columns.advance.eq(advance),
            lines.prepare.eq(prepare_offsets),
            lines.advance.eq(advance),
            lines.go.eq(go),
            lines.inside.eq(step.inside),
            step.column.eq(columns.column),
            step.line.eq(lines.line),
        ]
        return m
