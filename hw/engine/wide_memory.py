"""Memories that the engine reads in wide lines: weights, biases and multipliers."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .deep_memory import DeepMemory

__all__ = ["WideMemory"]


class WideMemory(wiring.Component):
    """A memory of wide lines that is read line by line and loaded in words of 32 bits.

    Latency: `latency` cycles from `line` to `data`. A word that is written can be read two cycles
    later.

    Parameters
    ----------
    words : int
        Words in a line, a power of two.
    lines : int
    family : str
        See `DeepMemory`.

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

    latency = DeepMemory.latency

    def __init__(self, words: int, lines: int, family: str = "generic"):
        self._words, self._lines, self._family = words, lines, family
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
        m.submodules.memory = memory = DeepMemory(
            32 * self._words, self._lines, granularity=32, ports=1, family=self._family
        )
        word_bits = (self._words - 1).bit_length()
        # one word reaches all blocks: a register gives it the time
        word = Signal(32, reset_less=True)
        line = Signal.like(self.line, name="written_line", reset_less=True)
        enable = Signal(self._words)
        place = 1 << self.word_address[:word_bits] if word_bits else 1
        m.d.sync += [
            word.eq(self.word),
            line.eq(self.word_address[word_bits:]),
            enable.eq(Mux(self.enable, place, 0)),
        ]
        m.d.comb += [
            memory.line.eq(self.line),
            self.data.eq(memory.data),
            memory.write_line.eq(line),
            memory.write_data.eq(Cat(word for _ in range(self._words))),
            memory.write_enable.eq(enable),
        ]
        return m
