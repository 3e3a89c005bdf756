"""Whether what the engine is told lies in its memories; each answer comes from a register."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from ...golden.spec.operation import LOOPS
from .payload import Descriptor, address_width, offset_width

__all__ = ["DescriptorCheck", "LogitCheck", "ReadCheck"]


def _reaches(value, limit):
    """Return whether an unsigned value is at least `limit`, without a subtraction if it can be."""
    bits = limit.bit_length() - 1
    return value[bits:].any() if limit == 1 << bits else value >= limit


class DescriptorCheck(wiring.Component):
    """Check the fields of an operation, so that no sum made of them leaves its adder.

    Latency: 2 cycles from `start`.

    Members
    -------
    descriptor : In(Descriptor)
        As `Loops` and `Drain` want it.
    source : In
        Its source, with the offset of the image buffer, with carry.
    start : In(1)
    illegal : Out(1)
        For one cycle.
    """

    def __init__(self, config: EngineConfig):
        self._config = config
        super().__init__(
            {
                "descriptor": In(Descriptor()),
                "source": In(address_width(config) + 1),
                "start": In(1),
                "illegal": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, fields = self._config, self.descriptor
        address, offset = address_width(config), offset_width(config)
        line_bits = (config.weight_lines - 1).bit_length()
        limits = {
            "out_base": config.activation_bytes,
            "residual_base": config.activation_bytes,
            "row_limit": 1 << address,
            "column_limit": 1 << address,
            "out_pixel_step": 1 << address,
            "out_group_step": 1 << address,
            **dict.fromkeys(
                (
                    "kernel_row_step", "window_row_step", "out_row_step", "kernel_column_step",
                    "window_column_step", "out_column_step", "group_source_step",
                ),
                1 << (offset - 1),
            ),
            "weight_base": config.weight_lines,
            "channel_base": config.channel_lines,
            # counts less one
            **dict.fromkeys((*LOOPS, "tile_spacing"), 1 << config.count_bits),
            "drain_steps": config.tile_steps,
            "last_group_steps": config.tile_steps,
        }  # fmt: skip
        wrong = [
            _reaches(fields[name], limit)
            for name, limit in limits.items()
            if limit < 1 << len(fields[name])
        ]
        # a row may be all the lines there are
        row = fields.row_weight_lines
        wrong.append(row[line_bits + 1 :].any() | (row[line_bits] & row[:line_bits].any()))
        for name in ("row_start", "column_start"):
            high = fields[name][offset - 1 :]
            wrong.append(high.any() & ~high.all())
        wrong.append(_reaches(self.source, config.activation_bytes))
        if not config.residual:
            wrong.append(fields.residual)
        wrong.append(fields.logits & _reaches(fields.exit_index, config.decision.n_exits))

        found = Signal(len(wrong))
        started = Signal()
        for bit, condition in enumerate(wrong):
            m.d.sync += found[bit].eq(condition)
        m.d.sync += [started.eq(self.start), self.illegal.eq(started & found.any())]
        return m


class ReadCheck(wiring.Component):
    """Check the address of bytes for the array.

    Latency: 2 cycles from `address`.

    Members
    -------
    address : In
        Of the first byte, with the bits that tell where it lies beyond the memory. Before a row
        it may be negative.
    mask : In(in_lanes)
        Bytes that are read, one cycle after their address.
    beyond : Out(1)
    """

    def __init__(self, config: EngineConfig):
        self._config = config
        super().__init__(
            {
                "address": In(offset_width(config)),
                "mask": In(config.in_lanes),
                "beyond": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._config.in_lanes
        lane_bits = (lanes - 1).bit_length()
        n_words = self._config.activation_bytes // lanes
        word = self.address[lane_bits:]
        beyond, last = Signal(), Signal()
        offset = Signal(lane_bits)
        m.d.sync += [
            # base, row and column are each below 2**address_width, their sum below three times it
            beyond.eq(_reaches(word, n_words) & ~word[-2:].all()),
            last.eq(word == n_words - 1),
            offset.eq(self.address),
        ]
        behind = Signal(lanes)
        for lane in range(1, lanes):
            m.d.comb += behind[lane].eq(offset >= lanes - lane)
        reached = Mux(last, behind, 0) | beyond.replicate(lanes)
        m.d.sync += self.beyond.eq((self.mask & reached).any())
        return m


class LogitCheck(wiring.Component):
    """Count the logits of an exit.

    Latency: 1 cycle from `last`.

    Members
    -------
    valid, last : In(1)
        A logit, and whether it is the exit's last.
    missing : In(1)
        There was none that could be the last.
    wrong : Out(1)
        They were fewer than 2, or more than the classes.
    """

    def __init__(self, config: EngineConfig):
        self._n_classes = config.decision.n_classes
        super().__init__({"valid": In(1), "last": In(1), "missing": In(1), "wrong": Out(1)})

    def elaborate(self, platform):
        m = Module()
        # of those before this one
        count = Signal(range(self._n_classes + 1))
        full = count == self._n_classes
        wrong = self.valid & (full | self.last & (count == 0))
        m.d.sync += self.wrong.eq(wrong | self.missing)
        with m.If(self.valid):
            m.d.sync += count.eq(Mux(self.last, 0, Mux(full, count, count + 1)))
        return m
