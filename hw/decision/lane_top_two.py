"""The two largest logits of a vector with several lanes, and the index of the largest."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .payload import LogitBeat
from .steps import delayed
from .top_two import Leaders, TopTwo

__all__ = ["LaneTopTwo", "create_top_two"]


class _Pair:
    """The two largest of some logits, offset; where there is only one, the second is 0."""

    def __init__(self, maximum, second, lane=None):
        self.maximum, self.second, self.lane = maximum, second, lane

    def joined(self, m, name, right):
        """Return whether `right` leads, and the pair of both; of equal logits the left one leads.

        All comparisons are made at once: which of them counts is known as soon as they are.
        """
        width = len(self.maximum)
        leads, above, below = (
            Signal(name=f"{name}_{what}") for what in ("leads", "above", "below")
        )
        maximum, second = (Signal(width, name=f"{name}_{what}") for what in ("maximum", "second"))
        m.d.comb += [
            leads.eq(right.maximum > self.maximum),
            above.eq(right.second > self.maximum),
            below.eq(right.maximum > self.second),
            maximum.eq(Mux(leads, right.maximum, self.maximum)),
            second.eq(
                Mux(
                    leads,
                    Mux(above, right.second, self.maximum),
                    Mux(below, right.maximum, self.second),
                )
            ),
        ]
        return leads, _Pair(maximum, second)


class LaneTopTwo(wiring.Component):
    """Keep the two largest logits of a vector, several logits a cycle.

    ::

        lanes ──> pairs ──> pairs of pairs ──> ... ──> with the vector's so far ──> leaders

    A tournament finds the two largest of a beat, each of its ``log2(lanes)`` rounds in a cycle;
    one more joins them with those of the beats before. Lanes that hold no logit count as the
    lowest there is: nothing is above a logit that way, and a vector has two.

    Latency: `latency` cycles from the last beat to `closing`. Throughput: one beat a cycle, vectors
    of one beat too. The ports are those of `TopTwo`.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self._rounds = config.lanes.bit_length() - 1
        self.latency = self._rounds + 1
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
        best = self._elaborate_beat(m)
        valid = delayed(m, self.valid, self._rounds, "valid", reset_less=False)
        last = delayed(m, self.beat.last, self._rounds, "last")

        label = self._label(m, best.lane, valid, last)
        first = Signal(init=1)
        leaders = _Pair(self.leaders.maximum, self.leaders.second)
        leads, joined = leaders.joined(m, "vector", best)
        m.d.sync += self.closing.eq(valid & last)
        with m.If(valid):
            m.d.sync += [
                first.eq(last),
                self.leaders.maximum.eq(Mux(first, best.maximum, joined.maximum)),
                self.leaders.second.eq(Mux(first, best.second, joined.second)),
            ]
            with m.If(first | leads):
                m.d.sync += self.leaders.label.eq(label)
        for name, present in (("tag", config.tag_width), ("exit_index", config.n_exits > 1)):
            if present:
                value = delayed(m, self.beat[name], self._rounds, name)
                with m.If(valid & last):
                    m.d.sync += self.leaders[name].eq(value)
        return m

    def _elaborate_beat(self, m):
        """Return the pair of a beat, with the lane of its largest logit."""
        config = self._config
        # z + 2**(W-1) is z with its sign bit inverted; what holds no logit is 0
        pairs = []
        kept = 1
        for lane, logit in enumerate(self.beat.logits):
            value = logit.as_unsigned() ^ (1 << (config.logit_width - 1))
            if lane:
                before, kept = kept, Signal(name=f"kept_{lane}")
                m.d.comb += kept.eq(before & (self.beat.keep[lane] | ~self.beat.last))
                value = Mux(kept, value, 0)
            pairs.append(_Pair(value, None))

        for number in range(self._rounds):
            matches = []
            for place, (left, right) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
                name = f"round_{number}_{place}"
                if number == 0:
                    leads = right.maximum > left.maximum
                    winner = Mux(leads, right.maximum, left.maximum)
                    pair = _Pair(winner, Mux(leads, left.maximum, right.maximum), leads)
                else:
                    leads, pair = left.joined(m, name, right)
                    pair.lane = Cat(Mux(leads, right.lane, left.lane), leads)
                held = (
                    delayed(m, value, 1, f"{name}_{what}") for what, value in vars(pair).items()
                )
                matches.append(_Pair(*held))
            pairs = matches
        (best,) = pairs
        return best

    def _label(self, m, lane, valid, last):
        """Return the index of the logit in a lane of the beat at hand."""
        width = self._config.label_width - len(lane)
        if width <= 0:
            return lane
        index = Signal(width)
        with m.If(valid):
            m.d.sync += index.eq(Mux(last, 0, index + 1))
        return Cat(lane, index)


def create_top_two(config: DecisionConfig) -> TopTwo | LaneTopTwo:
    """Return what finds the two largest logits, for the lanes of a configuration."""
    return TopTwo(config) if config.lanes == 1 else LaneTopTwo(config)
