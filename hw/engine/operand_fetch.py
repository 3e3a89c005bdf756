"""From a step of the loops to the operands of the MAC array."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .activation_memory import ActivationMemory
from .delay import Delay
from .payload import Step, address_width, offset_width
from .wide_memory import WideMemory

__all__ = ["OperandFetch"]

ADDRESSED = 2
"""Cycles from a step to the address of its first byte."""


class OperandFetch(wiring.Component):
    """Address both memories and give their data to the array in the same cycle.

    Latency: `latency` cycles from `step` to the operands. Throughput: a step a cycle.

    Parameters
    ----------
    config : EngineConfig
    family : str
        See `Delay`.
    weight_latency : int
        Of the weight memory.

    Members
    -------
    step : In(Step)
    valid : In(1)
    base : In
        Address of the source.
    column_limit : In
    address : Out
        To the activation memory, with the bits that tell where it lies beyond.
    mask : Out(in_lanes)
    bytes : In(8 [in_lanes])
    signs : In(in_lanes)
        Of the bytes.
    line : Out
        To the weight memory.
    activations : Out(signed(9) [in_lanes])
    operands_valid, operands_last : Out(1)
    """

    latency = ADDRESSED + ActivationMemory.latency

    def __init__(
        self,
        config: EngineConfig,
        family: str = "generic",
        weight_latency: int = WideMemory.latency,
    ):
        self._config = config
        self._family = family
        self._weight_latency = weight_latency
        offset = offset_width(config)
        super().__init__(
            {
                "step": In(Step(config)),
                "valid": In(1),
                "base": In(address_width(config)),
                "column_limit": In(offset),
                "address": Out(offset),
                "mask": Out(config.in_lanes),
                "bytes": In(data.ArrayLayout(8, config.in_lanes)),
                "signs": In(config.in_lanes),
                "line": Out((config.weight_lines - 1).bit_length()),
                "activations": Out(data.ArrayLayout(signed(9), config.in_lanes)),
                "operands_valid": Out(1),
                "operands_last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._config.in_lanes
        lane_bits = (lanes - 1).bit_length()
        offset = signed(offset_width(self._config))

        # -- cycles 1 and 2: the address ----------------------------------------------------------
        row_address = Signal(offset, reset_less=True)
        column = [Signal(offset, name=f"column_{cycle}", reset_less=True) for cycle in range(2)]
        remaining = Signal(offset, reset_less=True)
        inside = [Signal(name=f"inside_{cycle}") for cycle in range(2)]
        m.d.sync += [
            row_address.eq(self.step.row + self.base),
            column[0].eq(self.step.column),
            column[1].eq(column[0]),
            remaining.eq(self.column_limit - column[0]),
            inside[0].eq(self.valid & self.step.inside),
            inside[1].eq(inside[0]),
            self.address.eq(row_address + column[0]),
        ]

        # -- cycle 3: which bytes are inside the row: 0 <= column + j < limit ---------------------
        before, beyond = column[1], remaining
        before_far = before[-1] & ~before[lane_bits:].all()
        for lane in range(lanes):
            # within a word of the border the low bits tell, two's complement
            near_start = before[:lane_bits] >= lanes - lane if lane else 0
            near_end = beyond[:lane_bits] > lane if lane < lanes - 1 else 0
            starts = ~before[-1] | (~before_far & near_start)
            ends = ~beyond[-1] & (beyond[lane_bits:].any() | near_end)
            m.d.sync += self.mask[lane].eq(inside[1] & starts & ends)

        # -- the weights of the step in the cycle of its activations ------------------------------
        line = Delay(self.line.shape(), self.latency - self._weight_latency, self._family)
        m.submodules.line = line
        m.d.comb += [line.i.eq(self.step.line), self.line.eq(line.o)]

        valid, last = [self.valid], [self.step.last]
        for cycle in range(self.latency):
            valid.append(Signal(name=f"valid_{cycle}"))
            last.append(Signal(name=f"last_{cycle}"))
            m.d.sync += [valid[-1].eq(valid[-2]), last[-1].eq(last[-2])]
        m.d.comb += [self.operands_valid.eq(valid[-1]), self.operands_last.eq(last[-1])]
        for lane in range(lanes):
            activation = Cat(self.bytes[lane], self.signs[lane]).as_signed()
            m.d.comb += self.activations[lane].eq(activation)
        return m
