"""A pipelined multiplier: registers at its inputs, inside, and at its output."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Shape, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .ice40 import BLOCK_WIDTH, multiply

__all__ = ["Multiplier"]


class Multiplier(wiring.Component):
    """Multiply two integers of up to 18 bits, signed or not.

    Latency: `latency` cycles. Throughput: one product a cycle.

    Parameters
    ----------
    a_shape, b_shape : Shape
        Unsigned ones of up to 17 bits.
    family : str
        "generic" leaves the choice to the synthesizer; "ecp5" instantiates a MULT18X18D with all
        of its registers in use, which no synthesizer finds; "ice40" an SB_MAC16, whose operands
        have up to 16 bits.

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
        if self._family == "ecp5":
            self._instantiate(m)
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

    def _instantiate(self, m):
        operands = {}
        for name, operand in (("A", self.a), ("B", self.b)):
            # in the highest bits: copies of the sign would have to be routed
            wide = Signal(18, name=f"wide_{name.lower()}")
            m.d.comb += wide.eq(operand << (18 - len(operand)))
            operands |= {f"i_{name}{bit}": wide[bit] for bit in range(18)}
        product = Signal(36)
        registers = {}
        for register in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT"):
            registers |= {
                f"p_REG_{register}_CLK": "CLK0",
                f"p_REG_{register}_CE": "CE0",
                f"p_REG_{register}_RST": "RST0",
            }
        m.submodules.block = Instance(
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
            **operands,
            **{f"o_P{bit}": product[bit] for bit in range(36)},
        )
        m.d.comb += self.product.eq(product[36 - len(self.product) :])
