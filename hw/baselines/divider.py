"""The usual small unit: table of exponentials, accumulator, serial divider."""

from amaranth.hdl import Cat, EnableInserter, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.baselines import SoftmaxConfig
from ..decision.payload import Decision, LogitBeat
from .exponentials import Exponentials, Origin

__all__ = ["DividerUnit"]


class DividerUnit(wiring.Component):
    """Decide by the softmax in fixed point, one bit of the quotient ``1 / S`` a cycle.

    It equals `offramp.golden.baselines.divided_confidence` bit for bit.

    Latency: N + 19 cycles from the transfer of the last of N logits to `o.valid`. Throughput: one
    logit a cycle, no bubble between vectors of one length from 17 logits on; below, a vector takes
    17 cycles. `i.ready` depends on `i.payload.last`.

    Parameters
    ----------
    config : SoftmaxConfig

    Members
    -------
    i : In(stream of LogitBeat)
    o : Out(stream of Decision)
    thresholds : In(unsigned(16)) [n_exits]
        Confidence with 16 bits after the point; that of the vector's exit counts while the decision
        is offered and must not change meanwhile.
    """

    def __init__(self, config: SoftmaxConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(LogitBeat(config))),
                "o": Out(stream.Signature(Decision(config))),
                "thresholds": In(unsigned(config.CONFIDENCE_BITS)).array(config.n_exits),
            }
        )

    def latency(self, n_logits: int) -> int:
        """Return the cycles from the last of `n_logits` logits to the decision."""
        return n_logits + 3 + self.config.CONFIDENCE_BITS

    def elaborate(self, platform):
        m = Module()
        config = self.config

        # the last exponential of a vector waits for the divider
        advance = Signal()
        m.submodules.exponentials = exponentials = EnableInserter(advance)(Exponentials(config))
        open_for_beat = exponentials.ready_for_last | ~self.i.payload.last
        m.d.comb += [
            exponentials.beat.eq(self.i.payload),
            exponentials.valid.eq(self.i.valid & open_for_beat),
            self.i.ready.eq(advance & open_for_beat),
        ]

        total = Signal(config.sum_width)
        added = Signal.like(total)
        m.d.comb += added.eq(Mux(exponentials.first, 0, total) + exponentials.value)
        with m.If(advance & exponentials.o_valid):
            m.d.sync += total.eq(added)

        # 1 / S bit by bit: the remainder, doubled, has S in it or not
        busy = Signal()
        start = Signal()
        divisor = Signal.like(total)
        remainder = Signal.like(total)
        rest = Signal(config.sum_width + 2)
        # a one before the bits reaches the top with the last of them
        bits = Signal(config.CONFIDENCE_BITS + 1)
        quotient = bits[: config.CONFIDENCE_BITS]
        origin = Signal(Origin(config))
        free = Signal()
        m.d.comb += [
            free.eq(~busy & (~self.o.valid | self.o.ready)),
            advance.eq(free | ~(exponentials.o_valid & exponentials.last)),
            start.eq(free & exponentials.o_valid & exponentials.last),
            rest.eq(Cat(0, remainder) - divisor),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(busy):
            m.d.sync += [
                remainder.eq(Mux(rest[-1], Cat(0, remainder), rest)),
                bits.eq(Cat(~rest[-1], bits)),
                busy.eq(~bits[-2]),
                self.o.valid.eq(bits[-2]),
            ]
        with m.If(start):
            m.d.sync += [
                busy.eq(1),
                bits.eq(1),
                divisor.eq(added),
                # the bit of 1 itself is skipped: a quotient of 1 comes out as all ones
                remainder.eq(1 << config.EXPONENTIAL_BITS),
                origin.eq(exponentials.origin),
            ]

        threshold = Signal(config.CONFIDENCE_BITS)
        m.d.comb += threshold.eq(self.thresholds[0])
        with m.Switch(origin.exit_index):
            for exit_index in range(1, config.n_exits):
                with m.Case(exit_index):
                    m.d.comb += threshold.eq(self.thresholds[exit_index])
        m.d.comb += [
            self.o.payload.exit.eq(quotient >= threshold),
            self.o.payload.label.eq(origin.label),
            self.o.payload.exit_index.eq(origin.exit_index),
        ]
        if config.with_score:
            m.d.comb += self.o.payload.score.eq(quotient)
        if config.tag_width:
            m.d.comb += self.o.payload.tag.eq(origin.tag)
        return m
