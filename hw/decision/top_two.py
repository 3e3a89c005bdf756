"""The two largest logits of a vector, and the index of the largest."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .compare import is_above
from .payload import LogitBeat, tag_field

__all__ = ["Leaders", "TopTwo"]


class Leaders(data.StructLayout):
    """What is known of a vector when its last logit has been compared.

    Members
    -------
    maximum, second : logit_width
        Its two largest logits, offset: ``z + 2**(W-1)``.
    label : label_width
        Index of the largest, the lowest of several.
    exit_index, tag
        As given with the last beat; no tag if it has no bits.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__(
            {
                "maximum": config.logit_width,
                "second": config.logit_width,
                "label": config.label_width,
                "exit_index": config.exit_index_width,
            }
            | tag_field(config)
        )


class TopTwo(wiring.Component):
    """Keep the two largest logits of a vector.

    What is not used of them costs nothing: without `second` it is an argmax.

    Latency: 1 cycle from the last beat to `closing`. Throughput: one logit a cycle.

    Members
    -------
    beat : In(LogitBeat)
        Sampled when `valid`.
    valid : In(1)
        Whether there is a beat in this cycle.
    closing : Out(1)
        `leaders` are those of a whole vector; for one cycle.
    leaders : Out(Leaders)
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "beat": In(LogitBeat(config)),
                "valid": In(1),
                "closing": Out(1),
                "leaders": Out(Leaders(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config

        # z + 2**(W-1) is z with its sign bit inverted
        logit = Signal(config.logit_width)
        m.d.comb += logit.eq(self.beat.logit ^ (1 << (config.logit_width - 1)))

        first = Signal(init=1)
        index = Signal(config.label_width)
        # the complement is what subtraction and comparison need of it
        second_complement = Signal(config.logit_width)
        m.d.comb += self.leaders.second.eq(~second_complement)

        # strictly above: of equal logits the first wins
        above_maximum = Signal()
        above_second = Signal()
        m.d.comb += [
            above_maximum.eq(is_above(logit, self.leaders.maximum)),
            above_second.eq((logit + second_complement)[config.logit_width]),
        ]

        m.d.sync += self.closing.eq(self.valid & self.beat.last)
        with m.If(self.valid):
            m.d.sync += [first.eq(self.beat.last), index.eq(index + 1)]
            with m.If(self.beat.last):
                m.d.sync += index.eq(0)
                if config.tag_width:
                    m.d.sync += self.leaders.tag.eq(self.beat.tag)
                if config.n_exits > 1:
                    m.d.sync += self.leaders.exit_index.eq(self.beat.exit_index)
            with m.If(first | above_maximum):
                m.d.sync += [self.leaders.maximum.eq(logit), self.leaders.label.eq(index)]
            # a vector has two logits or more, so 0 is as good as no second one
            with m.If(first):
                m.d.sync += second_complement.eq(~0)
            with m.Elif(above_second):
                m.d.sync += second_complement.eq(~Mux(above_maximum, self.leaders.maximum, logit))
        return m
