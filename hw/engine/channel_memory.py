"""Biases and multipliers of the channels."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .drain_lane import DrainLane
from .requantizer import RequantizerLine, ResidualLine
from .wide_memory import WideMemory

__all__ = ["ChannelMemory"]


class ChannelMemory(wiring.Component):
    """Give the integers of each lane when a lane of the drain needs them.

    Members
    -------
    line : In
    scales : Out(RequantizerLine [requantizers])
        `DrainLane.SCALE` cycles later.
    residual_scales : Out(ResidualLine [requantizers])
        `DrainLane.REQUANTIZED` cycles later.
    word_address : In(24)
        Of the word that is written; see `offramp.golden.spec.program`.
    word : In(32)
    enable : In(1)
    """

    def __init__(self, config: EngineConfig):
        self._config = config
        lanes = config.requantizers
        super().__init__(
            {
                "line": In((config.channel_lines - 1).bit_length()),
                "scales": Out(data.ArrayLayout(RequantizerLine(), lanes)),
                "residual_scales": Out(data.ArrayLayout(ResidualLine(), lanes)),
                "word_address": In(24),
                "word": In(32),
                "enable": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        parts = (
            ("requantizer", self.scales, DrainLane.SCALE),
            ("residual", self.residual_scales, DrainLane.REQUANTIZED),
        )
        line = [self.line]
        for cycle in range(DrainLane.REQUANTIZED - WideMemory.latency):
            line.append(Signal.like(self.line, name=f"line_{cycle}", reset_less=True))
            m.d.sync += line[-1].eq(line[-2])
        for number, (name, scales, needed) in enumerate(parts):
            memory = WideMemory(2 * self._config.requantizers, self._config.channel_lines)
            m.submodules[name] = memory
            m.d.comb += [
                # the line waits, not the data: it is narrower
                memory.line.eq(line[needed - WideMemory.latency]),
                # of the four words of a lane the first two, or the last two
                memory.word_address.eq(Cat(self.word_address[0], self.word_address[2:])),
                memory.word.eq(self.word),
                memory.enable.eq(self.enable & (self.word_address[1] == number)),
                scales.eq(memory.data.as_value()),
            ]
        return m
