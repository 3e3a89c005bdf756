"""Which lanes of a beat from the bus hold logits."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_streams import beat_bytes, logit_bytes, max_beats

__all__ = ["LaneMask"]


class LaneMask(wiring.Component):
    """Tell by TKEEP which lanes of a last beat hold logits, and whether that is legal.

    Lane 0 does, and those behind it do up to the first one of which a byte is missing.

    Latency: 0.

    Parameters
    ----------
    config : DecisionConfig
        With several lanes.

    Members
    -------
    tkeep : In(beat_bytes)
    full : In(1)
        A longest vector has no beat behind this one.
    counts : Out(lanes)
        Lanes that hold logits, as many as there is room for if `full`.
    alone : Out(1)
        Only lane 0 does.
    too_many : Out(1)
        There are more logits than room.
    legal : Out(1)
        TKEEP is that of the lanes that hold logits.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "tkeep": In(beat_bytes(config)),
                "full": In(1),
                "counts": Out(config.lanes),
                "alone": Out(1),
                "too_many": Out(1),
                "legal": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes, n_bytes = self._config.lanes, logit_bytes(self._config)
        # logits in the last beat of a longest vector
        room = self._config.n_classes - lanes * (max_beats(self._config) - 1)
        held = Signal(lanes)
        # of TKEEP, not of each other: Verilator takes a chain within a signal for a loop
        whole = (self.tkeep[n_bytes : (lane + 1) * n_bytes].all() for lane in range(1, lanes))
        m.d.comb += [
            held.eq(Cat(Const(1, 1), *whole)),
            self.counts.eq(held),
            self.alone.eq(~held[1]),
            self.legal.eq(self.tkeep == Cat(one.replicate(n_bytes) for one in held)),
        ]
        if room < lanes:
            m.d.comb += self.too_many.eq(self.full & held[room])
            with m.If(self.full):
                m.d.comb += self.counts.eq(held[:room])
        return m
