"""The patience criterion: exits in a row that agree on the class."""

from amaranth.hdl import EnableInserter, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import Criterion
from ...golden.spec.decision import DecisionConfig
from .lane_top_two import create_top_two
from .payload import Decision, LogitBeat
from .scores import Scores
from .verdict import Verdict

__all__ = ["PatienceStage", "PatienceUnit"]


class PatienceStage(wiring.Component):
    """Fill in ``patience``: how many exits in a row, up to this one, agree with the one before.

    The last label and count of each sample are kept in a memory at its tag. At exit index 0 the
    count starts at 0. It equals `offramp.golden.criteria.PatienceMemory`.

    Latency: 1 cycle. Throughput: a vector in 2 cycles, since a vector may be of the same sample as
    the one before: it is looked up when that one has been written.

    Parameters
    ----------
    config : DecisionConfig
        With ``patience`` among its criteria.

    Members
    -------
    i : In(stream of Scores)
    o : Out(stream of Scores)
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {"i": In(stream.Signature(Scores(config))), "o": Out(stream.Signature(Scores(config)))}
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config

        count_max = config.n_exits - 1
        entry = data.StructLayout({"label": config.label_width, "count": range(config.n_exits)})
        m.submodules.memory = memory = Memory(
            shape=entry,
            depth=1 << config.tag_width,
            init=[],
            # read when empty, written when full
            attrs={"no_rw_check": 1},
        )
        write_port = memory.write_port()
        read_port = memory.read_port()
        previous = read_port.data

        vector = Signal(Scores(config))
        agrees = Signal()
        count = Signal(range(config.n_exits))
        m.d.comb += [
            self.i.ready.eq(~self.o.valid),
            read_port.en.eq(self.i.valid & self.i.ready),
            read_port.addr.eq(self.i.payload.tag),
            agrees.eq((vector.exit_index != 0) & (vector.label == previous.label)),
            write_port.en.eq(self.o.valid & self.o.ready),
            write_port.addr.eq(vector.tag),
            write_port.data.label.eq(vector.label),
            write_port.data.count.eq(count),
            self.o.payload.eq(vector),
            self.o.payload.patience.eq(count),
        ]
        with m.If(agrees):
            m.d.comb += count.eq(Mux(previous.count == count_max, count_max, previous.count + 1))
        with m.If(self.o.valid):
            m.d.sync += self.o.valid.eq(~self.o.ready)
        with m.Else():
            m.d.sync += [self.o.valid.eq(self.i.valid), vector.eq(self.i.payload)]
        return m


class PatienceUnit(wiring.Component):
    """Decide for each vector whether enough exits in a row agree on the class of the sample.

    ``score`` is the count of `PatienceStage`, ``exit = score >= threshold``: after p agreements
    with threshold p.

    Throughput: one beat a cycle, no bubble between vectors of two beats or more, each of its own
    length, 2 to ``n_classes``. Latency: `latency` cycles from the transfer of the last beat to
    `o.valid`.

    While a decision waits for `o.ready` the unit takes at most one more vector.

    Parameters
    ----------
    config : DecisionConfig
        With ``patience`` as its criterion.

    Members
    -------
    i : In(stream of LogitBeat)
    o : Out(stream of Decision)
    thresholds : In(signed) [n_exits]
        0 to ``n_exits - 1``; that of the vector's exit is sampled in the first cycle of its
        decision.

    Raises
    ------
    ValueError
        The criteria of the configuration are others.
    """

    def __init__(self, config: DecisionConfig):
        if config.criteria != (Criterion.PATIENCE,):
            raise ValueError(f"Criteria must be patience alone, not {', '.join(config.criteria)}")
        self.config = config
        self._top_two = create_top_two(config)
        self.latency = self._top_two.latency + PatienceStage.latency + Verdict.latency
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
        top_two = self._top_two
        m.submodules.top_two = EnableInserter(advance)(top_two)
        m.submodules.stage = stage = PatienceStage(self.config)
        m.submodules.verdict = verdict = Verdict(self.config)
        leaders = top_two.leaders
        scores = stage.o.payload
        m.d.comb += [
            advance.eq(~top_two.closing | stage.i.ready),
            self.i.ready.eq(advance),
            top_two.beat.eq(self.i.payload),
            top_two.valid.eq(self.i.valid),
            stage.i.valid.eq(top_two.closing),
            stage.i.payload.label.eq(leaders.label),
            stage.i.payload.exit_index.eq(leaders.exit_index),
            stage.i.payload.tag.eq(leaders.tag),
            verdict.exit_index.eq(scores.exit_index),
            verdict.score.eq(scores.patience),
            verdict.held.eq(self.o.valid & ~self.o.ready),
            self.o.valid.eq(stage.o.valid),
            stage.o.ready.eq(self.o.ready),
            self.o.payload.exit.eq(verdict.exit),
            self.o.payload.label.eq(scores.label),
            self.o.payload.score.eq(verdict.score),
            self.o.payload.exit_index.eq(scores.exit_index),
            self.o.payload.tag.eq(scores.tag),
        ]
        for inner, port in zip(verdict.thresholds, self.thresholds, strict=True):
            m.d.comb += inner.eq(port)
        return m
