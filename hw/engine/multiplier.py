"""A pipelined multiplier: registers at its inputs, inside, and at its output."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Multiplier"]


class Multiplier(wiring.Component):
    """Multiply two signed integers of up to 18 bits.

    Latency: `latency` cycles. Throughput: one product a cycle.

    Parameters
    ----------
    a_width, b_width : int
    family : str
        "generic" leaves the choice to the synthesizer; "ecp5" instantiates a MULT18X18D with all
        of its registers in use, which no synthesizer finds.

    Members
    -------
    a, b : In(signed)
    product : Out(signed)
    """

    latency = 3

    def __init__(self, a_width: int, b_width: int, family: str = "generic"):
        self._family = family
        super().__init__(
            {
                "a": In(signed(a_width)),
                "b": In(signed(b_width)),
                "product": Out(signed(a_width + b_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if self._family == "ecp5":
            self._instantiate(m)
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
