"""Several criteria in one unit, one of them chosen for each exit at run time."""

from dataclasses import replace

from amaranth.hdl import Array, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import SELECTION_WIDTH, Criterion
from ...golden.spec.decision import DecisionConfig
from .entropy import EntropyUnit
from .gate import GateStage, GateWeights
from .margin import MarginUnit
from .patience import PatienceStage, PatienceUnit
from .payload import Decision, LogitBeat
from .scores import ScoreQueue, Scores
from .unit import DecisionUnit
from .verdict import Verdict

__all__ = ["CriteriaUnit", "create_unit"]

_CORES = {
    Criterion.CONFIDENCE: DecisionUnit,
    Criterion.MARGIN: MarginUnit,
    Criterion.ENTROPY: EntropyUnit,
}

_QUEUE_DEPTH = 4
"""Vectors whose scores wait for those of slower criteria, the confidence not among them."""


class CriteriaUnit(wiring.Component):
    """Decide by the criterion that is selected for the exit of each vector.

    ::

              ┌─> confidence ──> queue ─┐
        i ──┬─┼─> margin ──────> queue ─┼─> join ──> gate ──> patience ──> select, Verdict ──> o
              └─> entropy ─────> queue ─┘

    All criteria present score every vector; decisions come in the order of the vectors, whatever
    was selected. Scores equal those of the criteria by themselves.

    Throughput: one beat a cycle as far as the slowest criterion present goes: without a bubble
    between vectors of one length, except that a vector under the gate occupies the unit for
    ``8 * n_features + 3`` cycles (see `GateStage`). Latency: that of the slowest criterion present
    and a cycle of queue, one more with patience, and those of the gate.

    Parameters
    ----------
    config : DecisionConfig

    Members
    -------
    i : In(stream of LogitBeat)
    o : Out(stream of Decision)
    thresholds : In(signed) [n_exits]
        In units of the selected score, in ``config.score_format``; sampled in the first cycle of
        the decision.
    selection : In(3) [n_exits]
        `Criterion.code` of the criterion of each exit; one that is absent counts as the first that
        is present. With one criterion there is no such port. It must not change while a vector of
        the exit is inside.
    weights, offsets : In [n_exits]
        Of the gate, if it is present: see `GateStage`.
    """

    def __init__(self, config: DecisionConfig):
        self.config = config
        members = {
            "i": In(stream.Signature(LogitBeat(config))),
            "o": Out(stream.Signature(Decision(config))),
            "thresholds": In(signed(config.score_format.width)).array(config.n_exits),
        }
        if len(config.criteria) > 1:
            members["selection"] = In(SELECTION_WIDTH).array(config.n_exits)
        if Criterion.GATE in config.criteria:
            shape = signed(config.score_format_of(Criterion.GATE).width)
            members["weights"] = In(GateWeights(config)).array(config.n_exits)
            members["offsets"] = In(shape).array(config.n_exits)
        # patience alone needs a label: that of the margin
        names = config.features or (Criterion.MARGIN,)
        self._cores = {name: _CORES[name](replace(config, criteria=(name,))) for name in names}
        self._depth = _QUEUE_DEPTH
        if Criterion.CONFIDENCE in names:
            # so many vectors a margin is ahead of a confidence: of two logits, or of one beat
            cycles = 2 if config.lanes == 1 else 1
            latency = self._cores[Criterion.CONFIDENCE].latency
            self._depth = max(self._depth, latency // cycles + 1)
        super().__init__(members)

    def latency(self, n_logits: int) -> int:
        """Return the cycles from the last of `n_logits` logits to the decision, without a gate."""
        latencies = (core.latency for core in self._cores.values())
        slowest = max(each(n_logits) if callable(each) else each for each in latencies)
        patience = PatienceStage.latency if Criterion.PATIENCE in self.config.criteria else 0
        return slowest + ScoreQueue.latency + patience

    def elaborate(self, platform):
        m = Module()
        config = self.config

        # -- every criterion sees every logit ----------------------------------------------------
        cores = self._cores
        names = tuple(cores)
        queues = {}
        for name in names:
            m.submodules[name] = cores[name]
            layout = cores[name].o.payload.shape()
            m.submodules[f"{name}_queue"] = queues[name] = ScoreQueue(layout, self._depth)
            wiring.connect(m, cores[name].o, queues[name].i)
        ready = {name: core.i.ready for name, core in cores.items()}
        m.d.comb += self.i.ready.eq(_all(ready.values()))
        for name, core in cores.items():
            others = [signal for other, signal in ready.items() if other != name]
            m.d.comb += [
                core.i.payload.eq(self.i.payload),
                core.i.valid.eq(self.i.valid & _all(others)),
            ]

        # -- one record of all scores ------------------------------------------------------------
        joined = stream.Signature(Scores(config)).create(path=["joined"])
        heads = {name: queue.o for name, queue in queues.items()}
        first = heads[names[0]].payload
        m.d.comb += [
            joined.valid.eq(_all(head.valid for head in heads.values())),
            joined.payload.label.eq(first.label),
            joined.payload.exit_index.eq(first.exit_index),
            joined.payload.tag.eq(first.tag),
        ]
        for name, head in heads.items():
            m.d.comb += head.ready.eq(joined.valid & joined.ready)
            if name in config.criteria:
                m.d.comb += joined.payload[str(name)].eq(head.payload.score)

        scored = joined
        if Criterion.GATE in config.criteria:
            m.submodules.gate = gate = GateStage(config)
            _connect_stream(m, scored, gate.i)
            for inner, outer in (
                *zip(gate.selection, self.selection, strict=True),
                *zip(gate.weights, self.weights, strict=True),
                *zip(gate.offsets, self.offsets, strict=True),
            ):
                m.d.comb += inner.eq(outer)
            scored = gate.o
        if Criterion.PATIENCE in config.criteria:
            m.submodules.patience = patience = PatienceStage(config)
            _connect_stream(m, scored, patience.i)
            scored = patience.o

        # -- the selected one --------------------------------------------------------------------
        scores = scored.payload
        m.submodules.verdict = verdict = Verdict(config)
        first_name, *other_names = config.criteria
        m.d.comb += verdict.score.eq(scores[str(first_name)])
        if other_names:
            selection = Signal(SELECTION_WIDTH)
            m.d.comb += selection.eq(Array(self.selection)[scores.exit_index])
            with m.Switch(selection):
                for name in other_names:
                    with m.Case(name.code):
                        m.d.comb += verdict.score.eq(scores[str(name)])
        m.d.comb += [
            verdict.exit_index.eq(scores.exit_index),
            verdict.held.eq(self.o.valid & ~self.o.ready),
            scored.ready.eq(self.o.ready),
            self.o.valid.eq(scored.valid),
            self.o.payload.exit.eq(verdict.exit),
            self.o.payload.label.eq(scores.label),
            self.o.payload.score.eq(verdict.score),
            self.o.payload.exit_index.eq(scores.exit_index),
            self.o.payload.tag.eq(scores.tag),
        ]
        for inner, port in zip(verdict.thresholds, self.thresholds, strict=True):
            m.d.comb += inner.eq(port)
        return m


def create_unit(config: DecisionConfig) -> wiring.Component:
    """Return the smallest unit that has the criteria of a configuration.

    All have the streams `i` and `o` and `thresholds`; with more than one criterion `selection`,
    with the gate `weights` and `offsets`.
    """
    if config.has_plain_criteria:
        return DecisionUnit(config)
    alone = {
        (Criterion.MARGIN,): MarginUnit,
        (Criterion.ENTROPY,): EntropyUnit,
        (Criterion.PATIENCE,): PatienceUnit,
    }
    return alone.get(config.criteria, CriteriaUnit)(config)


def _all(signals) -> Signal:
    result = 1
    for signal in signals:
        result = result & signal
    return result


def _connect_stream(m: Module, source, sink) -> None:
    """Connect what may be a bare interface, not a component's own."""
    m.d.comb += [
        sink.valid.eq(source.valid),
        sink.payload.eq(source.payload),
        source.ready.eq(sink.ready),
    ]
