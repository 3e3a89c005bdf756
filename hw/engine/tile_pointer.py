"""Which channels of a tile leave the array, and where they go."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from ...golden.spec.operation import NARROW
from .payload import Descriptor, DrainFaults, Emission, TileEnd, address_width

__all__ = ["TilePointer"]


class TilePointer(wiring.Component):
    """Count the steps of each tile, with their addresses and lines of the channel memory.

    The first step comes in the cycle after `tile`. With a residual addition steps come in every
    second cycle, with logits in every `requantizers`-th one, counted from `start`.

    Members
    -------
    descriptor : In(Descriptor)
    start : In(1)
    tile : In(1)
    tile_end : In(TileEnd)
    valid : Out(1)
    emission : Out(Emission)
    line : Out
        Of the channel memory.
    faults : Out(DrainFaults)
        One cycle behind the step; `tile` behind the tile.
    """

    def __init__(self, config: EngineConfig):
        self._config = config
        super().__init__(
            {
                "descriptor": In(Descriptor()),
                "start": In(1),
                "tile": In(1),
                "tile_end": In(TileEnd()),
                "valid": Out(1),
                "emission": Out(Emission(config)),
                "line": Out((config.channel_lines - 1).bit_length()),
                "faults": Out(DrainFaults()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, fields, emission = self._config, self.descriptor, self.emission

        requantizers = config.requantizers
        phase = Signal(range(max(2, requantizers)))
        following = Signal.like(phase)
        due = Signal()  # a step may come in this cycle; from a register, for it moves the array
        waits = fields.residual & ~following[0]
        if requantizers > 1:
            waits = waits | fields.logits & (following != requantizers - 1)
        m.d.comb += following.eq(Mux(self.start, 0, phase + 1))
        m.d.sync += [phase.eq(following), due.eq(~waits)]
        active = Signal()
        end = Signal(TileEnd(), reset_less=True)
        step = Signal.like(emission.step)
        last_step = Signal()
        steps = Signal(NARROW)
        m.d.comb += [
            self.valid.eq(active & due),
            steps.eq(Mux(end.last_group, fields.last_group_steps, fields.drain_steps)),
            last_step.eq(step == steps),
        ]
        with m.If(self.tile):
            m.d.sync += [active.eq(1), end.eq(self.tile_end), step.eq(0)]
        with m.Elif(self.valid):
            m.d.sync += [active.eq(~last_step), step.eq(step + 1)]

        # each with a carry: what is used beyond the memory is a fault
        address = Signal(address_width(config) + 1)
        pixel = Signal.like(address)
        group = Signal.like(address)
        line = Signal(len(self.line) + 1)
        group_line = Signal.like(line)
        next_pixel = pixel + fields.out_pixel_step
        next_group = group + fields.out_group_step
        with m.If(self.start):
            m.d.sync += [signal.eq(fields.out_base) for signal in (address, pixel, group)]
            m.d.sync += [line.eq(fields.channel_base), group_line.eq(fields.channel_base)]
        with m.Elif(self.valid):
            m.d.sync += [address.eq(address + requantizers), line.eq(line + 1)]
            with m.If(last_step):
                with m.If(end.group_last):
                    m.d.sync += [signal.eq(next_group) for signal in (address, pixel, group)]
                    m.d.sync += group_line.eq(line + 1)
                with m.Else():
                    m.d.sync += line.eq(group_line)
                    with m.If(end.window_last):
                        m.d.sync += [signal.eq(next_pixel) for signal in (address, pixel)]
                    with m.Else():
                        m.d.sync += address.eq(pixel)

        m.d.comb += [
            emission.step.eq(step),
            emission.address.eq(address),
            emission.window_first.eq(end.window_first),
            emission.window_last.eq(end.window_last),
            emission.last.eq(last_step & end.group_last & end.last_group),
            self.line.eq(line),
        ]
        m.d.sync += [
            self.faults.write.eq(self.valid & (address >= config.activation_bytes)),
            self.faults.channels.eq(self.valid & (line >= config.channel_lines)),
            self.faults.tile.eq(self.tile & active & ~(self.valid & last_step)),
        ]
        return m
