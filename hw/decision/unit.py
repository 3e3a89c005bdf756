"""The exit decision unit for the confidence criterion."""

from amaranth.hdl import EnableInserter, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .accumulator import Accumulator
from .exponential import Exponential
from .log_odds import LogOdds
from .payload import Decision, LogitBeat
from .running_maximum import RunningMaximum, Winner

__all__ = ["DecisionUnit"]


class DecisionUnit(wiring.Component):
    """Decide for each vector of logits whether the network may stop here.

    ``exit = softmax(z)_label >= T``, with the softmax in base ``2**(1 / 2**F)`` and T given as
    log-odds: the unit computes ``sum E(z_i) <= E(z_label - threshold)`` over all i but one
    maximum. It equals `offramp.golden.decision.decide` bit for bit.

    Throughput: one logit a cycle, no bubble between vectors; each vector may have another length,
    2 to ``n_classes``. Latency: `latency` cycles from the transfer of the last logit to `o.valid`,
    whatever the length.

    While a decision waits for `o.ready` the whole unit holds still and `i.ready` is low.

    Parameters
    ----------
    config : DecisionConfig

    Members
    -------
    i : In(stream of LogitBeat)
    o : Out(stream of Decision)
    thresholds : In(signed(logit_width + 1)) [n_exits]
        Log-odds in logit LSBs, `threshold_low` to `threshold_high` of the configuration; that of
        the vector's exit is sampled in the cycle after its last logit was taken (later if the
        unit is held), so a change takes effect between vectors.
    """

    latency = (
        RunningMaximum.latency + 1 + Exponential.latency + Accumulator.latency + (LogOdds.latency)
    )

    def __init__(self, config: DecisionConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(LogitBeat(config))),
                "o": Out(stream.Signature(Decision(config))),
                "thresholds": In(signed(config.threshold_format.width)).array(config.n_exits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config

        advance = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance)]

        m.submodules.running_maximum = running_maximum = EnableInserter(advance)(
            RunningMaximum(config)
        )
        m.submodules.exponential = exponential = EnableInserter(advance)(Exponential(config))
        m.submodules.accumulator = accumulator = EnableInserter(advance)(Accumulator(config))
        m.submodules.log_odds = log_odds = EnableInserter(advance)(LogOdds(config))

        m.d.comb += [
            running_maximum.beat.eq(self.i.payload),
            running_maximum.valid.eq(self.i.valid),
            exponential.operand.eq(running_maximum.operand),
            accumulator.addend.eq(exponential.addend),
            log_odds.total.eq(accumulator.total),
        ]
        for threshold, port in zip(running_maximum.thresholds, self.thresholds, strict=True):
            m.d.comb += threshold.eq(port)

        # the winner keeps pace with its sum: through table, adder and score
        winner = running_maximum.winner
        for stage in range(Exponential.latency + Accumulator.latency):
            delayed = Signal(Winner(config), name=f"winner_{stage}")
            with m.If(advance):
                m.d.sync += delayed.eq(winner)
            winner = delayed
        m.d.comb += log_odds.maximum.eq(winner.maximum)

        valid, exit_taken = accumulator.closed, accumulator.exit
        for stage in range(LogOdds.latency):
            delayed_valid = Signal(name=f"valid_{stage}")
            delayed_exit = Signal(name=f"exit_{stage}")
            delayed = Signal(Winner(config), name=f"winner_score_{stage}")
            with m.If(advance):
                m.d.sync += [
                    delayed_valid.eq(valid),
                    delayed_exit.eq(exit_taken),
                    delayed.eq(winner),
                ]
            valid, exit_taken, winner = delayed_valid, delayed_exit, delayed

        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.payload.exit.eq(exit_taken),
            self.o.payload.label.eq(winner.label),
            self.o.payload.score.eq(log_odds.score),
            self.o.payload.exit_index.eq(winner.exit_index),
            self.o.payload.tag.eq(winner.tag),
        ]
        return m
