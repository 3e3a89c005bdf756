"""Multipliers out of blocks of a family, proved equal to what every family can be built of.

The models say what the registers do that are in use here, from Lattice FPGA-TN-02205 (sysDSP) and
Gowin UG287 (DSP): operands, product inside, product.
"""

import pytest
from amaranth.hdl import signed, unsigned

from offramp.hw.engine.multiplier import Multiplier
from offramp.hw.verilog import generate_verilog
from offramp.rtl_sim.yosys import run_yosys

from .simulation import sees

ECP5_PORTS = "".join(
    f", {kind} {name}{bit}"
    for kind, name, width in (("input", "A", 18), ("input", "B", 18), ("output", "P", 36))
    for bit in range(width)
)


def bus(name: str, width: int) -> str:
    return "{" + ", ".join(f"{name}{bit}" for bit in reversed(range(width))) + "}"


# a sign input that is 0 makes its operand one of 18 bits without sign
PIPELINE = """
  reg signed [18:0] a, b;
  reg signed [37:0] inside;
  reg [35:0] product;
  always @(posedge CLOCK) if (ENABLE) begin
    a <= $signed({A_SIGNED & A[17], A});
    b <= $signed({B_SIGNED & B[17], B});
    inside <= a * b;
    product <= inside;
  end
"""

MODELS = {
    "ecp5": f"""
module MULT18X18D #(
  parameter GSR = "", RESETMODE = "",
  REG_INPUTA_CLK = "NONE", REG_INPUTA_CE = "", REG_INPUTA_RST = "",
  REG_INPUTB_CLK = "NONE", REG_INPUTB_CE = "", REG_INPUTB_RST = "",
  REG_PIPELINE_CLK = "NONE", REG_PIPELINE_CE = "", REG_PIPELINE_RST = "",
  REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "", REG_OUTPUT_RST = ""
) (input CLK0, CE0, RST0, SIGNEDA, SIGNEDB, SOURCEA, SOURCEB{ECP5_PORTS});
  wire CLOCK = CLK0, ENABLE = CE0, A_SIGNED = SIGNEDA, B_SIGNED = SIGNEDB;
  wire [17:0] A = {bus("A", 18)}, B = {bus("B", 18)};
  {PIPELINE}
  assign {bus("P", 36)} = product;
  // with any other setting it is another block
  always @* assert(REG_INPUTA_CLK == "CLK0" && REG_INPUTB_CLK == "CLK0"
    && REG_PIPELINE_CLK == "CLK0" && REG_OUTPUT_CLK == "CLK0" && !RST0 && !SOURCEA && !SOURCEB);
endmodule
""",
    "gowin": f"""
module MULT18X18 #(
  parameter AREG = 0, BREG = 0, PIPE_REG = 0, OUT_REG = 0, MULT_RESET_MODE = ""
) (
  input CLK, CE, RESET, ASIGN, BSIGN, ASEL, BSEL, input [17:0] A, B, SIA, SIB, output [35:0] DOUT
);
  wire CLOCK = CLK, ENABLE = CE, A_SIGNED = ASIGN, B_SIGNED = BSIGN;
  {PIPELINE}
  assign DOUT = product;
  always @* assert(AREG && BREG && PIPE_REG && OUT_REG && !RESET && !ASEL && !BSEL);
endmodule
""",
}

# small enough for proofs about products; where bits of wider ones lie follows from their number
SHAPES = [(signed(4), signed(3)), (signed(4), unsigned(4)), (unsigned(3), unsigned(4))]


def check(block, family, folder):
    """Prove that a block gives the products of any operands, as many cycles later."""
    verilog, proofs = MODELS[family], ""
    for number, shapes in enumerate(SHAPES):
        for name, built_for in (("block", family), ("plain", "generic")):
            verilog += generate_verilog(block(*shapes, built_for), f"{name}_{number}", {})
        a, b = (shape.width for shape in shapes)
        verilog += f"""
module top_{number}(input clk, input [{a - 1}:0] a, input [{b - 1}:0] b);
  wire [{a + b - 1}:0] found, wanted;
  reg [2:0] age = 0;
  always @(posedge clk) if (!age[2]) age <= age + 1;
  block_{number} block(.clk(clk), .rst(1'b0), .a(a), .b(b), .product(found));
  plain_{number} plain(.clk(clk), .rst(1'b0), .a(a), .b(b), .product(wanted));
  always @* if (age >= {Multiplier.latency}) assert(found == wanted);
endmodule
"""
        proofs += (
            f"design -load read; prep -flatten -top top_{number}; async2sync; chformal -lower; "
            "sat -verify -tempinduct -prove-asserts\n"
        )
    (folder / "tops.v").write_text(verilog)
    script = f"read_verilog -formal tops.v; design -save read\n{proofs}"
    assert run_yosys(script, folder, "proof")


@pytest.mark.parametrize("family", MODELS)
def test_block_gives_the_product_of_any_operands(family, tmp_path):
    check(Multiplier, family, tmp_path)


@pytest.mark.parametrize(
    ("family", "right", "wrong"),
    [
        ("ecp5", " - (not operand.shape().signed)", ""),
        ("ecp5", "i_SIGNEDB=Const(1)", "i_SIGNEDB=Const(0)"),
        ("gowin", "product[below:]", "product[below + 1 :]"),
    ],
)
def test_block_that_is_used_wrongly_is_seen(family, right, wrong, tmp_path):
    def prove(block):
        check(block, family, tmp_path)

    assert sees(prove, Multiplier, right, wrong)
