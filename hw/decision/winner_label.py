"""Beside the sum: count the logits and keep the index of the largest."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .slot import Slot

__all__ = ["WinnerLabel"]


class WinnerLabel(wiring.Component):
    """Find the index of a vector's largest logit, the lowest of several.

    It may stand anywhere along the pipeline: where a vector is decided, the label is there without
    registers that delay it. Index 0 is the first logit's, whose slot lies between vectors, so both
    registers are set there and count from the second logit on.

    Latency: 0, from the closing slot.

    Members
    -------
    slot : In(Slot)
    counts : In(1)
        There is a logit in this slot; not sampled between vectors.
    label : Out(label_width)
        In a closing slot.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__({"slot": In(Slot()), "counts": In(1), "label": Out(config.label_width)})

    def elaborate(self, platform):
        m = Module()
        index = Signal(self._config.label_width, reset_less=True)
        label = Signal(self._config.label_width, reset_less=True)
        # added, not enabled: the carry chain takes it in for nothing
        m.d.sync += index.eq(index + self.counts)
        with m.If(self.slot.leads):
            m.d.sync += label.eq(index)
        with m.If(self.slot.between):
            m.d.sync += [index.eq(1), label.eq(0)]
        m.d.comb += self.label.eq(label)
        return m
