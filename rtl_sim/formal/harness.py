"""The core beside its specification, and what holds between the two in every reachable state."""

from itertools import pairwise

from amaranth.hdl import Assert, Assume, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from ...hw.decision import DecisionUnit
from .specification import DecisionSpecification, Exponential

__all__ = ["PROBES", "DecisionProof"]

PROBES = {
    "running": "running_maximum.running",
    "closing": "running_maximum.closing",
    "best": "running_maximum.best",
    "tag": "last_tag",
    "tag_1": "tag_1",
    "operand": "operand",
    "addend": "addend",
    "counts_2": "counts",
    "counts_3": "counts_decided",
    "slot_1": "slot_1",
    "slot_2": "slot_2",
    "slot_3": "slot_3",
    "total": "accumulator.running",
    "fits": "accumulator.fits",
    "fresh": "accumulator.fresh",
    "index": "winner_label.index",
    "label": "winner_label.label",
}
"""Registers of the pipeline that the invariants speak of, by their names here."""

N_STAGES = 3
"""Steps from the closing slot of the first stage to the decision."""


class DecisionProof(wiring.Component):
    """Assert that the core decides as specified; assume legal vectors and nothing else.

    Logits, gaps, thresholds, stalls and resets are free in every cycle. The specification runs at
    the input; what it knew one, two and three steps ago is kept beside it, and each register of
    the core is tied to that. The assertions therefore imply each other from one step to the next,
    and induction needs no unrolling.

    Parameters
    ----------
    config : DecisionConfig
        Default registers, one exit, no score.
    n_logits : int
        Longest vector.
    """

    def __init__(self, config: DecisionConfig, n_logits: int):
        self.config = config
        self._n_logits = n_logits
        self._unit = DecisionUnit(config)
        operand = data.StructLayout({"complement": config.logit_width, "void": 1, "never": 1})
        addend = data.StructLayout({"value": config.accumulator_width, "never": 1})
        slot = data.StructLayout({"between": 1, "closing": 1, "leads": 1})
        shapes = {
            "best": config.logit_width,
            "tag": config.tag_width,
            "tag_1": config.tag_width,
            "operand": operand,
            "addend": addend,
            "slot_1": slot,
            "slot_2": slot,
            "slot_3": slot,
            "total": config.accumulator_width,
            "index": config.label_width,
            "label": config.label_width,
        }
        super().__init__(
            {
                "logit": In(signed(config.logit_width)),
                "last": In(1),
                "valid": In(1),
                "tag": In(config.tag_width),
                "threshold": In(signed(config.threshold_format.width)),
                "ready": In(1),
                "probe": Out(wiring.Signature({name: In(shapes.get(name, 1)) for name in PROBES})),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self._unit
        m.submodules.specification = now = DecisionSpecification(self.config, self._n_logits)
        step = unit.i.ready
        m.d.comb += [
            unit.i.valid.eq(self.valid),
            unit.i.payload.logit.eq(self.logit),
            unit.i.payload.last.eq(self.last),
            unit.i.payload.tag.eq(self.tag),
            unit.thresholds[0].eq(self.threshold),
            unit.o.ready.eq(self.ready),
            now.logit.eq(self.logit),
            now.last.eq(self.last),
            now.valid.eq(self.valid),
            now.tag.eq(self.tag),
            now.threshold.eq(self.threshold),
            now.step.eq(step),
        ]
        # a vector has 2 to n_logits logits
        with m.If(self.valid):
            m.d.comb += Assume(now.running | ~self.last)
            m.d.comb += Assume(~now.running | (now.count < self._n_logits - 1) | self.last)

        past = [now, *(self._past(m, now, step))]
        for later, earlier in pairwise(past):
            self._assert_history(m, later, earlier)
        for closed in past[1:N_STAGES]:
            self._assert_verdict(m, closed)
        self._assert_first_stage(m, past)
        self._assert_second_stage(m, past)
        self._assert_third_stage(m, past)
        self._assert_decisions(m, past[N_STAGES])
        self._assert_stream(m)
        return m

    def _past(self, m, now, step):
        """Return the specification's state and decision 1, 2 and 3 steps ago."""
        fields = data.StructLayout(
            {
                name: member.shape
                for name, member in now.signature.members.items()
                if member.flow is not In
            }
        )
        past, newer = [], now
        for age in range(1, N_STAGES + 1):
            older = Signal(fields, name=f"past_{age}")
            with m.If(step):
                for name in fields.members:
                    m.d.sync += older[name].eq(getattr(newer, name))
            past.append(older)
            newer = older
        return past

    def _assert_history(self, m, later, earlier):
        """Say one step of the specification of its results alone."""
        m.submodules += (term := Exponential(self.config))
        width = self.config.accumulator_width
        m.d.comb += term.x.eq(later.smaller)
        m.d.comb += Assert(~(later.running & later.closing))
        m.d.comb += Assert((later.total >> width) <= later.count)
        m.d.comb += Assert(~later.running | (later.count < self._n_logits))
        m.d.comb += Assert(~later.closing | earlier.running)
        m.d.comb += Assert(~(later.running | later.closing) | (later.count <= self._n_logits))
        with m.If(earlier.running):
            added = Mux(later.summed, term.value, 0)
            m.d.comb += Assert(later.running | later.closing)
            m.d.comb += Assert(later.total == earlier.total + added)
            m.d.comb += Assert(later.count == earlier.count + later.summed)
            m.d.comb += Assert(later.label == Mux(later.led, earlier.count, earlier.label))
            m.d.comb += Assert(~later.led | later.summed)
        with m.Elif(later.running):
            m.d.comb += Assert((later.total == 0) & (later.label == 0) & (later.count == 1))

    def _assert_verdict(self, m, closed):
        """Tie the decision that is kept to what is kept beside it."""
        m.submodules += (bound := Exponential(self.config))
        m.d.comb += bound.x.eq(closed.x)
        beyond = closed.x >= 1 << self.config.logit_width
        fits = closed.total < (1 << self.config.accumulator_width)
        with m.If(closed.closing):
            verdict = (closed.x >= 0) & Mux(beyond, fits, closed.total <= bound.value)
            m.d.comb += Assert(closed.exit == verdict)

    def _assert_first_stage(self, m, past):
        """Tie the maximum, and the operand that left it in the last step."""
        now, one = past[:2]
        probe, operand = self.probe, self.probe.operand
        m.d.comb += Assert(probe.running == now.running)
        m.d.comb += Assert(probe.closing == now.closing)
        with m.If(now.running | now.closing):
            m.d.comb += Assert(probe.best == ~now.maximum)
        with m.If(now.closing):
            m.d.comb += Assert(probe.tag == now.last_tag)

        outside = (one.x < 0) | (one.x >= 1 << self.config.logit_width)
        self._assert_slot(m, probe.slot_1, one, now)
        with m.If(one.closing):
            m.d.comb += Assert(probe.tag == one.last_tag)
            m.d.comb += Assert(operand.void == outside)
            m.d.comb += Assert(~operand.void | (operand.never == (one.x < 0)))
            m.d.comb += Assert(operand.void | (operand.complement == ~one.x[: len(probe.best)]))
        with m.Elif(one.running):
            # between vectors it may be anything: reset leaves it as it was
            m.d.comb += Assert(~operand.never & (operand.void == ~now.summed))
            m.d.comb += Assert(operand.void | (operand.complement == ~now.smaller))

    def _assert_second_stage(self, m, past):
        """Tie the addend to what the step before summed or closed."""
        one, two = past[1:3]
        probe, addend = self.probe, self.probe.addend
        m.submodules.second_term = term = Exponential(self.config)
        m.submodules.second_bound = bound = Exponential(self.config)
        m.d.comb += [term.x.eq(one.smaller), bound.x.eq(two.x)]

        self._assert_slot(m, probe.slot_2, two, one)
        with m.If(two.closing):
            beyond = two.x >= 1 << self.config.logit_width
            m.d.comb += Assert(probe.tag_1 == two.last_tag)
            m.d.comb += Assert(addend.never == (two.x < 0))
            m.d.comb += Assert(addend.never | (addend.value == Mux(beyond, 0, ~bound.value)))
        with m.Elif(two.running):
            m.d.comb += Assert(~addend.never)
            m.d.comb += Assert(addend.value == Mux(one.summed, term.value, 0))
            m.d.comb += Assert(probe.counts_2 == one.summed)

    def _assert_third_stage(self, m, past):
        """Tie sum, sticky overflow and label."""
        two, three = past[2:4]
        probe = self.probe
        width = self.config.accumulator_width
        self._assert_slot(m, probe.slot_3, three, two)
        with m.If(three.running):
            m.d.comb += Assert(~probe.fresh)
        with m.Elif(two.running):
            m.d.comb += Assert(probe.fresh)
        with m.If(two.running | two.closing):
            m.d.comb += Assert(probe.total == two.total[:width])
            m.d.comb += Assert((~probe.fits & ~probe.fresh) == two.total[width:].any())
        with m.If(three.closing):
            m.d.comb += Assert(probe.tag_1 == three.last_tag)
        with m.If(three.running | three.closing):
            m.d.comb += Assert(probe.label == three.label)
        with m.If(three.running):
            m.d.comb += Assert(probe.index == three.count[: len(probe.index)])
            m.d.comb += Assert(probe.counts_3 == two.summed)

    @staticmethod
    def _assert_slot(m, slot, before, after):
        m.d.comb += Assert(slot.closing == before.closing)
        with m.If(before.running):
            m.d.comb += Assert(~slot.between & (slot.leads == after.led))
        # where no vector is, it does not matter: out of reset the bit is not set
        with m.Elif(after.running):
            m.d.comb += Assert(slot.between)

    def _assert_decisions(self, m, decided):
        """Claim that no decision is lost, invented, out of order or wrong."""
        o = self._unit.o
        m.d.comb += Assert(o.valid == decided.closing)
        with m.If(o.valid):
            m.d.comb += Assert(o.payload.exit == decided.exit)
            m.d.comb += Assert(o.payload.label == decided.label)
            m.d.comb += Assert(o.payload.tag == decided.last_tag)

    def _assert_stream(self, m):
        """Claim that a decision once offered stays, with its payload, until it is taken."""
        o = self._unit.o
        waits = Signal()
        payload = Signal.like(o.payload.as_value())
        m.d.sync += [waits.eq(o.valid & ~o.ready), payload.eq(o.payload)]
        with m.If(waits):
            m.d.comb += Assert(o.valid & (o.payload.as_value() == payload))
