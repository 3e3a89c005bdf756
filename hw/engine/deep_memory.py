"""A memory deeper than one block RAM, with a register behind every block."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["DeepMemory", "pieces_of"]

DEEPEST = 16384
"""Lines of a block RAM of ECP5 that is one bit wide."""

SHALLOWEST = {1: 512, 2: 1024}
"""Lines of one that is as wide as it can be, by its ports: 36 bits, or 18 with two ports."""


def pieces_of(lines: int, ports: int, family: str) -> list[int]:
    """Return the lines of the parts of a memory, powers of two in falling order.

    Each part is as deep as a block RAM of some width, so that nothing is chosen between a block
    and its register: a block is slow to answer. Other families take the memory as it is.
    """
    if family != "ecp5":
        return [lines]
    pieces = []
    while lines > 0:
        most = min(1 << (lines.bit_length() - 1), DEEPEST)
        pieces.append(max(most, SHALLOWEST[ports]))
        lines -= pieces[-1]
    return pieces


class DeepMemory(wiring.Component):
    """A memory that is read through registers, in one or two places at once.

    Latency: `latency` cycles from a line to its data. What is written can be read in the next
    cycle.

    Parameters
    ----------
    width, lines : int
        Bits of a line, and how many there are.
    granularity : int
        Bits that are written together.
    ports : int
        1: lines are read at `line`. 2: they are also read at `write_line`, through the port that
        writes, in cycles without a write.
    family : str
        See `pieces_of`.

    Members
    -------
    line : In
    data : Out(width)
    write_line : In
    write_data : In(width)
    write_enable : In(width // granularity)
    beside : Out(width)
        What lies at `write_line`.
    """

    latency = 2

    def __init__(self, width: int, lines: int, granularity: int, ports: int, family: str):
        self._ports, self._lines = ports, lines
        self._granularity, self._family = granularity, family
        line = (lines - 1).bit_length()
        super().__init__(
            {
                "line": In(line),
                "data": Out(width),
                "write_line": In(line),
                "write_data": In(width),
                "write_enable": In(width // granularity),
                "beside": Out(width if ports == 2 else 0),
            }
        )

    def elaborate(self, platform):
        m = Module()
        places = (("data", self.line), ("beside", self.write_line))[: self._ports]
        last = {name: 0 for name, _ in places}
        first = 0
        for number, lines in enumerate(pieces_of(self._lines, self._ports, self._family)):
            m.submodules[f"piece_{number}" if number else "piece"] = memory = Memory(
                shape=len(self.data),
                depth=lines,
                init=[],
                # an operation never reads what it writes: one block serves both ports
                attrs={"no_rw_check": 1},
            )
            writer = memory.write_port(granularity=self._granularity)
            m.d.comb += [
                writer.addr.eq(self.write_line),
                writer.data.eq(self.write_data),
                writer.en.eq(
                    Mux(self._lies_in(first, lines, self.write_line), self.write_enable, 0)
                ),
            ]
            for name, line in places:
                reader = memory.read_port()
                if self._family == "ice40":
                    # a register of the line takes fewer cells than one of the data
                    early = Signal.like(line, name=f"{name}_line", reset_less=True)
                    m.d.sync += early.eq(line)
                    m.d.comb += reader.addr.eq(early)
                    last[name] = reader.data
                    continue
                answer = Signal(len(self.data), name=f"{name}_{number}", reset_less=True)
                m.d.comb += reader.addr.eq(line)
                m.d.sync += answer.eq(reader.data)
                here = [Signal(name=f"{name}_{number}_here_{cycle}") for cycle in range(2)]
                m.d.sync += [
                    here[0].eq(self._lies_in(first, lines, line)),
                    here[1].eq(here[0]),
                ]
                last[name] = Mux(here[1], answer, last[name]) if number else answer
            first += lines
        m.d.comb += [getattr(self, name).eq(value) for name, value in last.items()]
        return m

    def _lies_in(self, first, lines, line):
        """Tell whether a line is in a piece; lines beyond the memory are never asked for."""
        if lines >= self._lines:
            return 1
        # pieces begin at multiples of their length
        bits = (lines - 1).bit_length()
        return line[bits:] == first >> bits
