"""The exit decision unit with AXI4-Stream in and out and AXI4-Lite registers."""

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_registers import (
    ADDRESS_WIDTH,
    EXIT_BASE,
    decision_registers,
)
from ...golden.spec.decision_streams import (
    beat_bytes,
    check_bus_config,
    decision_fields,
    decision_width,
    samples_with_last,
    user_fields,
    user_width,
)
from ...golden.spec.registers import WORD_BYTES
from ..axi import AxiLite, AxiLiteSlave, AxiStream, RegisterBank
from .composite import create_unit
from .counters import DecisionCounters
from .cycles import CycleCounter
from .histogram import HistogramBin
from .intake import VectorIntake, VectorNote
from .payload import Decision
from .scores import ScoreQueue
from .settings import REGISTER_OF_SETTING, ExitSettings, HeldSettings, SampledSettings
from .timing import latency_of

__all__ = ["AxiDecisionUnit", "axi_members"]

N_INSIDE = 8
"""Most vectors between the last beat at the intake and the decision: more than the core holds of
those of 3 beats and more, so that none of these waits for it."""


N_JUDGED = 2
"""Decisions that wait for the receiver: one that is offered, one that was under way."""


def axi_members(config: DecisionConfig) -> dict[str, wiring.Member]:
    """Return the members of the unit with buses, named as AXI names ports."""
    return {
        "s_axis": In(AxiStream(beat_bytes(config), user_width(config))),
        "m_axis": Out(AxiStream(decision_width(config) // 8, user_width(config))),
        "s_axil": In(AxiLite(ADDRESS_WIDTH)),
    }


class JudgedDecision(data.StructLayout):
    """A decision with enable and budget guard applied; named as the stream's fields.

    And the code of the criterion that it was made by, if there are several.
    """

    def __init__(self, config: DecisionConfig):
        core = Decision(config)
        note = VectorNote(config)
        fields = {
            "exit": 1,
            "forced": 1,
            "error": 1,
            "label": core["label"].shape,
            "score": core["score"].shape,
            "exit_index": core["exit_index"].shape,
            "tag": core["tag"].shape,
        }
        if "selection" in note.members:
            fields["selection"] = note["selection"].shape
        super().__init__(fields)


class AxiDecisionUnit(wiring.Component):
    """Decide vectors of logits from a bus, by registers on a bus.

    It equals `offramp.golden.bank.DecisionBank`. Each vector, a packet on `s_axis`, is answered by
    a packet of one beat on `m_axis`, in order. A write to a register takes effect at the clock
    edge that raises BVALID; a vector is decided by the registers as they stand in the cycle in
    which its last beat is taken. Counters count what the receiver has taken.

    How a core gets the settings of a vector's exit depends on when it needs them: right after the
    last beat (confidence, margin, both: `SampledSettings`), or later, in parts (`HeldSettings`;
    then a write to an exit's settings keeps beats out until the vectors inside are decided).

    No output depends on an input in the same cycle.

    Latency: `latency` cycles from the last beat to `m_axis.tvalid`. Throughput: that of the core;
    the counters take a decision every 3 cycles, so only vectors of 2 beats or fewer wait for them,
    and any for a read of a counter.

    Parameters
    ----------
    config : DecisionConfig
        With a tag of at most 28 bits.

    Members
    -------
    s_axis : In(AxiStream)
        A logit a beat, or one for each lane, see `VectorIntake`.
    m_axis : Out(AxiStream)
        Decisions; TDATA and TUSER as in `offramp.golden.spec.decision_streams`.
    s_axil : In(AxiLite)
        The registers of `offramp.golden.spec.decision_registers`.

    Raises
    ------
    ValueError
        The tag is too wide.
    """

    def __init__(self, config: DecisionConfig):
        self.config = check_bus_config(config)
        self._core = create_unit(config)
        self._registers = decision_registers(config)
        super().__init__(axi_members(config))

    def latency(self, n_logits: int) -> int:
        """Return the cycles from the last of `n_logits` beats to the decision, without a gate."""
        core = latency_of(self._core, n_logits)
        return VectorIntake.latency + core + ScoreQueue.latency

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.slave = slave = AxiLiteSlave(ADDRESS_WIDTH)
        m.submodules.bank = bank = RegisterBank(self._registers)
        m.submodules.intake = intake = VectorIntake(config)
        m.submodules.notes = notes = ScoreQueue(VectorNote(config), N_INSIDE)
        m.submodules.core = core = self._core
        # its output comes from registers, and so does its ready: no path from core to bus
        m.submodules.judged = judged = ScoreQueue(JudgedDecision(config), N_JUDGED)
        m.submodules.counters = counters = DecisionCounters(config)

        connect(m, flipped(self.s_axil), slave.bus)
        connect(m, slave.port, bank.port)
        connect(m, bank.memory, counters.memory)
        connect(m, flipped(self.s_axis), intake.bus)
        connect(m, intake.o, core.i)
        self._elaborate_cycles(m, bank)
        held = self._elaborate_settings(m, bank, slave.port, intake, notes)

        m.d.comb += [
            intake.hold.eq(held | ~notes.i.ready),
            intake.enable.eq(bank.control_enable),
            intake.guard_enable.eq(bank.budget_guard_enable),
            intake.guard_exit_index.eq(bank.budget_guard_exit_index),
            notes.i.valid.eq(intake.taken),
            notes.i.payload.eq(intake.note),
            bank.status_short_vector.eq(intake.errors.short_vector),
            bank.status_long_vector.eq(intake.errors.long_vector),
            bank.status_exit_index.eq(intake.errors.exit_index),
            bank.status_keep.eq(intake.errors.keep),
            counters.clear.eq(bank.control_clear_counters),
        ]
        self._elaborate_judgement(m, core.o, notes.o, judged.i)
        self._elaborate_output(m, judged.o, counters)
        return m

    def _elaborate_settings(self, m, bank, port, intake, notes):
        """Lead the settings of each exit to the core; return whether the intake must wait."""
        config = self.config
        core = self._core
        if samples_with_last(config):
            m.submodules.settings = settings = SampledSettings(config)
            m.d.comb += [
                settings.taken.eq(intake.taken),
                settings.exit_index.eq(intake.exit_index),
                settings.closes.eq(intake.o.valid & intake.o.payload.last),
                settings.passed.eq(intake.o.ready),
            ]
            hold = Const(0)
        else:
            m.submodules.settings = settings = HeldSettings(config)
            m.d.comb += [
                settings.written.eq(port.write & (port.write_address >= EXIT_BASE // WORD_BYTES)),
                settings.empty.eq(~notes.o.valid),
            ]
            hold = settings.hold
        for k in range(config.n_exits):
            m.d.comb += intake.criterion_enable[k].eq(bank.exit_control_enable[k])
            for name in ExitSettings(config).members:
                register, field = REGISTER_OF_SETTING[name]
                written = getattr(bank, f"{register}_{field}")[k]
                held = settings.o[k][name]
                m.d.comb += settings.settings[k][name].eq(written)
                if name == "threshold":
                    m.d.comb += core.thresholds[k].eq(held)
                elif name == "selection":
                    m.d.comb += [intake.selection[k].eq(written), core.selection[k].eq(held)]
                elif name == "offset":
                    m.d.comb += core.offsets[k].eq(held)
                else:
                    m.d.comb += core.weights[k][name.removeprefix("weight_")].eq(held)
        return hold

    def _elaborate_cycles(self, m, bank):
        m.submodules.cycles = cycles = CycleCounter()
        m.d.comb += [
            cycles.enable.eq(bank.control_enable),
            cycles.clear.eq(bank.control_clear_counters),
            bank.cycles_low_cycles.eq(cycles.value[:32]),
        ]
        high = Signal(32)
        m.d.comb += bank.cycles_high_cycles.eq(high)
        with m.If(bank.cycles_low_read):
            m.d.sync += high.eq(cycles.value[32:])

    def _elaborate_judgement(self, m, o, note, judged):
        """Apply enable and budget guard of the vector to its decision."""
        kept = note.payload
        by_criterion = Signal()
        if len(self.config.criteria) > 1:
            m.d.comb += judged.payload.selection.eq(kept.selection)
        m.d.comb += [
            by_criterion.eq(o.payload.exit & kept.criterion),
            judged.valid.eq(o.valid),
            o.ready.eq(judged.ready),
            note.ready.eq(o.valid & judged.ready),
            judged.payload.exit.eq(by_criterion | kept.guard),
            judged.payload.forced.eq(kept.guard & ~by_criterion),
            judged.payload.error.eq(kept.error),
            judged.payload.label.eq(o.payload.label),
            judged.payload.score.eq(o.payload.score),
            judged.payload.exit_index.eq(kept.exit_index),
            judged.payload.tag.eq(o.payload.tag),
        ]

    def _elaborate_output(self, m, o, counters):
        """Put decisions on the bus, and count those that are taken."""
        bus = self.m_axis
        m.submodules.histogram_bin = histogram_bin = HistogramBin(self.config)
        m.d.comb += histogram_bin.score.eq(o.payload.score)
        if len(self.config.criteria) > 1:
            m.d.comb += histogram_bin.selection.eq(o.payload.selection)
        for field in decision_fields(self.config):
            value = o.payload[field.name]
            m.d.comb += bus.tdata[field.lsb : field.lsb + field.width].eq(value)
        for field in user_fields(self.config):
            value = o.payload[field.name]
            m.d.comb += bus.tuser[field.lsb : field.lsb + field.width].eq(value)
        m.d.comb += [
            bus.tkeep.eq(~0),
            bus.tlast.eq(1),
            # counters.ready does not fall while a decision waits, so neither does TVALID
            bus.tvalid.eq(o.valid & counters.ready),
            o.ready.eq(bus.tready & counters.ready),
            counters.count.eq(bus.tvalid & bus.tready & ~o.payload.error),
            counters.decision.exit.eq(o.payload.exit),
            counters.decision.exit_index.eq(o.payload.exit_index),
            counters.decision.bin.eq(histogram_bin.bin),
        ]
