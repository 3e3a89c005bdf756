"""The drain: accumulators of a tile leave the array, are requantized, and go to memory."""

from itertools import pairwise

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .activation_memory import ActivationMemory
from .channel_memory import ChannelMemory
from .delay import Delay
from .drain_lane import DrainLane
from .payload import (
    ACCUMULATOR,
    Descriptor,
    DrainFaults,
    Emission,
    TileEnd,
    Transfer,
    address_width,
)
from .requantizer import Requantizer
from .tile_pointer import TilePointer
from .window_maximum import WindowMaximum

__all__ = ["Drain"]

WRITE = WindowMaximum.latency + 1
"""Cycles from a value to its transfer to memory."""

CUT = 2
"""Cycles from the word of the other operand of a residual addition to the operand."""

READ = DrainLane.REQUANTIZED - CUT - ActivationMemory.word_latency
"""Cycles to the address of that word."""

# the other operand is read through the port that writes, in every second cycle
assert (DrainLane.ADDED + WRITE - READ) % 2 == 1
# and so are the channels of the second pass, beside those of a first one
assert Requantizer.latency % 2 == 1


class Drain(wiring.Component):
    """Requantize the accumulators of each tile, `requantizers` of them a cycle, and write them.

    ::

        accumulators ──> shift register ──> DrainLane ──> WindowMaximum ──┬──> transfer
                               ^              ^    ^                  v
                          TilePointer  ChannelMemory  the other operand      logits

    While a tile leaves, the array computes the next. See `offramp.golden.spec.operation` for what
    is computed. A step leaves in each cycle, with a residual addition in every second one, with
    logits in every `requantizers`-th one.

    Latency: `latency` cycles from the tile's arrival to the transfer of its first step; with a
    residual addition `RESIDUAL` more, and one more if that makes steps leave in even cycles.

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
        One of a step after the other; the first lane's in the cycle of the transfer.
    logit_valid, logit_last : Out(1)
    logit_missing : Out(1)
        There is none in the operation's last step.
    channel_address : In(24)
        Of the word of the channel memory that is written.
    channel_word : In(32)
    channel_enable : In(1)
    done : Out(1)
        The operation's last transfer is offered.
    faults : Out(DrainFaults)
    """

    latency = 1 + DrainLane.REQUANTIZED + WRITE
    RESIDUAL = DrainLane.ADDED - DrainLane.REQUANTIZED

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
                "logit_missing": Out(1),
                "channel_address": In(24),
                "channel_word": In(32),
                "channel_enable": In(1),
                "done": Out(1),
                "faults": Out(DrainFaults()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        lanes = config.requantizers
        fields = Signal.like(self.descriptor)
        m.d.comb += fields.eq(self.descriptor)
        if not config.residual:
            # all that only a second pass needs goes with it
            m.d.comb += fields.residual.eq(0)

        m.submodules.pointer = pointer = TilePointer(config)
        m.d.comb += [
            pointer.descriptor.eq(fields),
            pointer.start.eq(self.start),
            pointer.tile.eq(self.tile),
            pointer.tile_end.eq(self.tile_end),
            self.faults.eq(pointer.faults),
        ]

        # -- the shift register -------------------------------------------------------------------
        held = Signal(data.ArrayLayout(ACCUMULATOR, config.out_lanes), reset_less=True)
        with m.If(self.tile):
            m.d.sync += held.eq(self.accumulators)
        with m.Elif(pointer.valid):
            for lane in range(config.out_lanes - lanes):
                m.d.sync += held[lane].eq(held[lane + lanes])

        # -- emissions, and where they stand `cycle` cycles later ---------------------------------
        valid, emission = [pointer.valid], {0: pointer.emission}
        wanted = [DrainLane.REQUANTIZED]
        if config.residual:
            wanted = [READ - 1, DrainLane.REQUANTIZED - 1, DrainLane.ADDED - 1]
        for before, cycle in pairwise([0, *wanted]):
            delay = Delay(Emission(config), cycle - before, self._family)
            m.submodules[f"emission_{cycle}"] = delay
            m.d.comb += delay.i.eq(emission[before])
            emission[cycle] = delay.o
        for cycle in range(1, DrainLane.ADDED if config.residual else DrainLane.REQUANTIZED + 1):
            valid.append(Signal(name=f"valid_{cycle}"))
            # nothing is left behind the first pass when an operation with a second one begins
            goes_on = fields.residual if config.residual and cycle == DrainLane.REQUANTIZED else 1
            m.d.sync += valid[-1].eq(valid[-2] & goes_on)
        # a value is there behind the first pass, or behind the second
        there, step = [Signal(name="there")], [Signal(Emission(config), reset_less=True)]
        if config.residual:
            once, twice = DrainLane.REQUANTIZED - 1, DrainLane.ADDED - 1
            m.d.sync += [
                there[0].eq(Mux(fields.residual, valid[twice], valid[once])),
                step[0].eq(Mux(fields.residual, emission[twice], emission[once])),
            ]
        else:
            m.d.comb += [
                there[0].eq(valid[DrainLane.REQUANTIZED]),
                step[0].eq(emission[DrainLane.REQUANTIZED]),
            ]
        for cycle in range(1, WRITE):
            there.append(Signal(name=f"there_{cycle}"))
            step.append(Signal(Emission(config), name=f"step_{cycle}", reset_less=True))
            m.d.sync += [there[-1].eq(there[-2]), step[-1].eq(step[-2])]

        # -- the lanes ----------------------------------------------------------------------------
        others = self._elaborate_others(m, valid, emission) if config.residual else [0] * lanes
        m.submodules.channels = channels = ChannelMemory(config, self._family)
        m.submodules.maximum = maximum = WindowMaximum(config)
        m.d.comb += [
            channels.line.eq(pointer.line),
            channels.again.eq(valid[Requantizer.latency] & fields.residual),
            channels.word_address.eq(self.channel_address),
            channels.word.eq(self.channel_word),
            channels.enable.eq(self.channel_enable),
            maximum.step.eq(step[0].step),
            maximum.first.eq(step[0].window_first),
            maximum.valid.eq(there[0]),
        ]
        marks = [Signal(lanes, name=f"marks_{cycle}") for cycle in range(WRITE)]
        m.d.sync += [after.eq(before) for before, after in pairwise(marks)]
        for number in range(lanes):
            m.submodules[f"lane_{number}"] = lane = DrainLane(self._family)
            m.d.comb += [
                lane.accumulator.eq(held[number]),
                lane.scale.eq(channels.scales[number]),
                lane.other.eq(others[number]),
                lane.again.eq(valid[DrainLane.REQUANTIZED] if config.residual else 0),
                lane.out_signed.eq(fields.out_signed),
                lane.other_signed.eq(fields.other_signed),
                lane.sum_signed.eq(fields.sum_signed),
                maximum.values[number].eq(lane.value),
                marks[0][number].eq(lane.logit),
            ]

        # -- out ----------------------------------------------------------------------------------
        written = step[-1]
        ends = there[-1] & written.window_last
        repeated = [maximum.maxima[byte % lanes][:8] for byte in range(4)]
        enable = ((1 << lanes) - 1) << written.address[:2] if lanes < 4 else 0b1111
        m.d.sync += [
            self.transfer.address.eq(written.address),
            self.transfer.enable.eq(Mux(ends, enable, 0)),
            self.done.eq(there[-1] & written.last),
        ]
        self._elaborate_logits(m, maximum.maxima, marks, ends & fields.logits, written.last)
        m.d.sync += [self.transfer.data[byte].eq(repeated[byte]) for byte in range(4)]
        return m

    def _elaborate_logits(self, m, values, marks, arrive, last):
        """Let the logits of a step follow each other."""
        lanes = self._config.requantizers
        queue = Signal(data.ArrayLayout(8, lanes), reset_less=True)
        marked = Signal(lanes)
        ends = Signal()
        with m.If(arrive):
            m.d.sync += [marked.eq(marks[-1]), ends.eq(last)]
            m.d.sync += [queue[lane].eq(values[lane][:8]) for lane in range(lanes)]
        with m.Else():
            m.d.sync += marked.eq(marked >> 1)
            m.d.sync += [queue[lane].eq(queue[lane + 1]) for lane in range(lanes - 1)]
        m.d.sync += self.logit_missing.eq(arrive & last & ~marks[-1].any())
        m.d.comb += [
            self.logit.eq(queue[0].as_signed()),
            self.logit_valid.eq(marked[0]),
            self.logit_last.eq(ends & ~marked[1:].any()),
        ]

    def _elaborate_others(self, m, valid, emission):
        """Read the other operand of a residual addition; return the byte of each lane."""
        config, fields = self._config, self.descriptor
        lanes = config.requantizers
        # with a carry, as `TilePointer` has
        beside = Signal(address_width(config) + 1)
        operand = Signal.like(beside)
        beyond = Signal()
        m.d.sync += [
            beside.eq(fields.residual_base - fields.out_base),
            operand.eq(emission[READ - 1].address + beside),
            beyond.eq(self.reads & (operand >= config.activation_bytes)),
        ]
        m.d.comb += [
            self.word_address.eq(operand),
            self.reads.eq(valid[READ] & fields.residual),
            self.faults.read.eq(beyond),
        ]
        place = emission[DrainLane.REQUANTIZED - 1].address[:2]
        word = Signal.like(self.word, name="word_held", reset_less=True)
        m.d.sync += word.eq(self.word)
        others = []
        for number in range(lanes):
            # lanes are neighbours: their number divides their common address
            choices = Array(word[first + number] for first in range(0, 4, lanes))
            index = place[(lanes - 1).bit_length() :]
            other = Signal(8, name=f"other_{number}", reset_less=True)
            m.d.sync += other.eq(choices[index] if len(index) else choices[0])
            others.append(other)
        return others
