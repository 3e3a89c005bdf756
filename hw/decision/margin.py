"""The margin criterion: largest logit less the second largest."""

from amaranth.hdl import EnableInserter, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .lane_top_two import create_top_two
from .payload import Decision, LogitBeat
from .steps import delayed, of_exit
from .verdict import Verdict

__all__ = ["MarginUnit"]


class MarginUnit(wiring.Component):
    """Decide for each vector whether its largest logit is far enough above all others.

    ``score = z_(1) - z_(2)`` in logit LSBs, ``exit = score >= threshold``. It equals
    `offramp.golden.criteria.margin_score` exactly.

    Throughput: one beat a cycle, of a logit or as many as there are lanes, no bubble between
    vectors, each of its own length, 2 to ``n_classes``. Latency: `latency` cycles from the transfer
    of the last beat to `o.valid`: 1, and ``log2(lanes)``.

    While a decision waits for `o.ready` the whole unit holds still and `i.ready` is low.

    Parameters
    ----------
    config : DecisionConfig

    Members
    -------
    i : In(stream of LogitBeat)
    o : Out(stream of Decision)
    thresholds : In(signed) [n_exits]
        In logit LSBs, in ``config.score_format``; that of the vector's exit is sampled in the
        cycle after its last logit was taken (later if the unit is held), with several lanes as its
        last beat is taken.
    """

    def __init__(self, config: DecisionConfig):
        self.config = config
        self._top_two = create_top_two(config)
        self.latency = self._top_two.latency + Verdict.latency
        super().__init__(
            {
                "i": In(stream.Signature(LogitBeat(config))),
                "o": Out(stream.Signature(Decision(config))),
                "thresholds": In(signed(config.score_format.width)).array(config.n_exits),
            }
        )

    def elaborate(self, platform):
        m = Module()

        advance = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance)]

        top_two = self._top_two
        m.submodules.top_two = EnableInserter(advance)(top_two)
        m.submodules.verdict = verdict = Verdict(self.config)
        leaders = top_two.leaders
        m.d.comb += [
            top_two.beat.eq(self.i.payload),
            top_two.valid.eq(self.i.valid),
            verdict.exit_index.eq(leaders.exit_index),
            verdict.score.eq(leaders.maximum - leaders.second),
            verdict.held.eq(~advance),
            self.o.valid.eq(top_two.closing),
            self.o.payload.exit.eq(verdict.exit),
            self.o.payload.label.eq(leaders.label),
            self.o.payload.exit_index.eq(leaders.exit_index),
        ]
        if self.config.tag_width:
            m.d.comb += self.o.payload.tag.eq(leaders.tag)
        if self.config.with_score:
            m.d.comb += self.o.payload.score.eq(verdict.score)
        for inner, port in zip(verdict.thresholds, self._thresholds(m, advance), strict=True):
            m.d.comb += inner.eq(port)
        return m

    def _thresholds(self, m, advance):
        """Return the threshold of each exit in the cycle of the decision."""
        if self.config.lanes == 1:
            return self.thresholds
        # by then another vector may have come in whole: that of each travels beside it
        beside = Module()
        chosen = of_exit(beside, self.thresholds, self.i.payload.exit_index)
        chosen = delayed(beside, chosen, self._top_two.latency, "threshold")
        m.submodules.beside = EnableInserter(advance)(beside)
        return [chosen] * self.config.n_exits
