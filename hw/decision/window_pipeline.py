"""The parts of a decision unit with a window, in a row."""

from dataclasses import replace

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .companions import kept_companions
from .exponential import Exponential
from .log_odds import LogOdds
from .payload import Decision, LogitBeat
from .steps import delayed, of_exit
from .window_maximum import WindowMaximum
from .window_sum import BlockAddend, WindowSum
from .winner_label import WinnerLabel

__all__ = ["WindowPipeline"]


class WindowPipeline(wiring.Component):
    """Decide vectors of logits that span many octaves; the unit's streams without their handshake.

    ::

        beat ──> WindowMaximum ──> Exponential ──> WindowSum ──> decision
                 compare, keep     in a block      two sums,
                                                   compare

    As in `DecisionPipeline` the slot of a vector's first logit closes the vector before.

    Latency: `latency` cycles from the last beat to `decided`.

    Members
    -------
    beat : In(LogitBeat)
    valid : In(1)
        Whether there is a beat.
    thresholds : In(signed) [n_exits]
        In ``config.threshold_format``; that of the vector's exit is sampled one cycle after the
        last beat.
    decided : Out(1)
    decision : Out(Decision)
        Of the vector that is decided in this cycle.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        # in the window logits are as narrow ones
        in_window = replace(config, logit_width=config.window_width)
        self._score = LogOdds(in_window) if config.with_score else None
        # operand and addend, then the sum; the score begins with the total, a cycle before
        self._until_decision = 2 + WindowSum.latency
        if self._score:
            self._until_decision += self._score.latency - 1
        self.latency = 1 + self._until_decision
        super().__init__(
            {
                "beat": In(LogitBeat(config)),
                "valid": In(1),
                "thresholds": In(signed(config.threshold_format.width)).array(config.n_exits),
                "decided": Out(1),
                "decision": Out(Decision(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.maximum = maximum = WindowMaximum(config)
        m.submodules.sums = sums = WindowSum(config)
        m.submodules.label = label = WinnerLabel(config)

        # -- what is given with the last logit ---------------------------------------------------
        companions = kept_companions(m, config, self.beat, self.valid)

        # -- from logit to addend ----------------------------------------------------------------
        m.d.comb += [
            maximum.logit.eq(self.beat.logit),
            maximum.last.eq(self.beat.last),
            maximum.valid.eq(self.valid),
            maximum.threshold.eq(of_exit(m, self.thresholds, companions.get("exit_index", 0))),
        ]
        operand = delayed(m, maximum.operand, 1, "operand")
        slot = delayed(m, maximum.slot, 1, "slot_of_operand", reset_less=False)
        counts = delayed(m, self.valid, 1, "counts_of_operand")
        addend = self._addend(m, operand, slot, counts)
        slot = delayed(m, slot, 1, "slot_of_addend", reset_less=False)
        m.d.comb += [sums.addend.eq(addend), sums.between.eq(slot.between)]

        # -- the decision ------------------------------------------------------------------------
        exit_taken = sums.exit
        if self._score:
            m.submodules.log_odds = log_odds = self._score
            winner = delayed(m, maximum.complement, 3, "winner")
            m.d.comb += [
                log_odds.total.eq(sums.total),
                log_odds.maximum.eq(Cat(~winner, Const(1))),
                self.decision.score.eq(self._capped(log_odds.score)),
            ]
            exit_taken = delayed(m, exit_taken, log_odds.latency - 1, "exit")
        rest = self._until_decision - 2
        slot = delayed(m, slot, rest, "slot", reset_less=False)
        m.d.comb += [
            label.slot.eq(slot),
            label.counts.eq(delayed(m, counts, 1 + rest, "counts")),
            self.decided.eq(slot.closing),
            self.decision.exit.eq(exit_taken),
            self.decision.label.eq(label.label),
        ]
        for name, companion in companions.items():
            kept = delayed(m, companion, self._until_decision, name)
            m.d.comb += self.decision[name].eq(kept)
        return m

    def _addend(self, m, operand, slot, counts):
        """Return the exponential of an operand and its block's place, one cycle later."""
        config = self._config
        in_block = replace(config, logit_width=config.block_width)
        m.submodules.exponential = exponential = Exponential(in_block)
        distance = Signal(len(operand.block))
        addend = Signal(BlockAddend(config), reset_less=True)
        m.d.comb += [
            exponential.complement.eq(operand.complement),
            exponential.closing.eq(slot.closing),
            distance.eq(operand.winner_block - operand.block),
        ]
        m.d.sync += [
            addend.value.eq(exponential.value),
            addend.same.eq(counts & (distance == 0)),
            addend.below.eq(counts & (distance == 1)),
            addend.leads.eq(slot.leads),
            addend.upper.eq(operand.upper),
            addend.beyond.eq(operand.beyond),
            addend.never.eq(operand.never),
        ]
        return addend

    def _capped(self, score):
        """Return a score that is not above the largest threshold, a power of two."""
        above = ~score[-1] & score[-2]
        return Mux(above, self._config.threshold_high, score)
