"""Run the program for each image, operation by operation, until an exit is taken."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from ...golden.spec.operation import DRAIN_WORD, WORDS
from ..decision.payload import Decision
from .payload import Descriptor, Result

__all__ = ["Controller"]


class Controller(wiring.Component):
    """Fetch operations, start them one after the other, and stop at the exit that is taken.

    The words of the next operation that the loops need are fetched while the drain still works;
    the others when it is done, and then the operation starts.

    Members
    -------
    enable : In(1)
        Begin with images; one that is begun is finished.
    word_address : In(24)
        Of the word of the program that is written.
    word : In(32)
    word_enable : In(1)
    loaded : In(1)
        An image is there.
    release : Out(1)
        Its buffer may be filled anew.
    descriptor : Out(Descriptor)
        Of the operation at work.
    start : Out(1)
        It begins; for one cycle.
    hold : In(1)
        Do not begin operations.
    held : Out(1)
        One would begin, were it not for `hold`: the results of all before it are in memory.
    issued : In(1)
        All its steps are on their way.
    drained : In(1)
        All its results are written.
    decision : In(Decision)
    decided : In(1)
    o : Out(stream of Result)
    busy : Out(1)
        Whether an image is at work.
    """

    def __init__(self, config: EngineConfig):
        self._config = config
        super().__init__(
            {
                "enable": In(1),
                "word_address": In(24),
                "word": In(32),
                "word_enable": In(1),
                "loaded": In(1),
                "release": Out(1),
                "descriptor": Out(Descriptor()),
                "start": Out(1),
                "hold": In(1),
                "held": Out(1),
                "issued": In(1),
                "drained": In(1),
                "decision": In(Decision(config.decision)),
                "decided": In(1),
                "o": Out(stream.Signature(Result(config.decision))),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.program = memory = Memory(
            shape=32, depth=config.program_words, init=[], attrs={"no_rw_check": 1}
        )
        reader, writer = memory.read_port(), memory.write_port()
        counter = Signal(range(config.program_words))
        m.d.comb += [
            reader.addr.eq(counter),
            reader.en.eq(0),
            writer.addr.eq(self.word_address),
            writer.data.eq(self.word),
            writer.en.eq(self.word_enable),
        ]

        draining = Signal()
        with m.If(self.start):
            m.d.sync += draining.eq(1)
        with m.Elif(self.drained):
            m.d.sync += draining.eq(0)

        cycles = Signal(32)
        result = self.o.payload
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        n_words = len(WORDS)
        index = Signal(range(n_words))
        descriptor = Signal(32 * n_words)
        m.d.comb += self.descriptor.eq(descriptor)

        def read():
            """Have the next word of the program read."""
            m.d.comb += reader.en.eq(1)
            m.d.sync += counter.eq(counter + 1)

        with m.FSM() as machine:
            m.d.comb += self.busy.eq(~machine.ongoing("WAIT-FOR-IMAGE"))
            m.d.sync += cycles.eq(Mux(machine.ongoing("WAIT-FOR-IMAGE"), 0, cycles + 1))
            with m.State("WAIT-FOR-IMAGE"):
                with m.If(self.enable & self.loaded & ~self.release):
                    read()
                    m.next = "FETCH"
            with m.State("FETCH"):
                # the drain of the operation before still reads the words from here on
                with m.If((index != DRAIN_WORD) | ~draining):
                    with m.Switch(index):
                        for number in range(n_words):
                            with m.Case(number):
                                m.d.sync += descriptor.word_select(number, 32).eq(reader.data)
                    with m.If(index == n_words - 1):
                        m.d.sync += index.eq(0)
                        m.next = "START"
                    with m.Else():
                        m.d.sync += index.eq(index + 1)
                        read()
            with m.State("START"):
                m.d.comb += [self.start.eq(~self.hold), self.held.eq(self.hold)]
                with m.If(~self.hold):
                    m.next = "ISSUE"
            with m.State("ISSUE"):
                with m.If(self.issued):
                    with m.If(self.descriptor.logits):
                        m.next = "DECIDE"
                    with m.Else():
                        read()
                        m.next = "FETCH"
            with m.State("DECIDE"):
                with m.If(self.decided):
                    with m.If(self.decision.exit | self.descriptor.final):
                        m.d.sync += [
                            result.label.eq(self.decision.label),
                            result.score.eq(self.decision.score),
                            result.exit_index.eq(self.descriptor.exit_index),
                            result.cycles.eq(cycles),
                        ]
                        m.next = "GIVE-RESULT"
                    with m.Else():
                        read()
                        m.next = "FETCH"
            with m.State("GIVE-RESULT"):
                with m.If(~self.o.valid | self.o.ready):
                    m.d.sync += [self.o.valid.eq(1), counter.eq(0)]
                    m.d.comb += self.release.eq(1)
                    m.next = "WAIT-FOR-IMAGE"
        return m
