"""The exit decision unit with AXI4-Stream in and out and AXI4-Lite registers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_registers import (
    ADDRESS_WIDTH,
    HISTOGRAM_BINS,
    decision_registers,
)
from ...golden.spec.decision_streams import (
    DECISION_FIELDS,
    DECISION_WIDTH,
    check_bus_config,
    logit_bytes,
    user_fields,
    user_width,
)
from ..axi import AxiLite, AxiLiteSlave, AxiStream, RegisterBank, SkidBuffer
from .counters import DecisionCounters
from .cycles import CycleCounter
from .intake import CoreTag, VectorIntake, core_config
from .payload import Decision
from .unit import DecisionUnit

__all__ = ["AxiDecisionUnit", "axi_members"]


def axi_members(config: DecisionConfig) -> dict[str, wiring.Member]:
    """Return the members of the unit with buses, named as AXI names ports."""
    return {
        "s_axis": In(AxiStream(logit_bytes(config), user_width(config))),
        "m_axis": Out(AxiStream(DECISION_WIDTH // 8, user_width(config))),
        "s_axil": In(AxiLite(ADDRESS_WIDTH)),
    }


class JudgedDecision(data.StructLayout):
    """A decision with enable and budget guard applied; named as the stream's fields."""

    def __init__(self, config: DecisionConfig):
        core = Decision(config)
        super().__init__(
            {
                "exit": 1,
                "forced": 1,
                "error": 1,
                "label": core["label"].shape,
                "score": core["score"].shape,
                "exit_index": core["exit_index"].shape,
                "tag": core["tag"].shape,
            }
        )


class AxiDecisionUnit(wiring.Component):
    """Decide vectors of logits from a bus, by registers on a bus.

    It equals `offramp.golden.bank.DecisionBank`. Each vector, a packet on `s_axis`, is answered by
    a packet of one beat on `m_axis`, in order. A write to a register takes effect at the clock
    edge that raises BVALID; a vector is decided by the registers as they stand in the cycle in
    which its last beat is taken. Counters count what the receiver has taken.

    No output depends on an input in the same cycle.

    Latency: `latency` cycles from the last beat to `m_axis.tvalid`. Throughput: one logit a cycle;
    the counters take a decision every 3 cycles, so only vectors of 2 logits wait for them, and any
    for a read of a counter.

    Parameters
    ----------
    config : DecisionConfig
        With a tag of at most 28 bits.

    Members
    -------
    s_axis : In(AxiStream)
        A logit a beat, see `VectorIntake`.
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
        self._core = DecisionUnit(core_config(config))
        self.latency = VectorIntake.latency + self._core.latency + SkidBuffer.latency
        self._registers = decision_registers(config)
        super().__init__(axi_members(config))

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.slave = slave = AxiLiteSlave(ADDRESS_WIDTH)
        m.submodules.bank = bank = RegisterBank(self._registers)
        m.submodules.intake = intake = VectorIntake(config)
        m.submodules.core = core = self._core
        m.submodules.skid = skid = SkidBuffer(JudgedDecision(config))
        m.submodules.counters = counters = DecisionCounters(config)

        connect(m, flipped(self.s_axil), slave.bus)
        connect(m, slave.port, bank.port)
        connect(m, bank.memory, counters.memory)
        connect(m, flipped(self.s_axis), intake.bus)
        connect(m, intake.o, core.i)
        self._elaborate_cycles(m, bank)

        for k in range(config.n_exits):
            m.d.comb += [
                intake.threshold[k].eq(bank.threshold_log_odds[k]),
                intake.criterion_enable[k].eq(bank.exit_control_enable[k]),
                # the intake has chosen the exit's already
                core.thresholds[k].eq(intake.o_threshold),
            ]
        m.d.comb += [
            intake.enable.eq(bank.control_enable),
            intake.guard_enable.eq(bank.budget_guard_enable),
            intake.guard_exit_index.eq(bank.budget_guard_exit_index),
            bank.status_short_vector.eq(intake.errors.short_vector),
            bank.status_long_vector.eq(intake.errors.long_vector),
            bank.status_exit_index.eq(intake.errors.exit_index),
            bank.status_keep.eq(intake.errors.keep),
            counters.clear.eq(bank.control_clear_counters),
        ]
        self._elaborate_judgement(m, core.o, skid.i)
        self._elaborate_output(m, skid.o, counters)
        return m

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

    def _elaborate_judgement(self, m, o, judged):
        """Apply enable and budget guard of the vector to its decision."""
        tag = data.View(CoreTag(self.config), o.payload.tag)
        by_criterion = Signal()
        m.d.comb += [
            by_criterion.eq(o.payload.exit & tag.judgement.criterion),
            judged.valid.eq(o.valid),
            o.ready.eq(judged.ready),
            judged.payload.exit.eq(by_criterion | tag.judgement.guard),
            judged.payload.forced.eq(tag.judgement.guard & ~by_criterion),
            judged.payload.error.eq(tag.judgement.error),
            judged.payload.label.eq(o.payload.label),
            judged.payload.score.eq(o.payload.score),
            judged.payload.exit_index.eq(o.payload.exit_index),
            judged.payload.tag.eq(tag.tag),
        ]

    def _elaborate_output(self, m, o, counters):
        """Put decisions on the bus, and count those that are taken."""
        bus = self.m_axis
        for field in DECISION_FIELDS:
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
        ]
        # floor(score / 2**F) + 1 within the bins, see histogram_bin
        octave = Signal.like(o.payload.score)
        m.d.comb += octave.eq(o.payload.score >> self.config.fraction_bits)
        with m.If(octave < 0):
            m.d.comb += counters.decision.bin.eq(0)
        with m.Else():
            top = HISTOGRAM_BINS - 1
            m.d.comb += counters.decision.bin.eq(Mux(octave >= top - 1, top, octave + 1))
