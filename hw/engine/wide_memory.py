"""Memories that the engine reads in wide lines: weights, biases and multipliers."""

from amaranth.hdl import Cat, Module
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["WideMemory"]


class WideMemory(wiring.Component):
    """A memory of wide lines that is read line by line and loaded in words of 32 bits.

    Latency: `latency` cycles from `line` to `data`.

    Parameters
    ----------
    words : int
        Words in a line, a power of two.
    lines : int

    Members
    -------
    line : In
        Line that is read.
    data : Out(32 * words)
    word_address : In(24)
        Of the word that is written, in words.
    word : In(32)
    enable : In(1)
    """

    latency = 2

    def __init__(self, words: int, lines: int):
        self._words, self._lines = words, lines
        super().__init__(
            {
                "line": In((lines - 1).bit_length()),
                "data": Out(data.ArrayLayout(32, words)),
                "word_address": In(24),
                "word": In(32),
                "enable": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # one memory, not one a lane: that is what simulates fast
        m.submodules.memory = memory = Memory(
            shape=data.ArrayLayout(32, self._words),
            depth=self._lines,
            init=[],
            attrs={"no_rw_check": 1},
        )
        reader = memory.read_port()
        writer = memory.write_port(granularity=1)
        word_bits = (self._words - 1).bit_length()
        m.d.comb += [
            reader.addr.eq(self.line),
            writer.addr.eq(self.word_address[word_bits:]),
            writer.data.eq(Cat(self.word for _ in range(self._words))),
        ]
        with m.If(self.enable):
            m.d.comb += writer.en.eq(1 << self.word_address[:word_bits] if word_bits else 1)
        m.d.sync += self.data.eq(reader.data)
        return m
