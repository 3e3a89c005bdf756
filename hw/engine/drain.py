"""The drain: accumulators of a tile leave the array, are requantized, and go to memory."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .activation_memory import ActivationMemory
from .payload import ACCUMULATOR, Descriptor, Emission, TileEnd, Transfer, address_width
from .requantizer import Requantizer, RequantizerLine, ResidualAdder, ResidualLine
from .tile_pointer import TilePointer
from .wide_memory import WideMemory

__all__ = ["Drain"]

CHANNEL_LATENCY = WideMemory.latency
REQUANTIZED = CHANNEL_LATENCY + Requantizer.latency
"""Cycles from an emission to its values."""

ADDED = REQUANTIZED + ResidualAdder.latency
"""Cycles to the sums of a residual addition."""

WRITTEN = ADDED + 2
"""Cycles to the transfer to memory: the maximum of a window, and a register."""

READ = REQUANTIZED - 1 - ActivationMemory.word_latency
"""Cycles to the address of the other operand of a residual addition: its word must then be cut."""

# the other operand is read through the port that writes, in every second cycle
assert (WRITTEN - READ) % 2 == 1


class Drain(wiring.Component):
    """Requantize the accumulators of each tile, `requantizers` of them a cycle, and write them.

    ::

        accumulators ──> shift register ──> Requantizer ──> ResidualAdder ──> maximum ──> transfer
                                                 ^               ^
                                          biases, multipliers  other operand

    While a tile leaves, the array computes the next. See `offramp.golden.spec.operation` for what
    is computed. A step leaves in each cycle, with a residual addition in every second one.

    Latency: `latency` cycles from the tile's arrival to the transfer of its first step, or one
    more with a residual addition, whose steps leave in cycles of one parity.

    Members
    -------
    descriptor : In(Descriptor)
        Its fields from `DRAIN_WORD` on must not change from `start` to `done`.
    start : In(1)
        An operation begins.
    accumulators : In(signed [out_lanes])
    tile : In(1)
        Whether they are those of a tile.
    tile_end : In(TileEnd)
        With `tile`.
    transfer : Out(Transfer)
    word_address : Out
        Of the other operand of a residual addition.
    word : In(8 [4])
        `ActivationMemory.word_latency` cycles later.
    reads : Out(1)
        Whether `word_address` counts in this cycle.
    logit : Out(signed(8))
        Of the first lane.
    logit_valid, logit_last : Out(1)
    channel_address : In(24)
        Of the word of the channel memory that is written.
    channel_word : In(32)
    channel_enable : In(1)
    done : Out(1)
        The operation's last transfer is offered.
    """

    latency = 1 + WRITTEN

    def __init__(self, config: EngineConfig, family: str = "generic"):
        self._config = config
        self._family = family
        super().__init__(
            {
                "descriptor": In(Descriptor()),
                "start": In(1),
                "accumulators": In(data.ArrayLayout(ACCUMULATOR, config.out_lanes)),
                "tile": In(1),
                "tile_end": In(TileEnd()),
                "transfer": Out(Transfer(config)),
                "word_address": Out(address_width(config)),
                "word": In(data.ArrayLayout(8, 4)),
                "reads": Out(1),
                "logit": Out(signed(8)),
                "logit_valid": Out(1),
                "logit_last": Out(1),
                "channel_address": In(24),
                "channel_word": In(32),
                "channel_enable": In(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, fields = self._config, self.descriptor
        lanes = config.requantizers

        m.submodules.pointer = pointer = TilePointer(config)
        m.d.comb += [
            pointer.descriptor.eq(fields),
            pointer.start.eq(self.start),
            pointer.tile.eq(self.tile),
            pointer.tile_end.eq(self.tile_end),
        ]

        # -- the shift register -------------------------------------------------------------------
        held = Signal(data.ArrayLayout(ACCUMULATOR, config.out_lanes), reset_less=True)
        with m.If(self.tile):
            m.d.sync += held.eq(self.accumulators)
        with m.Elif(pointer.valid):
            for lane in range(config.out_lanes - lanes):
                m.d.sync += held[lane].eq(held[lane + lanes])

        # -- emissions, and where they stand `cycle` cycles later ---------------------------------
        valid = [pointer.valid]
        emission = [pointer.emission]
        for cycle in range(1, WRITTEN + 1):
            valid.append(Signal(name=f"valid_{cycle}"))
            emission.append(Signal(Emission(config), name=f"emission_{cycle}", reset_less=True))
            m.d.sync += [valid[-1].eq(valid[-2]), emission[-1].eq(emission[-2])]

        # -- biases and multipliers ---------------------------------------------------------------
        line = [pointer.line]
        for cycle in range(1, REQUANTIZED - CHANNEL_LATENCY + 1):
            line.append(Signal.like(pointer.line, name=f"line_{cycle}", reset_less=True))
            m.d.sync += line[-1].eq(line[-2])
        lines = {}
        for number, (name, layout, read_at) in enumerate(
            (
                ("requantizer_memory", RequantizerLine(), 0),
                ("residual_memory", ResidualLine(), REQUANTIZED - CHANNEL_LATENCY),
            )
        ):
            memory = WideMemory(2 * lanes, config.channel_lines)
            m.submodules[name] = memory
            # of the four words of a lane the first two, or the last two
            place = Cat(self.channel_address[0], self.channel_address[2:])
            m.d.comb += [
                memory.line.eq(line[read_at]),
                memory.word_address.eq(place),
                memory.word.eq(self.channel_word),
                memory.enable.eq(self.channel_enable & (self.channel_address[1] == number)),
            ]
            lines[name] = data.View(data.ArrayLayout(layout, lanes), memory.data.as_value())

        # -- the other operand --------------------------------------------------------------------
        beside = Signal(address_width(config))
        m.d.sync += [
            beside.eq(fields.residual_base - fields.out_base),
            self.word_address.eq(emission[READ - 1].address + beside),
        ]
        m.d.comb += self.reads.eq(valid[READ] & fields.residual)
        place = emission[REQUANTIZED - 1].address[:2]

        values = []
        for lane in range(lanes):
            accumulator = [held[lane]]
            for cycle in range(CHANNEL_LATENCY):
                name = f"accumulator_{lane}_{cycle}"
                accumulator.append(Signal(ACCUMULATOR, name=name, reset_less=True))
                m.d.sync += accumulator[-1].eq(accumulator[-2])
            requantizer = Requantizer(self._family)
            m.submodules[f"requantizer_{lane}"] = requantizer
            scale = lines["requantizer_memory"][lane]
            m.d.comb += [
                requantizer.accumulator.eq(accumulator[-1]),
                requantizer.bias.eq(scale.bias),
                requantizer.multiplier.eq(scale.multiplier),
                requantizer.shift_less_one.eq(scale.shift_less_one),
                requantizer.is_signed.eq(fields.out_signed),
            ]

            other = Signal(8, name=f"other_{lane}", reset_less=True)
            # lanes are neighbours: their number divides their common address
            choices = Array(self.word[first + lane] for first in range(0, 4, lanes))
            index = place[(lanes - 1).bit_length() :]
            m.d.sync += other.eq(choices[index] if len(index) else choices[0])
            adder = ResidualAdder(self._family)
            m.submodules[f"residual_adder_{lane}"] = adder
            scale = lines["residual_memory"][lane]
            m.d.comb += [
                adder.value.eq(requantizer.value),
                adder.other.eq(Cat(other, other[7] & fields.other_signed).as_signed()),
                adder.value_multiplier.eq(scale.first_multiplier),
                adder.other_multiplier.eq(scale.other_multiplier),
                adder.shift_less_one.eq(scale.residual_shift_less_one),
                adder.is_signed.eq(fields.sum_signed),
            ]
            value = [requantizer.value]
            for cycle in range(ResidualAdder.latency):
                name = f"value_{lane}_{cycle}"
                value.append(Signal(signed(9), name=name, reset_less=True))
                m.d.sync += value[-1].eq(value[-2])
            values.append(Mux(fields.residual, adder.total, value[-1]).as_signed())

        maxima = self._elaborate_maximum(m, valid[ADDED], emission[ADDED], values)

        # -- out ----------------------------------------------------------------------------------
        written = emission[ADDED + 1]
        ends = valid[ADDED + 1] & written.window_last
        repeated = [maxima[byte % lanes][:8] for byte in range(4)]
        enable = ((1 << lanes) - 1) << written.address[:2] if lanes < 4 else 0b1111
        m.d.sync += [
            self.transfer.address.eq(written.address),
            self.transfer.enable.eq(Mux(ends, enable, 0)),
            self.logit.eq(maxima[0][:8].as_signed()),
            self.logit_valid.eq(ends & fields.logits),
            self.logit_last.eq(written.last),
            self.done.eq(valid[ADDED + 1] & written.last),
        ]
        m.d.sync += [self.transfer.data[byte].eq(repeated[byte]) for byte in range(4)]
        return m

    def _elaborate_maximum(self, m, valid, emission, values):
        """Return the maximum of each lane over the window so far, a cycle later."""
        running = [
            [
                Signal(signed(9), name=f"running_{step}_{lane}", reset_less=True)
                for lane in range(len(values))
            ]
            for step in range(self._config.tile_steps)
        ]
        maxima = []
        for lane, value in enumerate(values):
            so_far = Array(step[lane] for step in running)[emission.step]
            maximum = Signal(signed(9), name=f"maximum_{lane}", reset_less=True)
            larger = Mux(emission.window_first | (value > so_far), value, so_far)
            m.d.sync += maximum.eq(larger)
            maxima.append(maximum)
            with m.If(valid):
                with m.Switch(emission.step):
                    for step in range(self._config.tile_steps):
                        with m.Case(step):
                            m.d.sync += running[step][lane].eq(larger)
        return maxima
