"""Index of the largest logit, with several lanes."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .slot import Slot

__all__ = ["LaneLabel", "LaneSlot"]


class LaneSlot(data.StructLayout):
    """A slot of several lanes.

    Members
    -------
    slot : Slot
        `leads` if the largest logit of the beat is that of the vector so far.
    counts : 1
        There is a beat.
    lane : log2(lanes)
        Of its largest logit.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"slot": Slot(), "counts": 1, "lane": config.lanes.bit_length() - 1})


class LaneLabel(wiring.Component):
    """Find the index of a vector's largest logit, the lowest of several, as `WinnerLabel` does.

    Latency: 0, from the closing slot.

    Members
    -------
    i : In(LaneSlot)
    label : Out(label_width)
        In a closing slot.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__({"i": In(LaneSlot(config)), "label": Out(config.label_width)})

    def elaborate(self, platform):
        m = Module()
        slot = self.i.slot
        lane = Signal.like(self.i.lane, reset_less=True)
        with m.If(slot.leads | slot.between):
            m.d.sync += lane.eq(self.i.lane)
        m.d.comb += self.label.eq(lane)
        width = self._config.label_width - len(lane)
        if width > 0:
            index = Signal(width, reset_less=True)
            beat = Signal(width, reset_less=True)
            m.d.sync += index.eq(index + self.i.counts)
            with m.If(slot.leads):
                m.d.sync += beat.eq(index)
            with m.If(slot.between):
                m.d.sync += [index.eq(1), beat.eq(0)]
            m.d.comb += self.label.eq(Cat(lane, beat))
        return m
