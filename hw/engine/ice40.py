"""Blocks of the iCE40 UltraPlus that no synthesizer finds: SB_MAC16 and SB_SPRAM256KA."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig

__all__ = ["BLOCK_WIDTH", "ProductPair", "SinglePortMemory", "multiply"]

BLOCK_WIDTH = 16
"""Bits of an operand of SB_MAC16."""

SPRAM_DEPTH = 1 << 14
SPRAM_WIDTH = 16


def multiply(a: Value, b: Value, product: Value) -> Instance:
    """Return a multiplier of two operands of up to 16 bits, with all three rows of registers."""
    return _mac16(
        a=_extended(a),
        b=_extended(b),
        c=Const(0, BLOCK_WIDTH),
        d=Const(0, BLOCK_WIDTH),
        output=product,
        a_signed=a.shape().signed,
        b_signed=b.shape().signed,
        PIPELINE_16x16_MULT_REG1=1,
        PIPELINE_16x16_MULT_REG2=1,
        TOPOUTPUT_SELECT=3,
        BOTOUTPUT_SELECT=3,
    )


def _extended(value):
    missing = BLOCK_WIDTH - len(value)
    return (
        Cat(value, value[-1].replicate(missing))
        if value.shape().signed
        else Cat(value, Const(0, missing))
    )


def _mac16(*, a, b, c, d, output, a_signed, b_signed, **parameters):
    return Instance(
        "SB_MAC16",
        p_A_REG=1,
        p_B_REG=1,
        p_TOP_8x8_MULT_REG=1,
        p_BOT_8x8_MULT_REG=1,
        p_A_SIGNED=int(a_signed),
        p_B_SIGNED=int(b_signed),
        **{f"p_{name}": value for name, value in parameters.items()},
        i_CLK=ClockSignal(),
        i_CE=Const(1),
        i_A=a,
        i_B=b,
        i_C=c,
        i_D=d,
        **{
            f"i_{name}": Const(0)
            for name in (
                "AHOLD", "BHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT",
                "OLOADTOP", "OLOADBOT", "ADDSUBTOP", "ADDSUBBOT", "OHOLDTOP", "OHOLDBOT", "CI",
                "ACCUMCI", "SIGNEXTIN",
            )
        },
        o_O=output,
    )  # fmt: skip


class ProductPair(wiring.Component):
    """Two products of an activation and a weight in one SB_MAC16, which multiplies 8 by 8 bits.

    The block takes activations as int8. That of a uint8 from 128 on is 256 too small: the weight,
    256 times, is added to the product in the block.

    Latency: `latency` cycles. Throughput: two products a cycle.

    Members
    -------
    a : In(signed(9) [2])
        Activations, -128 to 255.
    b : In(signed(8) [2])
        Weights.
    products : Out(signed(16) [2])
    """

    latency = 3

    def __init__(self):
        super().__init__(
            {
                "a": In(data.ArrayLayout(signed(9), 2)),
                "b": In(data.ArrayLayout(signed(8), 2)),
                "products": Out(data.ArrayLayout(signed(16), 2)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        missing = []
        for lane in range(2):
            weight = Signal(8, name=f"missing_{lane}", reset_less=True)
            a, b = self.a[lane], self.b[lane].as_unsigned()
            m.d.sync += weight.eq(b & (a[7] & ~a[8]).replicate(8))
            # a cycle here, one at the block's input: the products are as late
            missing.append(Cat(Const(0, 8), weight))
        m.submodules.block = _mac16(
            a=Cat(self.a[0][:8], self.a[1][:8]),
            b=self.b.as_value(),
            c=missing[1],
            d=missing[0],
            output=self.products.as_value(),
            a_signed=True,
            b_signed=True,
            MODE_8x8=1,
            C_REG=1,
            D_REG=1,
            TOPADDSUB_LOWERINPUT=1,
            TOPADDSUB_UPPERINPUT=1,
            TOPOUTPUT_SELECT=1,
            BOTADDSUB_LOWERINPUT=1,
            BOTADDSUB_UPPERINPUT=1,
            BOTOUTPUT_SELECT=1,
        )
        return m


class SinglePortMemory(wiring.Component):
    """`WideMemory` in SB_SPRAM256KA, where a line is two words: reads nothing while it is written.

    Latency: `latency` cycles from `line` to `data`. Members are those of `WideMemory`.
    """

    latency = 1

    @staticmethod
    def holds(config: EngineConfig) -> bool:
        """Return whether there are as many as the weights of an engine need."""
        return config.line_bytes == 8 and config.weight_lines <= SPRAM_DEPTH

    def __init__(self, lines: int):
        self._lines = lines
        super().__init__(
            {
                "line": In((lines - 1).bit_length()),
                "data": Out(data.ArrayLayout(32, 2)),
                "word_address": In(24),
                "word": In(32),
                "enable": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        address = Signal(range(SPRAM_DEPTH))
        m.d.comb += address.eq(Mux(self.enable, self.word_address[1:], self.line))
        for part in range(4):
            out = Signal(SPRAM_WIDTH, name=f"out_{part}")
            m.submodules[f"block_{part}"] = Instance(
                "SB_SPRAM256KA",
                i_ADDRESS=address,
                i_DATAIN=self.word.word_select(part % 2, SPRAM_WIDTH),
                i_MASKWREN=Const(0b1111, 4),
                i_WREN=self.enable & (self.word_address[0] == part // 2),
                i_CHIPSELECT=Const(1),
                i_CLOCK=ClockSignal(),
                i_STANDBY=Const(0),
                i_SLEEP=Const(0),
                i_POWEROFF=Const(1),
                o_DATAOUT=out,
            )
            m.d.comb += self.data.as_value().word_select(part, SPRAM_WIDTH).eq(out)
        return m
