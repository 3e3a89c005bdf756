"""The entropy criterion."""

from amaranth.hdl import EnableInserter, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import Criterion
from ...golden.spec.decision import DecisionConfig
from .entropy_sums import EntropySums
from .log_quotient import LogQuotient
from .payload import Decision, LogitBeat
from .vector_store import Origin, VectorStore
from .verdict import Verdict

__all__ = ["EntropyUnit"]


class EntropyUnit(wiring.Component):
    """Decide for each vector whether the entropy of its softmax is low enough.

    ::

        i ──> VectorStore ──difference──> EntropySums ──S, D──> LogQuotient ──> Verdict ──> o
              maximum, memory,            table, add            logarithms,
              second pass                                       power

    ``score = -H`` in 1/256 bit, ``exit = score >= threshold``, with ``H = log2 S + D / S``. It
    equals `offramp.golden.criteria.entropy_score` bit for bit.

    Latency: N + 4 cycles from the transfer of the last of N logits to `o.valid`, with two logits 7.
    Throughput: one logit a cycle, no bubble between vectors of one length; see `VectorStore` for
    others.

    While a decision waits for `o.ready` the whole unit holds still and `i.ready` is low. `i.ready`
    depends on `i.payload.last`.

    Parameters
    ----------
    config : DecisionConfig
        With ``entropy`` as its criterion.

    Members
    -------
    i : In(stream of LogitBeat)
    o : Out(stream of Decision)
    thresholds : In(signed) [n_exits]
        In 1/256 bit, in ``config.score_format``; that of the vector's exit is sampled in the first
        cycle of its decision.

    Raises
    ------
    ValueError
        The criteria of the configuration are others.
    """

    def __init__(self, config: DecisionConfig):
        if config.criteria != (Criterion.ENTROPY,):
            raise ValueError(f"Criteria must be entropy alone, not {', '.join(config.criteria)}")
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(LogitBeat(config))),
                "o": Out(stream.Signature(Decision(config))),
                "thresholds": In(signed(config.score_format.width)).array(config.n_exits),
            }
        )

    def latency(self, n_logits: int) -> int:
        """Return the cycles from the last of `n_logits` logits to the decision."""
        return max(3, n_logits) + EntropySums.latency - 1 + LogQuotient.latency

    def elaborate(self, platform):
        m = Module()
        config = self.config

        advance = Signal()
        hold = EnableInserter(advance)
        m.submodules.store = store = hold(VectorStore(config))
        m.submodules.sums = sums = hold(EntropySums(config.entropy))
        m.submodules.quotient = quotient = hold(LogQuotient(config.entropy))
        m.submodules.verdict = verdict = Verdict(config)

        summed = Signal()
        origin = Signal(Origin(config), reset_less=True)
        with m.If(advance):
            m.d.sync += summed.eq(store.finished)
            with m.If(store.finished):
                m.d.sync += origin.eq(store.origin)

        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance & (store.ready_for_last | ~self.i.payload.last)),
            store.beat.eq(self.i.payload),
            store.valid.eq(self.i.valid & (store.ready_for_last | ~self.i.payload.last)),
            sums.difference.eq(store.difference),
            sums.valid.eq(store.difference_valid),
            quotient.sums.eq(sums.sums),
            quotient.start.eq(summed),
            verdict.exit_index.eq(origin.exit_index),
            verdict.score.eq(quotient.score),
            verdict.held.eq(~advance),
            self.o.valid.eq(quotient.valid),
            self.o.payload.exit.eq(verdict.exit),
            self.o.payload.label.eq(origin.label),
            self.o.payload.exit_index.eq(origin.exit_index),
        ]
        if config.tag_width:
            m.d.comb += self.o.payload.tag.eq(origin.tag)
        if config.with_score:
            m.d.comb += self.o.payload.score.eq(verdict.score)
        for inner, port in zip(verdict.thresholds, self.thresholds, strict=True):
            m.d.comb += inner.eq(port)
        return m
