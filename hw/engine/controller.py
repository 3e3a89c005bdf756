"""Run the program for each image, operation by operation, until an exit is taken."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from ..decision.payload import Decision
from .payload import Descriptor, Result

__all__ = ["Controller"]


class Controller(wiring.Component):
    """Have operations fetched and start them one after the other; stop at the exit that is taken.

    The next operation is fetched while the drain still works, and starts when that is done.

    Members
    -------
    enable : In(1)
        Begin with images; one that is begun is finished.
    hold : In(1)
        Do not begin operations.
    held : Out(1)
        One would begin, were it not for `hold`: the results of all before it are in memory.
    loaded : In(1)
        An image is there.
    release : Out(1)
        Its buffer may be filled anew; the program is at its beginning again.
    request, fetched : Out(1), In(1)
        See `DescriptorFetch`.
    draining : Out(1)
        An operation's results are not all written.
    descriptor : In(Descriptor)
        Of the operation at work.
    start : Out(1)
        It begins; for one cycle.
    issued : In(1)
        All its steps are on their way.
    drained : In(1)
        All its results are written.
    decision : In(Decision)
    decided : In(1)
    o : Out(stream of Result)
    busy : Out(1)
        Whether an image is at work.
    counting : Out(1)
        It is, and waits neither for `hold` to end nor for the receiver of results.
    """

    def __init__(self, config: EngineConfig):
        self._config = config
        super().__init__(
            {
                "enable": In(1),
                "hold": In(1),
                "held": Out(1),
                "loaded": In(1),
                "release": Out(1),
                "request": Out(1),
                "fetched": In(1),
                "draining": Out(1),
                "descriptor": In(Descriptor()),
                "start": Out(1),
                "issued": In(1),
                "drained": In(1),
                "decision": In(Decision(config.decision)),
                "decided": In(1),
                "o": Out(stream.Signature(Result(config.decision))),
                "busy": Out(1),
                "counting": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        with m.If(self.start):
            m.d.sync += self.draining.eq(1)
        with m.Elif(self.drained):
            m.d.sync += self.draining.eq(0)

        cycles = Signal(32)
        result = self.o.payload
        # until the result before is taken
        decision = Signal.like(self.decision)
        leaves = Signal()
        m.d.comb += leaves.eq(self.decided & (self.decision.exit | self.descriptor.final))
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        def fetch():
            m.d.comb += self.request.eq(1)
            m.next = "FETCH"

        with m.FSM() as machine:
            waits = machine.ongoing("WAIT-FOR-IMAGE")
            gives = machine.ongoing("GIVE-RESULT")
            m.d.comb += [
                self.busy.eq(~waits),
                self.counting.eq(~waits & ~gives & ~self.held),
            ]
            m.d.sync += cycles.eq(Mux(waits, 0, Mux(gives, cycles, cycles + 1)))
            with m.State("WAIT-FOR-IMAGE"):
                with m.If(self.enable & self.loaded):
                    fetch()
            with m.State("FETCH"):
                with m.If(self.fetched):
                    m.next = "START"
            with m.State("START"):
                m.d.comb += [self.start.eq(~self.hold), self.held.eq(self.hold)]
                with m.If(~self.hold):
                    m.next = "ISSUE"
            with m.State("ISSUE"):
                with m.If(self.issued & self.descriptor.logits):
                    m.next = "DECIDE"
                with m.Elif(self.issued):
                    fetch()
            with m.State("DECIDE"):
                with m.If(leaves):
                    m.d.sync += [decision.eq(self.decision), cycles.eq(cycles)]
                    m.next = "GIVE-RESULT"
                with m.Elif(self.decided):
                    fetch()
            with m.State("GIVE-RESULT"):
                with m.If(~self.o.valid | self.o.ready):
                    m.d.sync += [
                        self.o.valid.eq(1),
                        result.label.eq(decision.label),
                        result.score.eq(decision.score),
                        result.exit_index.eq(self.descriptor.exit_index),
                        result.cycles.eq(cycles),
                    ]
                    m.d.comb += self.release.eq(1)
                    m.next = "WAIT-FOR-IMAGE"
        return m
