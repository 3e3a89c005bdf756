"""First stage: split each vector into its maximum and everything else."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .payload import LogitBeat

__all__ = ["Operand", "RunningMaximum", "Winner"]


class Operand(data.StructLayout):
    """What the exponential is taken of, one a cycle.

    Members
    -------
    x : signed(logit_width + 2)
        An offset logit ``z + 2**(W-1)``, or the winner less the threshold when `closing`, which
        may lie below or above the range of logits.
    empty : 1
        There is nothing to add.
    closing : 1
        `x` is what the sum of the vector before is compared with.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"x": signed(config.logit_width + 2), "empty": 1, "closing": 1})


class Winner(data.StructLayout):
    """What is known of a vector when its last logit has been compared.

    Members
    -------
    maximum : logit_width
        Offset logit of the winner.
    label : label_width
        Its index.
    exit_index, tag
        As given with the last beat.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__(
            {
                "maximum": config.logit_width,
                "label": config.label_width,
                "exit_index": config.exit_index_width,
                "tag": config.tag_width,
            }
        )


class RunningMaximum(wiring.Component):
    """Keep the larger of logit and maximum, and send the smaller on to be summed.

    So everything but one maximum reaches the sum, whatever the order. The first logit of a
    vector has nothing to be compared with and sends nothing on: its cycle, or an idle one, carries
    the comparison of the vector before, ``x = maximum - threshold``. That is why vectors follow
    each other without a bubble.

    Latency: 1 cycle from logit to operand; the closing operand and the winner follow the operand
    of the last logit by one cycle.

    Members
    -------
    beat : In(LogitBeat)
        Sampled when `valid`.
    valid : In(1)
        Whether there is a beat in this cycle.
    thresholds : In(signed(logit_width + 1)) [n_exits]
        Sampled when a vector closes: the cycle after its last beat.
    operand : Out(Operand)
    winner : Out(Winner)
        Valid with a closing operand.
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "beat": In(LogitBeat(config)),
                "valid": In(1),
                "thresholds": In(signed(config.threshold_format.width)).array(config.n_exits),
                # out of reset there is nothing to add either
                "operand": Out(Operand(config), init={"empty": 1}),
                "winner": Out(Winner(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config

        # z + 2**(W-1) is z with its sign bit inverted
        logit = Signal(config.logit_width)
        m.d.comb += logit.eq(self.beat.logit ^ (1 << (config.logit_width - 1)))

        first = Signal(init=1)
        closing = Signal()
        index = Signal(config.label_width)
        best = Signal(Winner(config))
        threshold = Signal(signed(config.threshold_format.width))

        # > and not >=: of equal logits the first wins
        larger = Signal()
        m.d.comb += larger.eq(logit > best.maximum)

        m.d.sync += closing.eq(self.valid & self.beat.last)
        with m.If(self.valid):
            m.d.sync += first.eq(self.beat.last)
            with m.If(self.beat.last):
                m.d.sync += [
                    index.eq(0),
                    best.exit_index.eq(self.beat.exit_index),
                    best.tag.eq(self.beat.tag),
                ]
            with m.Else():
                m.d.sync += index.eq(index + 1)
            with m.If(first | larger):
                m.d.sync += [best.maximum.eq(logit), best.label.eq(index)]

        with m.Switch(best.exit_index):
            for exit_index in range(1, config.n_exits):
                with m.Case(exit_index):
                    m.d.comb += threshold.eq(self.thresholds[exit_index])
            with m.Default():
                m.d.comb += threshold.eq(self.thresholds[0])

        m.d.sync += [
            self.operand.closing.eq(closing),
            self.operand.empty.eq(~closing & (first | ~self.valid)),
            self.winner.eq(best),
        ]
        with m.If(closing):
            m.d.sync += self.operand.x.eq(best.maximum - threshold)
        with m.Elif(larger):
            m.d.sync += self.operand.x.eq(best.maximum)
        with m.Else():
            m.d.sync += self.operand.x.eq(logit)
        return m
