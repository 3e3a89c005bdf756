"""A pipelined multiplier: registers at its inputs, inside, and at its output."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Shape, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .ice40 import BLOCK_WIDTH, multiply

__all__ = ["Multiplier"]

WIDTH = 18
"""Bits of an operand of a block."""


class Multiplier(wiring.Component):
    """Multiply two integers of up to 18 bits, signed or not.

    Latency: `latency` cycles. Throughput: one product a cycle.

    Parameters
    ----------
    a_shape, b_shape : Shape
        Unsigned ones of up to 17 bits.
    family : str
        "generic" leaves the choice to the synthesizer; "ecp5" instantiates a MULT18X18D and
        "gowin" a MULT18X18 with all of its registers in use, which no synthesizer finds; "ice40"
        an SB_MAC16, whose operands have up to 16 bits.

    Members
    -------
    a, b : In
    product : Out
    """

    latency = 3

    def __init__(self, a_shape: Shape, b_shape: Shape, family: str = "generic"):
        self._family = family
        width = a_shape.width + b_shape.width
        either = a_shape.signed or b_shape.signed
        super().__init__(
            {
                "a": In(a_shape),
                "b": In(b_shape),
                "product": Out(signed(width) if either else unsigned(width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if self._family in _BLOCKS:
            self._instantiate(m, _BLOCKS[self._family])
            return m
        if self._family == "ice40":
            product = Signal(2 * BLOCK_WIDTH)
            m.submodules.block = multiply(self.a, self.b, product)
            m.d.comb += self.product.eq(product)
            return m
        a = Signal.like(self.a, reset_less=True)
        b = Signal.like(self.b, reset_less=True)
        halfway = Signal.like(self.product, reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b), halfway.eq(a * b), self.product.eq(halfway)]
        return m

    def _instantiate(self, m, block):
        wide, below = [], 0
        for name, operand in (("wide_a", self.a), ("wide_b", self.b)):
            # in the highest bits: copies of the sign would have to be routed; the block takes both
            # operands as signed, so that an unsigned one has a 0 above it
            shift = WIDTH - len(operand) - (not operand.shape().signed)
            wide.append(Signal(WIDTH, name=name))
            m.d.comb += wide[-1].eq(operand << shift)
            below += shift
        product = Signal(2 * WIDTH)
        m.submodules.block = block(*wide, product)
        m.d.comb += self.product.eq(product[below:])


def _ecp5_block(a, b, product):
    registers = {}
    for register in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT"):
        registers |= {
            f"p_REG_{register}_CLK": "CLK0",
            f"p_REG_{register}_CE": "CE0",
            f"p_REG_{register}_RST": "RST0",
        }
    return Instance(
        "MULT18X18D",
        p_GSR="DISABLED",
        p_RESETMODE="SYNC",
        **registers,
        i_CLK0=ClockSignal(),
        i_CE0=Const(1),
        i_RST0=Const(0),
        i_SIGNEDA=Const(1),
        i_SIGNEDB=Const(1),
        i_SOURCEA=Const(0),
        i_SOURCEB=Const(0),
        **{f"i_A{bit}": a[bit] for bit in range(WIDTH)},
        **{f"i_B{bit}": b[bit] for bit in range(WIDTH)},
        **{f"o_P{bit}": product[bit] for bit in range(2 * WIDTH)},
    )


def _gowin_block(a, b, product):
    return Instance(
        "MULT18X18",
        **{f"p_{name}": Const(1, 1) for name in ("AREG", "BREG", "PIPE_REG", "OUT_REG")},
        p_MULT_RESET_MODE="SYNC",
        i_CLK=ClockSignal(),
        i_CE=Const(1),
        i_RESET=Const(0),
        i_A=a,
        i_B=b,
        i_ASIGN=Const(1),
        i_BSIGN=Const(1),
        # operands from the fabric, none from the block beside
        i_ASEL=Const(0),
        i_BSEL=Const(0),
        i_SIA=Const(0, WIDTH),
        i_SIB=Const(0, WIDTH),
        o_DOUT=product,
    )


_BLOCKS = {"ecp5": _ecp5_block, "gowin": _gowin_block}
