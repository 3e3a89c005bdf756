"""The maximum of a pool's window, channel by channel, as its pixels come."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig

__all__ = ["WindowMaximum"]


class WindowMaximum(wiring.Component):
    """Keep the largest value of each channel of a tile since the window's first pixel.

    Latency: `latency` cycles. Throughput: one step a cycle, but not the same step of two tiles in
    two cycles that follow each other.

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

    latency = 2

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
        step = Signal.like(self.step, name="step_compared")
        first, valid = Signal(name="first_compared"), Signal(name="valid_compared")
        m.d.sync += [step.eq(self.step), first.eq(self.first), valid.eq(self.valid)]
        for lane in range(self._config.requantizers):
            running = [Signal(signed(9), name=f"lane_{lane}_step_{number}") for number in steps]
            value = Signal(signed(9), name=f"value_{lane}")
            so_far = Signal(signed(9), name=f"so_far_{lane}")
            larger = Signal(signed(9), name=f"larger_{lane}")
            m.d.sync += [
                value.eq(self.values[lane]),
                so_far.eq(Array(running)[self.step]),
                self.maxima[lane].eq(larger),
            ]
            m.d.comb += larger.eq(Mux(first | (value > so_far), value, so_far))
            for number, register in enumerate(running):
                with m.If(valid & (step == number)):
                    m.d.sync += register.eq(larger)
        return m
