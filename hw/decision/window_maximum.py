"""First part with a window: maximum and everything else, and how many blocks lie between."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .slot import Slot

__all__ = ["WindowMaximum", "WindowOperand"]


class WindowOperand(data.StructLayout):
    """What the exponential is taken of in a slot: a logit, or winner less threshold if `closing`.

    Members
    -------
    complement : block_width
        ``2**block_width - 1 - x`` of the offset logit x in its block.
    winner_block, block : logit_width - block_width
        Number of the block of the maximum, that of the slot included, and of the operand. Only if
        there is a logit.
    upper : 1
        In a closing slot: x lies in the block of the winner, not in the one below.
    beyond, never : 1
        In a closing slot: x is above the window; the threshold is larger than a legal one.
    """

    def __init__(self, config: DecisionConfig):
        number = config.logit_width - config.block_width
        super().__init__(
            {
                "complement": config.block_width,
                "winner_block": number,
                "block": number,
                "upper": 1,
                "beyond": 1,
                "never": 1,
            }
        )


class WindowMaximum(wiring.Component):
    """Keep the larger of logit and maximum, and send the smaller on, as `RunningMaximum` does.

    A closing slot sends on ``x = maximum - threshold`` in the window, which begins with the block
    below that of the maximum. The largest legal threshold, a block, does not lead below it.

    Latency: 0; the slot after the last logit is the closing one.

    Members
    -------
    logit : In(signed(logit_width))
    last : In(1)
    valid : In(1)
        Whether there is a logit in this slot.
    threshold : In(signed)
        In ``config.threshold_format``; sampled in closing slots.
    slot : Out(Slot)
    operand : Out(WindowOperand)
    complement : Out(block_width)
        Of the winner in its block, in the closing slot.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "logit": In(signed(config.logit_width)),
                "last": In(1),
                "valid": In(1),
                "threshold": In(signed(config.threshold_format.width)),
                "slot": Out(Slot()),
                "operand": Out(WindowOperand(config)),
                "complement": Out(config.block_width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width, block_width = self._config.logit_width, self._config.block_width

        running = Signal()
        closing = Signal()
        m.d.sync += closing.eq(self.valid & self.last)
        m.d.sync += running.eq((running & ~self.valid) | (self.valid & ~self.last))

        # the offset z + 2**(W-1) inverts the sign bit, the complement all bits but the sign
        x = Signal(width)
        m.d.comb += x.eq(self.logit ^ (1 << (width - 1)))
        # the complement of the maximum, so that comparison and subtraction are additions
        best = Signal(width, reset_less=True)
        total = Signal(width + 1)
        larger = Signal()
        m.d.comb += [total.eq(x + best), larger.eq(total[width])]
        with m.If(self.valid & (~running | larger)):
            m.d.sync += best.eq(~x)

        # in the window the maximum has one bit more than in its block, which is set
        winner = Signal(block_width)
        lowered = Signal(block_width + 2)
        smaller = Signal(width)
        beyond_legal = self.threshold[:block_width].any()
        m.d.comb += [
            winner.eq(best),
            lowered.eq(winner + self.threshold),
            smaller.eq(Mux(larger, best, ~x)),
            self.operand.complement.eq(Mux(closing, lowered, smaller)),
            self.operand.block.eq(~smaller[block_width:]),
            self.operand.winner_block.eq(Mux(larger, x, ~best)[block_width:]),
            self.operand.upper.eq(~lowered[block_width]),
            self.operand.beyond.eq(lowered[-1]),
            self.operand.never.eq(~self.threshold[-1] & self.threshold[block_width] & beyond_legal),
            self.slot.between.eq(~running),
            self.slot.closing.eq(closing),
            self.slot.leads.eq(self.valid & larger),
            self.complement.eq(winner),
        ]
        return m
