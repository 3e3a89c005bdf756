"""Counters of decisions for each exit, in one memory with one adder."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_registers import EXIT_BASE, EXIT_STRIDE, decision_registers
from ...golden.spec.registers import WORD_BITS, WORD_BYTES
from ..axi.bank import MemoryPort

__all__ = ["CountedDecision", "DecisionCounters"]

WORDS_PER_EXIT = EXIT_STRIDE // WORD_BYTES

STEPS = 3
"""Cycles of a decision, one for each counter that it may change."""


class CountedDecision(data.StructLayout):
    """What the counters need of a decision.

    Members
    -------
    exit_index : exit_index_width
    exit : 1
        Whether the exit is taken.
    bin : 3
        Of the histogram.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__({"exit_index": config.exit_index_width, "exit": 1, "bin": 3})


class Access(data.StructLayout):
    """What is done to a word on its way through the pipeline.

    Members
    -------
    address : range(depth)
    read : 1
        Its value is needed.
    write : 1
        It is written: with its value plus 1 if it was read, else with 0.
    fetch : 1
        The value is for the register port.
    """

    def __init__(self, depth: int):
        super().__init__({"address": range(depth), "read": 1, "write": 1, "fetch": 1})


class DecisionCounters(wiring.Component):
    """Count decisions: seen, its histogram bin and, for an exit, exited.

    The counters of a decision go one after the other, a cycle each, through one pipeline around a
    memory with one read and one write port::

        choose ──address──> read ──word──> keep ──word──> add 1, write

    A word is written 3 cycles after it was chosen, and a decision takes 3 cycles, so no word is
    chosen again before. After reset and after `clear` the memory is swept with zeros, a word a
    cycle; decisions and reads wait meanwhile.

    A read goes between decisions; among those it sees is each that was counted before the read
    began.

    Throughput: a decision every 3 cycles; a read delays one by up to 3.

    Members
    -------
    ready : Out(1)
        A decision can be counted; once high, stays so until one is. It depends on no input.
    count : In(1)
        Count `decision`; only while `ready`.
    decision : In(CountedDecision)
    clear : In(1)
        Set all counters to 0. A decision of the same cycle is counted after it.
    memory : In(MemoryPort)
        Reads by word address in the register map.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self._registers = decision_registers(config)
        super().__init__(
            {
                "ready": Out(1),
                "count": In(1),
                "decision": In(CountedDecision(config)),
                "clear": In(1),
                "memory": In(MemoryPort(self._registers.address_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self._config.n_exits * WORDS_PER_EXIT
        chosen = Signal(Access(depth))
        busy = self._elaborate_pipeline(m, depth, chosen)

        # what comes next: the sweep, a counter of a decision, a read
        sweeping = Signal(init=1)
        sweep_address = Signal(range(depth))
        decision = Signal(CountedDecision(self._config))
        waiting = Signal()
        step = Signal(range(STEPS))
        wanted = Signal()
        fetching = Signal()
        fetch_first = Signal()
        fetch = wanted & ~fetching & (~waiting | fetch_first) & ~busy
        word = Signal(range(WORDS_PER_EXIT))
        with m.Switch(step):
            with m.Case(0):
                m.d.comb += word.eq(self._word("seen"))
            with m.Case(1):
                m.d.comb += word.eq(self._word("exited"))
            with m.Default():
                # not before: the sweep has just written the last bin
                m.d.comb += word.eq(self._word("histogram") + decision.bin)
        with m.If(sweeping):
            m.d.comb += [chosen.address.eq(sweep_address), chosen.write.eq(1)]
        with m.Elif(waiting & ~fetch_first):
            m.d.comb += [
                chosen.address.eq(Cat(word, decision.exit_index)),
                chosen.read.eq(1),
                chosen.write.eq(decision.exit | (step != 1)),
            ]
            m.d.sync += step.eq(step + 1)
            with m.If(step == STEPS - 1):
                # a read that came during this decision goes before the next one
                m.d.sync += [step.eq(0), waiting.eq(0), fetch_first.eq(wanted & ~fetching)]
        with m.Else():
            m.d.comb += [
                chosen.address.eq(self.memory.address),
                chosen.read.eq(fetch),
                chosen.fetch.eq(fetch),
            ]
            with m.If(fetch):
                m.d.sync += [fetching.eq(1), fetch_first.eq(0)]

        m.d.sync += wanted.eq(self.memory.read & ~self.memory.done)
        with m.If(self.memory.done):
            m.d.sync += fetching.eq(0)
        with m.If(sweeping):
            m.d.sync += sweep_address.eq(sweep_address + 1)
            with m.If(sweep_address == depth - 1):
                m.d.sync += sweeping.eq(0)
        with m.If(self.clear):
            # what is in the pipeline is written before the sweep comes to write
            m.d.sync += [sweeping.eq(1), sweep_address.eq(0), waiting.eq(0), step.eq(0)]
        m.d.comb += self.ready.eq(~waiting | (step == STEPS - 1))
        with m.If(self.count):
            m.d.sync += [waiting.eq(1), decision.eq(self.decision)]

        return m

    def _elaborate_pipeline(self, m, depth, chosen):
        """Send `chosen` through the memory; return whether a word under way must not be read."""
        read, kept, write = (Signal(Access(depth), name=name) for name in ("read", "kept", "write"))
        # its words are undefined until they are swept; no word is read when it is written
        m.submodules.words = words = Memory(
            shape=WORD_BITS, depth=depth, init=[], attrs={"no_rw_check": 1}
        )
        read_port, write_port = words.read_port(), words.write_port()
        value = Signal(WORD_BITS)
        m.d.sync += [read.eq(chosen), kept.eq(read), write.eq(kept)]
        # the sweep reads nothing and adds nothing: that is 0
        m.d.sync += value.eq(Mux(kept.read, read_port.data, 0))
        m.d.comb += [
            read_port.addr.eq(read.address),
            write_port.addr.eq(write.address),
            write_port.en.eq(write.write),
            write_port.data.eq(value + write.read),
            self.memory.done.eq(write.fetch),
            self.memory.data.eq(value),
        ]
        return read.write | kept.write

    def _word(self, name):
        """Return the place of a counter among the words of an exit."""
        return (self._registers[name].offset - EXIT_BASE) // WORD_BYTES
