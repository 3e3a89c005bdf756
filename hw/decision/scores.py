"""The scores of a vector under all criteria, and streams of them."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig

__all__ = ["ScoreQueue", "Scores"]


class Scores(data.StructLayout):
    """What the criteria say of a vector; each stage fills in its field.

    Members
    -------
    label, exit_index, tag
        As in `Decision`.
    confidence, margin, entropy, gate, patience : signed
        Of those that are present, each in its own format.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__(
            {
                "label": config.label_width,
                "exit_index": config.exit_index_width,
                "tag": config.tag_width,
                **{
                    str(name): signed(config.score_format_of(name).width)
                    for name in config.criteria
                },
            }
        )


class ScoreQueue(wiring.Component):
    """Keep up to two vectors' scores, so that a fast criterion need not wait for a slow one.

    Latency: 1 cycle. Throughput: 1 a cycle. `i.ready` does not depend on `o.ready`.

    Members
    -------
    i : In(stream)
    o : Out(stream)
        Of the given layout.
    """

    latency = 1

    def __init__(self, layout: data.Layout):
        self._layout = layout
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(layout))})

    def elaborate(self, platform):
        m = Module()
        second = Signal(self._layout)
        second_valid = Signal()
        m.d.comb += self.i.ready.eq(~second_valid)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                self.o.valid.eq(second_valid | self.i.valid),
                second_valid.eq(0),
            ]
            with m.If(second_valid):
                m.d.sync += self.o.payload.eq(second)
            with m.Else():
                m.d.sync += self.o.payload.eq(self.i.payload)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [second.eq(self.i.payload), second_valid.eq(1)]
        return m
