"""Two passes over each vector: the maximum first, then how far below it the others are."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .compare import is_above
from .payload import LogitBeat, tag_field

__all__ = ["Origin", "VectorStore"]


class Origin(data.StructLayout):
    """Which vector it was.

    Members
    -------
    label : label_width
        Index of the largest logit, the lowest of several.
    exit_index, tag
        As given with the last beat; no tag if it has no bits.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__(
            {
                "label": config.label_width,
                "exit_index": config.exit_index_width,
            }
            | tag_field(config)
        )


class _Entry(data.StructLayout):
    """What the memory keeps of each beat but a vector's first.

    Members
    -------
    loser_complement : logit_width
        Of the smaller of the logit and the maximum before it, offset: to be subtracted. The losers
        of a vector are all its logits but one maximum.
    won : 1
        The logit was larger.
    last : 1
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"loser_complement": config.logit_width, "won": 1, "last": 1})


class VectorStore(wiring.Component):
    """Give the differences ``z_max - z_i`` of each vector, for all i but one maximum.

    A first pass finds the maximum while the losers of the comparisons go to memory; a second pass,
    during the first one of the next vector, reads them back. A vector of N logits has N - 1
    losers, so the second pass is never the longer one, and leaves a cycle between two vectors.

    Latency: the first difference comes 1 cycle after the last beat, the last one N - 1 cycles
    after it (with two logits 2 cycles).

    Throughput: one logit a cycle; the last beat of a vector waits while `ready_for_last` is low,
    that is, until the second pass of the vector before is over. So vectors of one length follow
    each other without a bubble, and one that is shorter than the vector before takes as long as
    that. Vectors of 2 and 3 logits take 4 cycles.

    Members
    -------
    beat : In(LogitBeat)
        Sampled when `valid`.
    valid : In(1)
        A beat is taken in this cycle.
    ready_for_last : Out(1)
        A last beat can be taken in this cycle. Does not depend on `valid`.
    difference : Out(logit_width)
        In logit LSBs.
    difference_valid : Out(1)
    finished : Out(1)
        The last difference of a vector came in the cycle before.
    origin : Out(Origin)
        Of that vector; valid with `finished`.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "beat": In(LogitBeat(config)),
                "valid": In(1),
                "ready_for_last": Out(1),
                "difference": Out(config.logit_width),
                "difference_valid": Out(1),
                "finished": Out(1),
                "origin": Out(Origin(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config

        # two banks: one is written while the other is read
        m.submodules.memory = memory = Memory(
            shape=_Entry(config),
            depth=2 << config.label_width,
            init=[],
            # what is read while it is written is not used
            attrs={"no_rw_check": 1},
        )
        write_port = memory.write_port()
        read_port = memory.read_port()

        # -- first pass --------------------------------------------------------------------------
        # z + 2**(W-1) is z with its sign bit inverted
        logit = Signal(config.logit_width)
        m.d.comb += logit.eq(self.beat.logit ^ (1 << (config.logit_width - 1)))

        begun = Signal()
        maximum = Signal(config.logit_width, reset_less=True)
        larger = Signal()
        # The first beat has no loser and writes what is not read. From the second on they lie from
        # 0 on, so that the address behind that of an entry is the index of its logit.
        address = Signal(config.label_width, reset_less=True)
        bank = Signal(reset_less=True)
        start = Signal()
        # three beats came before
        long = Signal(reset_less=True)
        m.d.comb += [
            larger.eq(is_above(logit, maximum)),
            start.eq(self.valid & self.beat.last),
            write_port.en.eq(self.valid),
            write_port.addr.eq(Cat(address, bank)),
            write_port.data.loser_complement.eq(~Mux(larger, maximum, logit)),
            write_port.data.won.eq(larger),
            write_port.data.last.eq(self.beat.last),
        ]
        # added, not enabled: the carry chain takes it in for nothing
        m.d.sync += [
            begun.eq((begun & ~self.valid) | (self.valid & ~self.beat.last)),
            address.eq(address + self.valid),
            long.eq(long | (self.valid & address[0])),
        ]
        with m.If(self.valid & (~begun | larger)):
            m.d.sync += maximum.eq(logit)
        with m.If(~begun):
            m.d.sync += [address.eq(0), long.eq(0)]

        # -- second pass -------------------------------------------------------------------------
        reference = Signal(config.logit_width, reset_less=True)
        read_address = Signal(config.label_width, reset_less=True)
        reading = Signal()
        # with two logits the single loser is written while it would be read: read it again
        single = Signal()
        again = Signal()
        moving = Signal()
        done = Signal()
        m.d.comb += [
            single.eq(~long & ~address[0]),
            # before its second pass, the vector's bank is still the one that is written
            read_port.addr.eq(Cat(read_address, bank ^ reading)),
            self.difference_valid.eq(reading & ~again),
            done.eq(self.difference_valid & read_port.data.last),
            moving.eq(reading | (start & ~single)),
            self.difference.eq(reference + read_port.data.loser_complement + 1),
        ]
        m.d.sync += [
            reading.eq(start | (reading & ~done)),
            again.eq(start & single),
            self.finished.eq(done),
            read_address.eq(read_address + moving),
        ]
        with m.If(~moving | done):
            m.d.sync += read_address.eq(0)

        origin = Signal(Origin(config), reset_less=True)
        m.d.comb += self.origin.eq(origin)
        with m.If(start):
            m.d.sync += [
                bank.eq(~bank),
                reference.eq(Mux(larger, logit, maximum)),
                origin.label.eq(0),
            ]
            if config.tag_width:
                m.d.sync += origin.tag.eq(self.beat.tag)
            if config.n_exits > 1:
                m.d.sync += origin.exit_index.eq(self.beat.exit_index)
        with m.If(self.difference_valid & read_port.data.won):
            m.d.sync += origin.label.eq(read_address)

        # what comes after needs 4 cycles from vector to vector
        m.d.comb += self.ready_for_last.eq(~reading & (long | ~self.finished))
        return m
