"""The maximum of a pool's window, channel by channel, as its pixels come."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig

__all__ = ["WindowMaximum"]


class WindowMaximum(wiring.Component):
    """Keep the largest value of each channel of a tile since the window's first pixel.

    Latency: one cycle. Throughput: one step a cycle.

    Members
    -------
    values : In(signed(9) [requantizers])
    step : In
        Which step of the tile they are.
    first : In(1)
        Whether the tile is the first of its window.
    valid : In(1)
    maxima : Out(signed(9) [requantizers])
    """

    latency = 1

    def __init__(self, config: EngineConfig):
        self._config = config
        values = data.ArrayLayout(signed(9), config.requantizers)
        super().__init__(
            {
                "values": In(values),
                "step": In(max(1, (config.tile_steps - 1).bit_length())),
                "first": In(1),
                "valid": In(1),
                "maxima": Out(values),
            }
        )

    def elaborate(self, platform):
        m = Module()
        steps = range(self._config.tile_steps)
        for lane in range(self._config.requantizers):
            running = [Signal(signed(9), name=f"lane_{lane}_step_{step}") for step in steps]
            value = self.values[lane]
            so_far = Signal(signed(9), name=f"so_far_{lane}")
            larger = Signal(signed(9), name=f"larger_{lane}")
            m.d.comb += [
                so_far.eq(Array(running)[self.step]),
                larger.eq(Mux(self.first | (value > so_far), value, so_far)),
            ]
            m.d.sync += self.maxima[lane].eq(larger)
            for step, register in enumerate(running):
                with m.If(self.valid & (self.step == step)):
                    m.d.sync += register.eq(larger)
        return m
