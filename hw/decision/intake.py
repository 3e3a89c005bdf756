"""Vectors from the bus: checked, made legal, and noted for when they are decided."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import SELECTION_WIDTH
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_streams import (
    beat_bytes,
    logit_bytes,
    max_beats,
    user_fields,
    user_width,
)
from ..axi.signature import AxiStream
from .lane_mask import LaneMask
from .payload import LogitBeat

__all__ = ["Errors", "VectorIntake", "VectorNote"]


class VectorNote(data.StructLayout):
    """What is kept beside the core of a vector inside.

    Members
    -------
    criterion : 1
        The criterion may take the exit.
    guard : 1
        The budget guard takes it.
    error : 1
        The vector is illegal; the other two are 0.
    exit_index : exit_index_width
        As it came, legal or not.
    selection : 3
        Code of the criterion, if there are several.
    """

    def __init__(self, config: DecisionConfig):
        fields = {"criterion": 1, "guard": 1, "error": 1, "exit_index": config.exit_index_width}
        if len(config.criteria) > 1:
            fields["selection"] = SELECTION_WIDTH
        super().__init__(fields)


class Errors(data.StructLayout):
    """What may be wrong with a vector; named as in the status register."""

    def __init__(self):
        super().__init__({"short_vector": 1, "long_vector": 1, "exit_index": 1, "keep": 1})


class VectorIntake(wiring.Component):
    """Take vectors from AXI4-Stream and give the core legal ones.

    What is illegal is flagged and reaches the core in a legal form, so that each TLAST has one
    decision: of a vector that is too long the beats between are dropped, and what is too much of
    the last; a single logit is sent twice, an exit that there is not counts as exit 0. See
    `offramp.golden.spec.decision_streams.logits_of_beats` and `legal_logits`.

    With a vector's last beat the enable of its exit and the budget guard are sampled: they hold
    for this vector, whatever is written later, so a write never falls inside one.

    Latency: 1 cycle. Throughput: one beat a cycle. `bus.tready` depends on no input of the bus.

    Members
    -------
    bus : In(AxiStream)
        TDATA is a logit, or one for each lane, in whole bytes, bits beyond its width ignored.
        TKEEP must be all ones; with several lanes that of a last beat says which lanes hold
        logits, those from lane 0 on without a gap. TUSER is taken from the last beat.
    enable : In(1)
        Begin vectors; one that was begun is finished without it.
    hold : In(1)
        Take nothing.
    criterion_enable : In [n_exits]
    selection : In(3) [n_exits]
        Code of the criterion of each exit.
    guard_enable, guard_exit_index : In
        Take exits of that index and above.
    taken : Out(1)
        The last beat of a vector is taken in this cycle; with it
    errors : Out(Errors)
        what is wrong with the vector, all 0 without `taken`,
    exit_index : Out(exit_index_width)
        its exit, as the core will see it, and
    note : Out(VectorNote)
        what is to be kept of it.
    o : Out(stream of LogitBeat)
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "bus": In(AxiStream(beat_bytes(config), user_width(config))),
                "enable": In(1),
                "hold": In(1),
                "criterion_enable": In(1).array(config.n_exits),
                "selection": In(SELECTION_WIDTH).array(config.n_exits),
                "guard_enable": In(1),
                "guard_exit_index": In(config.exit_index_width),
                "taken": Out(1),
                "errors": Out(Errors()),
                "exit_index": Out(config.exit_index_width),
                "note": Out(VectorNote(config)),
                "o": Out(stream.Signature(LogitBeat(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        bus = self.bus

        full = Signal()
        beat = Signal(LogitBeat(config))
        twice = Signal()
        # of the beat in a longest vector; Verilog has no signal without bits
        position = Signal(range(max(2, max_beats(config))))
        begun = Signal()
        excess = Signal()
        take = Signal()
        m.d.comb += [
            bus.tready.eq((~full | (self.o.ready & ~twice)) & (self.enable | begun) & ~self.hold),
            take.eq(bus.tvalid & bus.tready),
            self.taken.eq(take & bus.tlast),
            # too many, unless this is the last: that one is needed to end the vector
            excess.eq((position == max_beats(config) - 1) & ~bus.tlast),
            self.o.valid.eq(full),
            self.o.payload.eq(beat),
            self.o.payload.last.eq(beat.last & ~twice),
        ]

        exit_index, sample = (
            bus.tuser[field.lsb : field.lsb + field.width] for field in user_fields(config)
        )
        mask = self._elaborate_lanes(m, position)
        errors = self._elaborate_errors(m, take, begun, excess, exit_index, mask=mask)
        m.d.comb += self.exit_index.eq(Mux(errors.exit_index, 0, exit_index))
        self._elaborate_note(m, errors, exit_index)

        with m.If(full & self.o.ready):
            m.d.sync += twice.eq(0)
            with m.If(~twice):
                m.d.sync += full.eq(0)
        with m.If(take):
            m.d.sync += [begun.eq(~bus.tlast), position.eq(Mux(bus.tlast, 0, position + 1))]
            with m.If(excess):
                m.d.sync += position.eq(position)
            with m.Else():
                m.d.sync += full.eq(1)
                if mask is None:
                    m.d.sync += [
                        twice.eq(bus.tlast & ~begun),
                        beat.logit.eq(bus.tdata[: config.logit_width]),
                    ]
                else:
                    self._elaborate_beat(m, beat, begun, mask)
                m.d.sync += [
                    beat.last.eq(bus.tlast),
                    beat.exit_index.eq(self.exit_index),
                    beat.tag.eq(sample),
                ]
        return m

    def _elaborate_lanes(self, m, position):
        """Return what TKEEP says of a last beat; None with one lane."""
        if self._config.lanes == 1:
            return None
        m.submodules.mask = mask = LaneMask(self._config)
        at_end = position == max_beats(self._config) - 1
        m.d.comb += [mask.tkeep.eq(self.bus.tkeep), mask.full.eq(at_end)]
        return mask

    def _elaborate_beat(self, m, beat, begun, mask):
        """Take over the logits of several lanes."""
        config, bus = self._config, self.bus
        step = 8 * logit_bytes(config)
        for lane, logit in enumerate(beat.logits):
            m.d.sync += logit.eq(bus.tdata[lane * step : lane * step + config.logit_width])
        m.d.sync += beat.keep.eq(mask.counts)
        # where a longest vector has one beat, the last one is all that is left of a longer one
        single = ~begun if max_beats(config) > 1 else 1
        with m.If(bus.tlast & mask.alone & single):
            m.d.sync += [
                beat.logits[1].eq(bus.tdata[: config.logit_width]),
                beat.keep[1].eq(1),
            ]

    def _of_exit(self, m, values, exit_index):
        """Return the element of an array of an exit, that of exit 0 if there is no such exit."""
        chosen = Signal.like(values[0], name=f"chosen_{values[0].name}")
        m.d.comb += chosen.eq(values[0])
        with m.Switch(exit_index):
            for number in range(1, len(values)):
                with m.Case(number):
                    m.d.comb += chosen.eq(values[number])
        return chosen

    def _elaborate_errors(self, m, take, begun, excess, exit_index, *, mask):
        config, bus = self._config, self.bus
        errors = Signal(Errors())
        dropped, gap = Signal(), Signal()
        with m.If(take):
            m.d.sync += [
                # once too many, so is every beat up to the last
                dropped.eq(excess),
                gap.eq(~bus.tlast & errors.keep),
            ]
        if mask is None:
            m.d.comb += [
                errors.short_vector.eq(~begun),
                errors.long_vector.eq(dropped),
                errors.keep.eq(gap | ~bus.tkeep.all()),
            ]
        else:
            m.d.comb += [
                errors.short_vector.eq(~begun & mask.alone),
                errors.long_vector.eq(dropped | mask.too_many),
                errors.keep.eq(gap | Mux(bus.tlast, ~mask.legal, ~bus.tkeep.all())),
            ]
        if config.n_exits < 1 << len(exit_index):
            m.d.comb += errors.exit_index.eq(exit_index >= config.n_exits)
        with m.If(self.taken):
            m.d.comb += self.errors.eq(errors)
        return errors

    def _elaborate_note(self, m, errors, exit_index):
        note = self.note
        m.d.comb += note.exit_index.eq(exit_index)
        with m.If(errors.as_value().any()):
            m.d.comb += note.error.eq(1)
        with m.Else():
            m.d.comb += [
                note.criterion.eq(self._of_exit(m, self.criterion_enable, exit_index)),
                note.guard.eq(self.guard_enable & (exit_index >= self.guard_exit_index)),
            ]
        if "selection" in note.shape().members:
            m.d.comb += note.selection.eq(self._of_exit(m, self.selection, exit_index))
