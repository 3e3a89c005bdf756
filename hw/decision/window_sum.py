"""Third part with a window: two exact sums that follow the maximum, and their comparison."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import BLOCK_OCTAVES, DecisionConfig
from .accumulator import Sum

__all__ = ["BlockAddend", "WindowSum"]


class BlockAddend(data.StructLayout):
    """An exponential in its block, and where that lies.

    Members
    -------
    value : mantissa_bits + BLOCK_OCTAVES - 1
        E(x), x in the block; all ones less that in a closing slot, and 0 if x is beyond the range.
    same, below : 1
        It lies in the block of the maximum, or in the one below. Neither if there is none, or if
        it is farther; not defined in a slot between vectors.
    leads : 1
        The maximum is new; the old one is the addend.
    upper, beyond, never : 1
        As of `WindowOperand`.
    """

    def __init__(self, config: DecisionConfig):
        width = config.mantissa_bits + BLOCK_OCTAVES - 1
        flags = ("same", "below", "leads", "upper", "beyond", "never")
        super().__init__({"value": width, **dict.fromkeys(flags, 1)})


class WindowSum(wiring.Component):
    """Sum the exponentials in the block of the maximum and those in the block below; compare.

    ::

        addend                              high             low
        in the block of the maximum         high + addend
        in the block below                                   low + addend
        farther below
        the old maximum, now a block below  0                high + addend
        the old maximum, now farther below  0                0

    Each sum has room for every logit of a vector, so nothing is lost that may count: which logits
    do depends on the largest one alone, and not on the order.

    Latency: `latency`, of the decision; the total comes 1 cycle after the closing slot.

    Members
    -------
    addend : In(BlockAddend)
    between : In(1)
        As of `Slot`.
    exit : Out(1)
        `latency` cycles after a closing slot: whether the sum is at most E(winner - threshold).
    total : Out(Sum)
        One cycle after a closing slot.
    """

    latency = 2

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "addend": In(BlockAddend(config)),
                "between": In(1),
                "exit": Out(1),
                "total": Out(Sum(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, addend = self._config, self.addend
        block = len(addend.value)
        room = block + (config.n_classes - 1).bit_length()

        # -- the two sums ------------------------------------------------------------------------
        high, low = Signal(room, reset_less=True), Signal(room, reset_less=True)
        high_added, low_added = Signal(room), Signal(room)
        moves = Signal()
        m.d.comb += [
            high_added.eq(high + addend.value),
            low_added.eq(low + addend.value),
            moves.eq(addend.leads & ~addend.same),
        ]
        with m.If(self.between | moves):
            m.d.sync += high.eq(0)
        with m.Elif(addend.same):
            m.d.sync += high.eq(high_added)
        with m.If(self.between | (moves & ~addend.below)):
            m.d.sync += low.eq(0)
        with m.Elif(addend.below):
            m.d.sync += low.eq(Mux(addend.leads, high_added, low_added))

        # -- their total, and the limit, of the vector that closes --------------------------------
        upper = Signal(room + 1, reset_less=True)
        lower = Signal(BLOCK_OCTAVES, reset_less=True)
        more = Signal(reset_less=True)
        limit = Signal.like(addend, reset_less=True)
        m.d.sync += [
            upper.eq(high + low[BLOCK_OCTAVES:]),
            lower.eq(low[:BLOCK_OCTAVES]),
            # an LSB more where the limit lies above: there is anything below
            more.eq(addend.upper & low[:BLOCK_OCTAVES].any()),
            limit.eq(addend),
        ]
        overflow = Signal()
        m.d.comb += [
            overflow.eq(upper[block:].any()),
            self.total.value.eq(lower | (upper[:block] << BLOCK_OCTAVES)),
            self.total.overflow.eq(overflow),
        ]

        # A limit in the upper block is compared with what lies there, one in the lower block with
        # what lies in that, if there is nothing above.
        compared = Signal(block)
        added = Signal(block + 2)
        exceeds = Signal()
        m.d.comb += [
            compared.eq(
                Mux(limit.upper, upper, lower | (upper[: block - BLOCK_OCTAVES] << BLOCK_OCTAVES))
            ),
            # one carry chain for all three
            added.eq(Cat(more, compared) + Cat(more, limit.value)),
            exceeds.eq(added[block + 1] | (~limit.upper & upper[block - BLOCK_OCTAVES :].any())),
        ]
        m.d.sync += self.exit.eq(~(overflow | limit.never | (exceeds & ~limit.beyond)))
        return m
