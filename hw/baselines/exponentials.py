"""First and second pass of every baseline: the maximum, then ``2**-d`` of each logit below it."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.baselines import SoftmaxConfig
from ..decision.compare import is_above
from ..decision.payload import LogitBeat
from .replay import Replay

__all__ = ["Exponentials", "Origin"]


class Origin(data.StructLayout):
    """Which vector it is.

    Members
    -------
    label : label_width
        Index of the largest logit, the lowest of several.
    exit_index, tag
        As given with the last beat.
    """

    def __init__(self, config: SoftmaxConfig):
        super().__init__(
            {
                "label": config.label_width,
                "exit_index": config.exit_index_width,
                "tag": config.tag_width,
            }
        )


class Exponentials(wiring.Component):
    """Give ``2**-d`` of each logit of a vector, d how many octaves it is below the largest.

    Latency: the first one comes 3 cycles after the last beat, the last one N + 2 cycles after it.
    Throughput: as of `Replay`.

    Members
    -------
    beat : In(LogitBeat)
        Sampled when `valid`.
    valid : In(1)
    ready_for_last : Out(1)
        As of `Replay`.
    value : Out(EXPONENTIAL_BITS + 1)
    last, o_valid : Out(1)
    first : Out(1)
        It is the first one of its vector.
    origin : Out(Origin)
        With the last one.
    """

    def __init__(self, config: SoftmaxConfig):
        self._config = config
        super().__init__(
            {
                "beat": In(LogitBeat(config)),
                "valid": In(1),
                "ready_for_last": Out(1),
                "value": Out(config.EXPONENTIAL_BITS + 1),
                "first": Out(1, init=1),
                "last": Out(1),
                "o_valid": Out(1),
                "origin": Out(Origin(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config

        # z + 2**(W-1) is z with its sign bit inverted
        logit = Signal(config.logit_width)
        m.d.comb += logit.eq(self.beat.logit ^ (1 << (config.logit_width - 1)))
        m.submodules.replay = replay = Replay(config.logit_width, config.label_width)
        m.d.comb += [
            # the complement is what the subtraction needs of it
            replay.value.eq(~logit),
            replay.last.eq(self.beat.last),
            replay.valid.eq(self.valid),
            self.ready_for_last.eq(replay.ready_for_last),
        ]

        # -- first pass --------------------------------------------------------------------------
        begun = Signal()
        index = Signal(config.label_width)
        maximum = Signal(config.logit_width)
        found = Signal(Origin(config))
        with m.If(self.valid):
            m.d.sync += [begun.eq(~self.beat.last), index.eq(index + 1)]
            with m.If(self.beat.last):
                m.d.sync += index.eq(0)
                if config.n_exits > 1:
                    m.d.sync += found.exit_index.eq(self.beat.exit_index)
                if config.tag_width:
                    m.d.sync += found.tag.eq(self.beat.tag)
            with m.If(~begun | is_above(logit, maximum)):
                m.d.sync += [maximum.eq(logit), found.label.eq(index)]

        # -- second pass -------------------------------------------------------------------------
        # the next vector may begin, and the one before is still read, in this cycle
        whole = Signal()
        reference = Signal(config.logit_width)
        origin = Signal(Origin(config))
        m.d.sync += whole.eq(self.valid & self.beat.last)
        with m.If(whole):
            m.d.sync += [reference.eq(maximum), origin.eq(found)]

        m.submodules.table = table = Memory(
            shape=config.EXPONENTIAL_BITS + 1,
            depth=1 << config.address_width,
            init=config.exponentials,
        )
        read_port = table.read_port()
        difference = Signal(config.logit_width)
        # the table's last entry is 0
        beyond = difference[config.address_width :].any()
        m.d.comb += [
            difference.eq(reference + replay.o_value + 1),
            read_port.addr.eq(Mux(beyond, ~0, difference[: config.address_width])),
            self.value.eq(read_port.data),
        ]
        m.d.sync += [self.o_valid.eq(replay.o_valid), self.last.eq(replay.o_last)]
        with m.If(replay.o_valid & replay.o_last):
            m.d.sync += self.origin.eq(origin)
        with m.If(self.o_valid):
            m.d.sync += self.first.eq(self.last)
        return m
