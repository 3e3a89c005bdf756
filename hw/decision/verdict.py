"""The comparison with the threshold, last step of a criterion."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig

__all__ = ["Verdict"]


class Verdict(wiring.Component):
    """Compare a score with the threshold of its exit, and stand by the answer.

    ``exit = score >= threshold`` is combinational in the first cycle of a decision, and kept as
    long as the decision waits: a threshold written meanwhile changes nothing.

    Latency: 0 cycles.

    Parameters
    ----------
    config : DecisionConfig

    Members
    -------
    thresholds : In(signed) [n_exits]
        In ``config.score_format``.
    exit_index : In(exit_index_width)
    score : In(signed)
        In ``config.score_format``.
    held : In(1)
        The decision is not taken in this cycle.
    exit : Out(1)
    """

    latency = 0

    def __init__(self, config: DecisionConfig):
        self._config = config
        shape = signed(config.score_format.width)
        super().__init__(
            {
                "thresholds": In(shape).array(config.n_exits),
                "exit_index": In(config.exit_index_width),
                "score": In(shape),
                "held": In(1),
                "exit": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()

        threshold = Signal.like(self.thresholds[0])
        m.d.comb += threshold.eq(self.thresholds[0])
        with m.Switch(self.exit_index):
            for exit_index in range(1, self._config.n_exits):
                with m.Case(exit_index):
                    m.d.comb += threshold.eq(self.thresholds[exit_index])

        waiting = Signal()
        kept = Signal()
        m.d.sync += [waiting.eq(self.held), kept.eq(self.exit)]
        m.d.comb += self.exit.eq(Mux(waiting, kept, self.score >= threshold))
        return m
