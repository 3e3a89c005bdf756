"""The learned linear gate: a weighted sum of scores, bit by bit."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import GATE_WEIGHT, SELECTION_WIDTH, Criterion
from ...golden.spec.decision import DecisionConfig
from .scores import Scores

__all__ = ["GateStage", "GateWeights"]


class GateWeights(data.StructLayout):
    """Weights of the scores present.

    Members
    -------
    confidence, margin, entropy : signed(8)
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({str(name): signed(GATE_WEIGHT.width) for name in config.features})


class GateStage(wiring.Component):
    """Fill in ``gate = sum of weight * score + offset`` where the gate is selected.

    No multiplier: for each bit of the weights, highest first, the sum is doubled and each score
    whose weight has the bit is added; the highest bit of a signed weight counts negatively, so
    there it is subtracted. The offset comes last.

    Latency: 0 cycles for a vector under another criterion, ``8 * n_features + 2`` for one under
    the gate. The next vector is taken a cycle later: so vectors of fewer than
    ``8 * n_features + 3`` logits, all under the gate, do not keep one logit a cycle.

    Parameters
    ----------
    config : DecisionConfig
        With ``gate`` among its criteria.

    Members
    -------
    selection : In(3) [n_exits]
        Code of the criterion of each exit.
    weights : In(GateWeights) [n_exits]
        Sampled when a vector of the exit is begun.
    offsets : In(signed) [n_exits]
        In the format of the gate's score, within `gate_bias_bounds`; sampled when a vector of the
        exit is finished.
    i : In(stream of Scores)
    o : Out(stream of Scores)
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self.score_shape = signed(config.score_format_of(Criterion.GATE).width)
        super().__init__(
            {
                "selection": In(SELECTION_WIDTH).array(config.n_exits),
                "weights": In(GateWeights(config)).array(config.n_exits),
                "offsets": In(self.score_shape).array(config.n_exits),
                "i": In(stream.Signature(Scores(config))),
                "o": Out(stream.Signature(Scores(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        features = [str(name) for name in self._config.features]
        exit_index = self.i.payload.exit_index

        weights = Signal(GateWeights(self._config))
        score = Signal(self.score_shape)
        n_bits = GATE_WEIGHT.width
        bit = Signal(range(n_bits))
        feature = Signal(range(max(2, len(features))))

        # one adder for everything
        base = Signal.like(score)
        operand = Signal.like(score)
        subtract = Signal()
        m.d.comb += base.eq(score)

        scores = Array(self.i.payload[name] for name in features)
        # the bit at hand is the top one: weights move up
        bits = Array(weights[name][-1] for name in features)

        m.d.comb += self.o.payload.eq(self.i.payload)
        m.d.comb += self.o.payload.gate.eq(score)
        with m.FSM():
            with m.State("PASS"):
                selected = Array(self.selection)[exit_index] == Criterion.GATE.code
                m.d.sync += [score.eq(0), bit.eq(0), feature.eq(0)]
                with m.If(self.i.valid & selected):
                    m.d.sync += weights.eq(Array(w.as_value() for w in self.weights)[exit_index])
                    m.next = "WEIGH"
                with m.Else():
                    m.d.comb += [self.o.valid.eq(self.i.valid), self.i.ready.eq(self.o.ready)]
            with m.State("WEIGH"):
                # score = 2 * score + sum of (bit of weight) * (score of feature)
                last_feature = feature == len(features) - 1
                with m.If(feature == 0):
                    m.d.comb += base.eq(score << 1)
                m.d.comb += [
                    subtract.eq(bit == 0),
                    operand.eq(Mux(bits[feature], scores[feature], 0)),
                ]
                m.d.sync += [
                    score.eq(base + (operand ^ subtract.replicate(len(score))) + subtract),
                    feature.eq(feature + 1),
                ]
                with m.If(last_feature):
                    m.d.sync += [feature.eq(0), bit.eq(bit + 1)]
                    for name in features:
                        m.d.sync += weights[name].eq(weights[name] << 1)
                    with m.If(bit == n_bits - 1):
                        m.next = "OFFSET"
            with m.State("OFFSET"):
                m.d.comb += operand.eq(Array(self.offsets)[exit_index])
                m.d.sync += score.eq(base + operand)
                m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.i.ready.eq(self.o.ready)]
                with m.If(self.o.ready):
                    m.next = "PASS"
        return m
