"""Vectors from the bus: checked, made legal, and noted for when they are decided."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import SELECTION_WIDTH
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_streams import logit_bytes, user_fields, user_width
from ..axi.signature import AxiStream
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
    decision: of a vector that is too long all but the first ``n_classes - 1`` logits and the last
    are dropped, a single logit is sent twice, an exit that there is not counts as exit 0.

    With a vector's last beat the enable of its exit and the budget guard are sampled: they hold
    for this vector, whatever is written later, so a write never falls inside one.

    Latency: 1 cycle. Throughput: one logit a cycle. `bus.tready` depends on no input of the bus.

    Members
    -------
    bus : In(AxiStream)
        TDATA is the logit, bits beyond its width ignored; TKEEP must be all ones; TUSER is taken
        from the last beat.
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
                "bus": In(AxiStream(logit_bytes(config), user_width(config))),
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
        position = Signal(range(config.n_classes))
        begun = Signal()
        excess = Signal()
        take = Signal()
        m.d.comb += [
            bus.tready.eq((~full | (self.o.ready & ~twice)) & (self.enable | begun) & ~self.hold),
            take.eq(bus.tvalid & bus.tready),
            self.taken.eq(take & bus.tlast),
            # too many, unless this is the last: that one is needed to end the vector
            excess.eq((position == config.n_classes - 1) & ~bus.tlast),
            self.o.valid.eq(full),
            self.o.payload.eq(beat),
            self.o.payload.last.eq(beat.last & ~twice),
        ]

        exit_index, sample = (
            bus.tuser[field.lsb : field.lsb + field.width] for field in user_fields(config)
        )
        errors = self._elaborate_errors(m, take, begun, excess, exit_index)
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
                m.d.sync += [
                    full.eq(1),
                    twice.eq(bus.tlast & ~begun),
                    beat.logit.eq(bus.tdata[: config.logit_width]),
                    beat.last.eq(bus.tlast),
                    beat.exit_index.eq(self.exit_index),
                    beat.tag.eq(sample),
                ]
        return m

    def _of_exit(self, m, values, exit_index):
        """Return the element of an array of an exit, that of exit 0 if there is no such exit."""
        chosen = Signal.like(values[0], name=f"chosen_{values[0].name}")
        m.d.comb += chosen.eq(values[0])
        with m.Switch(exit_index):
            for number in range(1, len(values)):
                with m.Case(number):
                    m.d.comb += chosen.eq(values[number])
        return chosen

    def _elaborate_errors(self, m, take, begun, excess, exit_index):
        bus = self.bus
        errors = Signal(Errors())
        dropped, gap = Signal(), Signal()
        with m.If(take):
            m.d.sync += [
                # once too many, so is every beat up to the last
                dropped.eq(excess),
                gap.eq(~bus.tlast & errors.keep),
            ]
        m.d.comb += [
            errors.short_vector.eq(~begun),
            errors.long_vector.eq(dropped),
            errors.keep.eq(gap | ~bus.tkeep.all()),
        ]
        if self._config.n_exits < 1 << len(exit_index):
            m.d.comb += errors.exit_index.eq(exit_index >= self._config.n_exits)
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
