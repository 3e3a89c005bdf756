"""The exit decision unit for the confidence criterion, with the margin beside it if asked for."""

from amaranth.hdl import EnableInserter, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import SELECTION_WIDTH
from ...golden.spec.decision import DecisionConfig
from .lane_pipeline import LanePipeline
from .payload import Decision, LogitBeat
from .pipeline import DecisionPipeline
from .window_pipeline import WindowPipeline

__all__ = ["DecisionUnit"]


class DecisionUnit(wiring.Component):
    """Decide for each vector of logits whether the network may stop here.

    ``exit = softmax(z)_label >= T``, with the softmax in base ``2**(1 / 2**F)`` and T given as
    log-odds: the unit computes ``sum E(z_i) <= E(z_label - threshold)`` over all i but one
    maximum. It equals `offramp.golden.decision.decide` bit for bit.

    Throughput: one beat a cycle, of a logit or as many as there are lanes, no bubble between
    vectors; each vector may have another length, 2 to ``n_classes``. Latency: `latency` cycles
    from the transfer of the last beat to `o.valid`, whatever the length.

    With ``criteria=("confidence", "margin")`` each exit decides by the one that is selected; the
    margin shares maximum, threshold and label, and equals `offramp.golden.criteria.margin_score`.

    While a decision waits for `o.ready` the whole unit holds still and `i.ready` is low.

    Parameters
    ----------
    config : DecisionConfig

    Members
    -------
    i : In(stream of LogitBeat)
    o : Out(stream of Decision)
    thresholds : In(signed(window_width + 1)) [n_exits]
        Log-odds in logit LSBs, `threshold_low` to `threshold_high` of the configuration; that of
        the vector's exit is sampled in the cycle after its last logit was taken (later if the
        unit is held, and one cycle later with the register "input"), with several lanes as its
        last beat is taken; so a change takes effect between vectors. With one lane and without
        registers after "input" it counts while the decision is offered and must not change while
        that waits.
    selection : In(3) [n_exits]
        `Criterion.code` of the criterion of each exit, with two criteria only; sampled as the
        thresholds are. Another code counts as confidence.

    Raises
    ------
    ValueError
        The criteria are others; `create_unit` finds the unit for any.
    """

    def __init__(self, config: DecisionConfig):
        if not config.has_plain_criteria:
            raise ValueError(
                "Criteria must be confidence or confidence, margin, "
                f"not {', '.join(config.criteria)}"
            )
        self.config = config
        if config.windowed:
            self._pipeline = WindowPipeline(config)
        elif config.lanes > 1:
            self._pipeline = LanePipeline(config)
        else:
            self._pipeline = DecisionPipeline(config)
        self.latency = self._pipeline.latency
        members = {
            "i": In(stream.Signature(LogitBeat(config))),
            "o": Out(stream.Signature(Decision(config))),
            "thresholds": In(signed(config.threshold_format.width)).array(config.n_exits),
        }
        if len(config.criteria) > 1:
            members["selection"] = In(SELECTION_WIDTH).array(config.n_exits)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        pipeline = self._pipeline

        advance = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance)]

        m.submodules.pipeline = EnableInserter(advance)(pipeline)
        m.d.comb += [
            pipeline.beat.eq(self.i.payload),
            pipeline.valid.eq(self.i.valid),
            self.o.valid.eq(pipeline.decided),
            self.o.payload.eq(pipeline.decision),
        ]
        for threshold, port in zip(pipeline.thresholds, self.thresholds, strict=True):
            m.d.comb += threshold.eq(port)
        if len(self.config.criteria) > 1:
            for selection, port in zip(pipeline.selection, self.selection, strict=True):
                m.d.comb += selection.eq(port)
        return m
