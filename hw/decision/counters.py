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


class DecisionCounters(wiring.Component):
    """Count decisions: seen, its histogram bin and, for an exit, exited.

    The counters of a decision are read, incremented and written one after the other, a cycle
    each, so that a memory with one read and one write port does. No address is written in the
    cycle in which it is read. After reset and after `clear` the memory is swept with zeros, a word
    a cycle; a decision that comes meanwhile waits.

    A read sees whole decisions, among them each that was handed over before the read began.

    Throughput: a decision every 2 cycles, every 3 if it is an exit; a read delays one by 2.

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
        # the sweep writes all words before any is read
        m.submodules.words = words = Memory(
            shape=WORD_BITS, depth=depth, init=[], attrs={"no_rw_check": 1}
        )
        read_port, write_port = words.read_port(), words.write_port()

        decision = Signal(CountedDecision(self._config))
        waiting = Signal()
        step = Signal(range(3))
        issue, last = Signal(), Signal()
        writing = Signal()
        address = Signal(range(depth))
        write_address = Signal.like(address)
        sweeping = Signal(init=1)
        sweep_address = Signal.like(address)
        fetch, fetched = Signal(), Signal()
        fetch_first = Signal()

        # a decision, once begun, runs through; before it begins a read may go first
        m.d.comb += [
            last.eq(step == Mux(decision.exit, 2, 1)),
            issue.eq(waiting & ~sweeping & ~fetch_first),
            self.ready.eq(~waiting | (issue & last)),
            fetch.eq(self.memory.read & ~fetched & ~sweeping & ~writing & (~waiting | fetch_first)),
            self.memory.done.eq(fetched),
            self.memory.data.eq(read_port.data),
        ]
        word = Signal(range(WORDS_PER_EXIT))
        with m.Switch(step):
            with m.Case(0):
                m.d.comb += word.eq(self._word("seen"))
            with m.Case(1):
                m.d.comb += word.eq(self._word("histogram") + decision.bin)
            with m.Default():
                m.d.comb += word.eq(self._word("exited"))
        m.d.comb += [
            address.eq(Cat(word, decision.exit_index)),
            read_port.en.eq(issue | fetch),
            read_port.addr.eq(Mux(fetch, self.memory.address, address)),
            write_port.en.eq(writing | sweeping),
            write_port.addr.eq(Mux(sweeping, sweep_address, write_address)),
            write_port.data.eq(Mux(sweeping, 0, read_port.data + 1)),
        ]

        m.d.sync += [
            writing.eq(issue),
            write_address.eq(address),
            fetched.eq(fetch),
        ]
        with m.If(issue):
            m.d.sync += step.eq(step + 1)
            with m.If(last):
                # a read that came during this decision goes before the next one
                m.d.sync += [step.eq(0), waiting.eq(0), fetch_first.eq(self.memory.read)]
        with m.If(fetch):
            m.d.sync += fetch_first.eq(0)
        with m.If(sweeping):
            m.d.sync += sweep_address.eq(sweep_address + 1)
            with m.If(sweep_address == depth - 1):
                m.d.sync += sweeping.eq(0)
        with m.If(self.clear):
            m.d.sync += [
                sweeping.eq(1),
                sweep_address.eq(0),
                waiting.eq(0),
                writing.eq(0),
                step.eq(0),
            ]
        with m.If(self.count):
            m.d.sync += [waiting.eq(1), decision.eq(self.decision)]
        return m

    def _word(self, name):
        """Return the place of a counter among the words of an exit."""
        return (self._registers[name].offset - EXIT_BASE) // WORD_BYTES
