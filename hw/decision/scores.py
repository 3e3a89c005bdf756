"""The scores of a vector under all criteria, and streams of them."""

from itertools import pairwise

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
    """Keep some vectors' scores, so that a fast criterion need not wait for a slow one.

    Latency: 1 cycle. Throughput: 1 a cycle. `i.ready` does not depend on `o.ready`.

    Parameters
    ----------
    layout : data.Layout
        Of the payload.
    depth : int
        Number of payloads kept, 2 or more.

    Members
    -------
    i : In(stream)
    o : Out(stream)
    """

    latency = 1

    def __init__(self, layout: data.Layout, depth: int):
        self._layout = layout
        self._depth = depth
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(layout))})

    def elaborate(self, platform):
        m = Module()
        # the head is entry 0: all move up when it leaves
        entries = [Signal(self._layout, name=f"entry_{n}") for n in range(self._depth)]
        level = Signal(range(self._depth + 1))
        push = Signal()
        pop = Signal()
        place = Signal.like(level)
        m.d.comb += [
            self.i.ready.eq(level != self._depth),
            self.o.valid.eq(level != 0),
            self.o.payload.eq(entries[0]),
            push.eq(self.i.valid & self.i.ready),
            pop.eq(self.o.valid & self.o.ready),
            place.eq(level - pop),
        ]
        m.d.sync += level.eq(place + push)
        with m.If(pop):
            m.d.sync += [entry.eq(behind) for entry, behind in pairwise(entries)]
        with m.Switch(place):
            for n, entry in enumerate(entries):
                with m.Case(n), m.If(push):
                    m.d.sync += entry.eq(self.i.payload)
        return m
