"""How many images left where, in one memory with one adder."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.registers import WORD_BITS

__all__ = ["ImageCounters"]


class ImageCounters(wiring.Component):
    """Count results, and answer reads between them.

    A result takes 3 cycles, a read 2. Clearing, and reset, sweep the memory, a word a cycle;
    results and reads wait.

    Parameters
    ----------
    depth : int
        Counters.

    Members
    -------
    ready : Out(1)
    count : In(1)
        Only while `ready`.
    place : In
        Which counter is counted.
    clear : In(1)
    read : In(1)
        Held until `done`.
    read_place : In
    done : Out(1)
    value : Out(32)
    """

    def __init__(self, depth: int):
        self._depth = depth
        super().__init__(
            {
                "ready": Out(1),
                "count": In(1),
                "place": In(range(depth)),
                "clear": In(1),
                "read": In(1),
                "read_place": In(range(depth)),
                "done": Out(1),
                "value": Out(WORD_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=WORD_BITS, depth=self._depth, init=[])
        reader, writer = memory.read_port(), memory.write_port()
        place = Signal(range(self._depth))
        clearing = Signal()
        # it need not come when nothing else is done
        with m.If(self.clear):
            m.d.sync += clearing.eq(1)
        m.d.comb += [
            reader.addr.eq(self.read_place),
            writer.addr.eq(place),
            self.value.eq(reader.data),
        ]
        with m.FSM(init="SWEEP"):
            with m.State("SWEEP"):
                m.d.comb += writer.en.eq(1)
                m.d.sync += place.eq(place + 1)
                with m.If(place == self._depth - 1):
                    m.d.sync += place.eq(0)
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += self.ready.eq(~clearing)
                with m.If(clearing):
                    m.d.sync += [place.eq(0), clearing.eq(self.clear)]
                    m.next = "SWEEP"
                with m.Elif(self.count):
                    m.d.comb += reader.addr.eq(self.place)
                    m.d.sync += place.eq(self.place)
                    m.next = "ADD"
                with m.Elif(self.read):
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += self.done.eq(1)
                m.next = "WAIT"
            with m.State("ADD"):
                # the memory gives late and adding takes long: a register between them
                total = Signal(WORD_BITS)
                m.d.sync += total.eq(reader.data)
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [writer.en.eq(1), writer.data.eq(total + 1)]
                m.next = "WAIT"
        return m
