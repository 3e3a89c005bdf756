"""Biases and multipliers of the channels."""

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .delay import Delay
from .requantizer import ChannelLine, Requantizer
from .wide_memory import WideMemory

__all__ = ["ChannelMemory"]


class ChannelMemory(wiring.Component):
    """Give the integers of each lane for both of its passes.

    The four words of a lane lie in two lines of the memory, two words for each pass.

    Latency: `latency` cycles from `line` to `scales`.

    Parameters
    ----------
    config : EngineConfig
    family : str
        See `DeepMemory`.

    Members
    -------
    line : In
    again : In(1)
        What the second pass needs, of the line `Requantizer.latency` cycles ago.
    scales : Out(ChannelLine [requantizers])
    word_address : In(24)
        Of the word that is written; see `offramp.golden.spec.program`.
    word : In(32)
    enable : In(1)
    """

    latency = WideMemory.latency

    def __init__(self, config: EngineConfig, family: str = "generic"):
        self._config = config
        self._family = family
        lanes = config.requantizers
        super().__init__(
            {
                "line": In((config.channel_lines - 1).bit_length()),
                "again": In(1),
                "scales": Out(data.ArrayLayout(ChannelLine(), lanes)),
                "word_address": In(24),
                "word": In(32),
                "enable": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.before = before = Delay(self.line.shape(), Requantizer.latency, self._family)
        m.d.comb += before.i.eq(self.line)
        m.submodules.memory = memory = WideMemory(
            2 * config.requantizers, 2 * config.channel_lines, self._family
        )
        lane_bits = (config.requantizers - 1).bit_length()
        address = self.word_address
        m.d.comb += [
            memory.line.eq(Mux(self.again, Cat(1, before.o), Cat(0, self.line))),
            self.scales.eq(memory.data.as_value()),
            # word, pass, lane, line
            memory.word_address.eq(
                Cat(address[0], address[2 : 2 + lane_bits], address[1], address[2 + lane_bits :])
            ),
            memory.word.eq(self.word),
            memory.enable.eq(self.enable),
        ]
        return m
