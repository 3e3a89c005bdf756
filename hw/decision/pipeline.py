"""The parts of the decision unit in a row, with the registers that the configuration asks for."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import SELECTION_WIDTH, Criterion
from ...golden.spec.decision import DecisionConfig
from .accumulator import Accumulator, Addend
from .companions import kept_companions
from .exponential import Exponential
from .log_odds import LogOdds
from .lowering import Lowering
from .payload import Decision, LogitBeat
from .running_maximum import RunningMaximum
from .running_second import RunningSecond
from .slot import Slot
from .winner_label import WinnerLabel

__all__ = ["DecisionPipeline"]


class DecisionPipeline(wiring.Component):
    """Decide vectors, one logit a cycle; the unit's streams without their handshake.

    ::

        beat ──> RunningMaximum ─[operand]─> Exponential ─[addend]─> Accumulator ──> decision
                 compare, keep  [threshold]  table, shift            add, compare
                    [input]                   [mantissa]              [decision]

    With the register "threshold", Lowering subtracts the threshold, and not RunningMaximum. With
    the margin among the criteria, RunningSecond compares the operands beside the sum.

    Latency: `latency` cycles from the last beat to `decided`.

    Members
    -------
    beat : In(LogitBeat)
    valid : In(1)
        Whether there is a beat.
    thresholds : In(signed(logit_width + 1)) [n_exits]
        That of the vector's exit is sampled one cycle after the last beat, or two with the
        register "input".
    selection : In(3) [n_exits]
        Code of the criterion of each exit, with the margin only; sampled as the threshold is.
    decided : Out(1)
    decision : Out(Decision)
        Of the vector that is decided in this cycle.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self._score = LogOdds(config) if config.with_score else None
        self._second = RunningSecond(config) if Criterion.MARGIN in config.criteria else None
        # the last logit is stored; its vector is closed by the slot after
        self.latency = 1 + len(config.registers) + (self._score.latency if self._score else 0)
        members = {
            "beat": In(LogitBeat(config)),
            "valid": In(1),
            "thresholds": In(signed(config.threshold_format.width)).array(config.n_exits),
            "decided": Out(1),
            "decision": Out(Decision(config)),
        }
        if self._second:
            members["selection"] = In(SELECTION_WIDTH).array(config.n_exits)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.running_maximum = maximum = RunningMaximum(config)
        m.submodules.accumulator = accumulator = Accumulator(config)
        m.submodules.winner_label = winner = WinnerLabel(config)

        # until two cycles behind the last logit
        companions = kept_companions(m, config, self.beat, self.valid)
        threshold = self._of_exit(m, self.thresholds, companions)
        # slots[k] is where the closing slot stands k + 1 cycles after the last logit
        slots = [maximum.slot]
        counts = self._elaborate_addend(m, maximum, threshold, accumulator, slots)
        place_of_operand = sum(name in config.registers for name in ("operand", "threshold"))

        exit_taken = accumulator.exit
        if accumulator.latency:
            counts = self._delayed(m, counts, "counts_decided")
            self._pass_on(m, slots)
        if self._score:
            m.submodules.log_odds = log_odds = self._score
            complement = self._follow(m, "complement", maximum.complement, slots, capture=0)
            m.d.comb += [
                log_odds.total.eq(accumulator.total),
                log_odds.maximum.eq(~complement),
            ]
            for cycle in range(log_odds.latency):
                exit_taken = self._delayed(m, exit_taken, f"exit_{cycle}")
                counts = self._delayed(m, counts, f"counts_{cycle}")
                self._pass_on(m, slots)

        score = self._score.score if self._score else None
        if self._second:
            selection = self._of_exit(m, self.selection, companions)
            by_margin = selection == Criterion.MARGIN.code
            by_margin = self._follow(m, "by_margin", by_margin, slots)
            margin_exit = self._follow(
                m, "margin_exit", self._second.exit, slots, capture=place_of_operand
            )
            exit_taken = Mux(by_margin, margin_exit, exit_taken)
            if self._score:
                margin = Signal(len(score))
                complement = self._follow(
                    m, "minuend", maximum.complement, slots[: place_of_operand + 1]
                )
                m.d.comb += margin.eq(~complement - self._second.second)
                margin = self._follow(m, "margin", margin, slots, capture=place_of_operand)
                score = Mux(by_margin, margin, score)
        if self._score:
            m.d.comb += self.decision.score.eq(score)

        m.d.comb += [
            winner.slot.eq(slots[-1]),
            winner.counts.eq(counts),
            self.decided.eq(slots[-1].closing),
            self.decision.exit.eq(exit_taken),
            self.decision.label.eq(winner.label),
        ]
        for name, companion in companions.items():
            kept = self._follow(m, name, companion, slots, capture=1 - maximum.latency)
            m.d.comb += self.decision[name].eq(kept)
        return m

    def _of_exit(self, m, ports, companions):
        """Return the port of the exit whose vector ended last."""
        chosen = Signal.like(ports[0])
        m.d.comb += chosen.eq(ports[0])
        if self._config.n_exits > 1:
            with m.Switch(companions["exit_index"]):
                for exit_index in range(1, self._config.n_exits):
                    with m.Case(exit_index):
                        m.d.comb += chosen.eq(ports[exit_index])
        return chosen

    def _elaborate_addend(self, m, maximum, threshold, accumulator, slots):
        """Lead from logit to addend; return whether there is a logit in the addend's slot."""
        config = self._config
        m.submodules.exponential = exponential = Exponential(config)
        m.d.comb += [
            maximum.logit.eq(self.beat.logit),
            maximum.last.eq(self.beat.last),
            maximum.valid.eq(self.valid),
        ]
        operand = maximum.operand
        if "operand" in config.registers:
            operand = self._delayed(m, operand, "operand")
            self._pass_on(m, slots)
        if "threshold" in config.registers:
            m.submodules.lowering = lowering = Lowering(config)
            m.d.comb += [
                lowering.threshold.eq(threshold),
                lowering.sampled.eq(maximum.slot.closing),
                lowering.operand.eq(operand),
                lowering.closing.eq(slots[-1].closing),
            ]
            operand = lowering.lowered
            self._pass_on(m, slots)
        else:
            m.d.comb += maximum.threshold.eq(threshold)
        if self._second:
            m.submodules.running_second = self._second
            m.d.comb += [self._second.operand.eq(operand), self._second.slot.eq(slots[-1])]
        m.d.comb += [
            exponential.complement.eq(operand.complement),
            exponential.closing.eq(slots[-1].closing),
        ]
        if exponential.latency:
            operand = self._delayed(m, operand, "operand_halfway")
            self._pass_on(m, slots)

        addend = Signal(Addend(config), reset_less=True)
        counts = Signal()
        domain = m.d.sync if "addend" in config.registers else m.d.comb
        domain += [
            addend.value.eq(exponential.value),
            addend.never.eq(operand.never & operand.void),
            counts.eq(~operand.void),
        ]
        with m.If(operand.void):
            domain += addend.value.eq(0)
        if "addend" in config.registers:
            self._pass_on(m, slots)
        m.d.comb += [accumulator.addend.eq(addend), accumulator.between.eq(slots[-1].between)]
        return counts

    @staticmethod
    def _delayed(m, signal, name):
        delayed = Signal.like(signal, name=name, reset_less=True)
        m.d.sync += delayed.eq(signal)
        return delayed

    @staticmethod
    def _pass_on(m, slots):
        """Append the last of `slots` as it is one cycle later."""
        slot = Signal(Slot(), name=f"slot_{len(slots)}")
        m.d.sync += slot.eq(slots[-1])
        slots.append(slot)

    @staticmethod
    def _follow(m, name, value, slots, *, capture=0):
        """Return what was `value` in the closing slot of a vector, where that slot stands last.

        `value` is good until the closing slot stands at `capture`. A register that takes it there
        is good for two cycles, as the next vector closes two cycles later at the soonest; so every
        second cycle needs one, and not every cycle.
        """
        for place in range(capture, len(slots) - 1, 2):
            held = Signal(len(value), name=f"{name}_{place}", reset_less=True)
            with m.If(slots[place].closing):
                m.d.sync += held.eq(value)
            value = held
        return value
