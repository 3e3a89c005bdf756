"""Vectors from the bus: checked, made legal, and tied to the registers of their moment."""

from dataclasses import replace

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_streams import logit_bytes, user_fields, user_width
from ..axi.signature import AxiStream
from .payload import LogitBeat

__all__ = ["Errors", "Judgement", "VectorIntake", "core_config"]


class Judgement(data.StructLayout):
    """How a vector is to be judged; travels through the core with its tag.

    Members
    -------
    criterion : 1
        The criterion may take the exit.
    guard : 1
        The budget guard takes it.
    error : 1
        The vector is illegal; the other two are 0.
    """

    def __init__(self):
        super().__init__({"criterion": 1, "guard": 1, "error": 1})


class CoreTag(data.StructLayout):
    """The tag that the core sees."""

    def __init__(self, config: DecisionConfig):
        super().__init__({"tag": config.tag_width, "judgement": Judgement()})


class Errors(data.StructLayout):
    """What may be wrong with a vector; named as in the status register."""

    def __init__(self):
        super().__init__({"short_vector": 1, "long_vector": 1, "exit_index": 1, "keep": 1})


def core_config(config: DecisionConfig) -> DecisionConfig:
    """Return the configuration of the core behind the intake."""
    return replace(config, tag_width=CoreTag(config).size)


class VectorIntake(wiring.Component):
    """Take vectors from AXI4-Stream and give the core legal ones.

    With a vector's last beat, the threshold and the enable of its exit and the budget guard are
    sampled: they hold for this vector, whatever is written later, so a write never falls inside
    one. What is illegal is flagged and reaches the core in a legal form, so that each TLAST has
    one decision: of a vector that is too long all but the first ``n_classes - 1`` logits and the
    last are dropped, a single logit is sent twice.

    Latency: 1 cycle. Throughput: one logit a cycle. `bus.tready` depends on no input of the bus.

    Members
    -------
    bus : In(AxiStream)
        TDATA is the logit, bits beyond its width ignored; TKEEP must be all ones; TUSER is taken
        from the last beat.
    enable : In(1)
        Begin vectors; one that was begun is finished without it.
    threshold, criterion_enable : In [n_exits]
        For each exit.
    guard_enable, guard_exit_index : In
        Take exits of that index and above.
    errors : Out(Errors)
        High in the cycle in which the last beat of such a vector is taken.
    o : Out(stream of LogitBeat)
        Of `core_config`.
    o_threshold : Out(signed(logit_width + 1))
        The threshold of a vector, from the cycle in which its last beat is offered at `o` until
        the first beat of the next vector has been taken, and longer.
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._config = config
        threshold_shape = signed(config.threshold_format.width)
        super().__init__(
            {
                "bus": In(AxiStream(logit_bytes(config), user_width(config))),
                "enable": In(1),
                "threshold": In(threshold_shape).array(config.n_exits),
                "criterion_enable": In(1).array(config.n_exits),
                "guard_enable": In(1),
                "guard_exit_index": In(config.exit_index_width),
                "errors": Out(Errors()),
                "o": Out(stream.Signature(LogitBeat(core_config(config)))),
                "o_threshold": Out(threshold_shape),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        bus = self.bus

        full = Signal()
        beat = Signal(LogitBeat(core_config(config)))
        tag = data.View(CoreTag(config), beat.tag)
        twice = Signal()
        position = Signal(range(config.n_classes))
        begun = Signal()
        excess = Signal()
        take = Signal()
        m.d.comb += [
            bus.tready.eq((~full | (self.o.ready & ~twice)) & (self.enable | begun)),
            take.eq(bus.tvalid & bus.tready),
            # too many, unless this is the last: that one is needed to end the vector
            excess.eq((position == config.n_classes - 1) & ~bus.tlast),
            self.o.valid.eq(full),
            self.o.payload.eq(beat),
            self.o.payload.last.eq(beat.last & ~twice),
        ]

        exit_index, sample = (
            bus.tuser[field.lsb : field.lsb + field.width] for field in user_fields(config)
        )
        threshold = Signal(signed(config.threshold_format.width))
        threshold_taken = Signal.like(threshold)
        # the next vector may end here before the core has closed the last one
        closes = self.o.valid & self.o.payload.last
        m.d.comb += self.o_threshold.eq(Mux(closes, threshold, threshold_taken))
        errors = self._elaborate_errors(m, take, begun, excess, exit_index)
        judgement = self._elaborate_judgement(m, errors, exit_index)

        with m.If(full & self.o.ready):
            m.d.sync += twice.eq(0)
            with m.If(~twice):
                m.d.sync += full.eq(0)
            with m.If(self.o.payload.last):
                m.d.sync += threshold_taken.eq(threshold)
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
                    beat.exit_index.eq(exit_index),
                    tag.tag.eq(sample),
                    tag.judgement.eq(judgement),
                ]
            with m.If(bus.tlast):
                m.d.sync += threshold.eq(self._of_exit(m, self.threshold, exit_index))
        return m

    def _of_exit(self, m, values, exit_index):
        """Return the element of an array of an exit; any if there is no such exit."""
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
        with m.If(take & bus.tlast):
            m.d.comb += self.errors.eq(errors)
        return errors

    def _elaborate_judgement(self, m, errors, exit_index):
        judgement = Signal(Judgement())
        with m.If(errors.as_value().any()):
            m.d.comb += judgement.error.eq(1)
        with m.Else():
            m.d.comb += [
                judgement.criterion.eq(self._of_exit(m, self.criterion_enable, exit_index)),
                judgement.guard.eq(self.guard_enable & (exit_index >= self.guard_exit_index)),
            ]
        return judgement
