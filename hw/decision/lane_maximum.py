"""First part of several lanes: the largest logit of a beat, and all others on their own."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig

__all__ = ["LaneMaximum", "Loser"]


class Loser(data.StructLayout):
    """A logit that is not the largest of its beat.

    Members
    -------
    complement : logit_width
        ``2**W - 1 - x`` of the offset logit ``x = z + 2**(W-1)``.
    void : 1
        There is no logit.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"complement": config.logit_width, "void": 1})


class _Node:
    """A match of the tournament, between a logit and one of higher lanes.

    The left one comes as its complement and the right one as it is, so that the comparison is an
    addition without an inverter: ``right > left  <=>  x_right + y_left >= 2**W``. As lanes are
    kept from lane 0 on, the right one is there only if the left one is.
    """

    def __init__(self, m, name, left, right):
        width = len(left.value)
        total = Signal(width + 1, name=f"{name}_total")
        takes = Signal(name=f"{name}_takes")
        m.d.comb += [
            total.eq(right.value + left.value),
            takes.eq(total[width] & right.kept),
        ]
        self.winner = Mux(takes, right.value, ~left.value)
        self.kept = left.kept
        # Verilog has no value without bits
        self.lane = takes if left.lane is None else Cat(Mux(takes, right.lane, left.lane), takes)
        self.loser = Mux(takes, left.value, ~right.value)
        self.loser_kept = right.kept


class _Entrant:
    """What enters a match: a logit, whether it is there, and its lane among those so far."""

    def __init__(self, value, kept, lane):
        self.value, self.kept, self.lane = value, kept, lane


class LaneMaximum(wiring.Component):
    """Find the largest logit of a beat by a tournament, and send the others on.

    Of equal logits that of the lowest lane wins. Each of the ``log2(lanes)`` rounds ends in
    registers; who loses in round k leaves after k cycles.

    Latency: `latency` cycles to the winner, k to the losers of round k.

    Members
    -------
    logits : In(signed(logit_width)) [lanes]
    kept : In(lanes)
        Which lanes hold a logit: none, or those from lane 0 on without a gap.
    winner : Out(signed(logit_width))
    lane : Out(latency)
        Its lane; not defined if no lane is kept.
    losers : Out(Loser) [lanes - 1]
        Those of the first round first.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self.latency = config.lanes.bit_length() - 1
        super().__init__(
            {
                "logits": In(signed(config.logit_width)).array(config.lanes),
                "kept": In(config.lanes),
                "winner": Out(signed(config.logit_width)),
                "lane": Out(self.latency),
                "losers": Out(Loser(config)).array(config.lanes - 1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = self._config.logit_width
        sign = 1 << (width - 1)

        entrants = []
        for lane, logit in enumerate(self.logits):
            # the offset z + 2**(W-1) inverts the sign bit, its complement all the others
            value = logit.as_unsigned() ^ (sign if lane % 2 else sign - 1)
            entrants.append(_Entrant(value, self.kept[lane], None))

        losers = iter(self.losers)
        for number in range(self.latency):
            nodes = [
                _Node(m, f"round_{number}_{place}", *entrants[2 * place : 2 * place + 2])
                for place in range(len(entrants) // 2)
            ]
            entrants = []
            for place, node in enumerate(nodes):
                name = f"round_{number}_{place}"
                value = Signal(width, name=f"{name}_winner", reset_less=True)
                kept = Signal(name=f"{name}_kept", reset_less=True)
                lane = Signal(number + 1, name=f"{name}_lane", reset_less=True)
                # as the next match wants it: complement on the left, as it is on the right
                form = 0 if place % 2 else (1 << width) - 1
                if len(nodes) == 1:
                    form = sign  # a logit again
                m.d.sync += [value.eq(node.winner ^ form), kept.eq(node.kept), lane.eq(node.lane)]
                entrants.append(_Entrant(value, kept, lane))
                loser = Signal(Loser(self._config), name=f"{name}_loser", reset_less=True)
                m.d.sync += [loser.complement.eq(node.loser), loser.void.eq(~node.loser_kept)]
                m.d.comb += next(losers).eq(loser)
        (winner,) = entrants
        m.d.comb += [self.winner.eq(winner.value), self.lane.eq(winner.lane)]
        return m
