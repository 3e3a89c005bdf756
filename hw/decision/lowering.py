"""Between maximum and exponential: take the threshold off the winner."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .running_maximum import Operand

__all__ = ["Lowering"]


class Lowering(wiring.Component):
    """Make ``maximum - threshold`` of the operand of a closing slot; let all others pass.

    The threshold is brought to 0 where nothing closes, so that one addition serves all slots and
    no multiplexer follows it. As in `RunningMaximum` the operands are complements:
    ``2**W - 1 - (x_max - lam) = y_max + lam``.

    Latency: 1.

    Members
    -------
    threshold : In(signed(logit_width + 1))
        Sampled where a slot of the maximum closes: as the operand is, with the register "operand".
    sampled : In(1)
        Such a slot stands at the maximum.
    operand : In(Operand)
        That of a closing slot is the maximum.
    closing : In(1)
        As of `Slot`, of the operand.
    lowered : Out(Operand)
    """

    latency = 1

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "threshold": In(signed(config.threshold_format.width)),
                "sampled": In(1),
                "operand": In(Operand(config)),
                "closing": In(1),
                "lowered": Out(Operand(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = self._config.logit_width

        threshold = Signal(width + 1, reset_less=True)
        domain = m.d.sync if "operand" in self._config.registers else m.d.comb
        domain += threshold.eq(self.threshold & self.sampled.replicate(width + 1))

        # W + 1 bits: the highest is set if and only if x is out of range, on either side
        lowered = Signal(width + 1)
        m.d.comb += lowered.eq(self.operand.complement + threshold)
        m.d.sync += [
            self.lowered.complement.eq(lowered),
            self.lowered.void.eq(self.operand.void | lowered[width]),
            self.lowered.never.eq(self.closing & ~threshold[width]),
        ]
        return m
