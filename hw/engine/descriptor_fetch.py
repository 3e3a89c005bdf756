"""The program memory, and the descriptor of the operation at work."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from ...golden.spec.operation import DRAIN_WORD, WORDS
from .payload import Descriptor

__all__ = ["DescriptorFetch"]


class DescriptorFetch(wiring.Component):
    """Fetch one descriptor after the other, a word a cycle behind the first two.

    Words from `DRAIN_WORD` on wait until the operation before is drained, which still needs its
    own.

    Latency: `latency` cycles from `request` to `fetched`, if nothing is drained meanwhile.

    Members
    -------
    word_address : In(24)
        Of the word that is written.
    word : In(32)
    word_enable : In(1)
    rewind : In(1)
        The next descriptor is the program's first.
    request : In(1)
        Fetch the next descriptor.
    draining : In(1)
    descriptor : Out(Descriptor)
    fetched : Out(1)
        It is complete from the next cycle on.
    past : Out(1)
        A word is wanted behind the memory's last.
    """

    latency = 1 + len(WORDS)

    def __init__(self, config: EngineConfig):
        self._config = config
        super().__init__(
            {
                "word_address": In(24),
                "word": In(32),
                "word_enable": In(1),
                "rewind": In(1),
                "request": In(1),
                "draining": In(1),
                "descriptor": Out(Descriptor()),
                "fetched": Out(1),
                "past": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.program = memory = Memory(
            shape=32,
            depth=self._config.program_words,
            init=[],
            # programs are written while none runs
            attrs={"no_rw_check": 1},
        )
        reader, writer = memory.read_port(), memory.write_port()
        counter = Signal(range(self._config.program_words))
        m.d.comb += [
            reader.addr.eq(counter),
            writer.addr.eq(self.word_address),
            writer.data.eq(self.word),
            writer.en.eq(self.word_enable),
        ]

        n_words = len(WORDS)
        active = Signal()
        index = Signal(range(n_words))
        descriptor = Signal(32 * n_words)
        # a block RAM is slow to answer: its word is held before it is put in its place
        word = Signal(32, name="word_held", reset_less=True)
        fill = Signal()
        take = Signal()
        m.d.comb += [
            self.descriptor.eq(descriptor),
            take.eq(active & ((index != DRAIN_WORD) | ~self.draining)),
            self.fetched.eq(take & (index == n_words - 1)),
            reader.en.eq(self.request | fill | (take & (index < n_words - 2))),
        ]
        m.d.sync += fill.eq(self.request)
        with m.If(fill | take):
            m.d.sync += word.eq(reader.data)
        with m.If(take):
            with m.Switch(index):
                for number in range(n_words):
                    with m.Case(number):
                        m.d.sync += descriptor.word_select(number, 32).eq(word)
            m.d.sync += index.eq(index + 1)
        with m.If(self.fetched):
            m.d.sync += [active.eq(0), index.eq(0)]
        with m.If(fill):
            m.d.sync += active.eq(1)
        ended = Signal()
        m.d.sync += self.past.eq(reader.en & ended)
        with m.If(self.rewind):
            m.d.sync += [counter.eq(0), ended.eq(0)]
        with m.Elif(reader.en):
            m.d.sync += counter.eq(counter + 1)
            with m.If(counter == self._config.program_words - 1):
                m.d.sync += ended.eq(1)
        return m
