// Blocks of ECP5 as Lattice describes them, for what Yosys has no model of. Contents begin at 0.
// Sources: Lattice FPGA-TN-02204 (memory), FPGA-TN-02205 (sysDSP). Each is clocked by `clk`.

module TRELLIS_FF(input CLK, LSR, CE, DI, M, output reg Q);
    parameter GSR = "ENABLED";
    parameter CEMUX = "1";
    parameter CLKMUX = "CLK";
    parameter LSRMUX = "LSR";
    parameter SRMODE = "LSR_OVER_CE";
    parameter REGSET = "RESET";

    generate
        if (CLKMUX != "CLK" || LSRMUX != "LSR" || SRMODE != "LSR_OVER_CE")
            $error("TRELLIS_FF must have a rising clock and a synchronous reset");
        if (CEMUX != "1" && CEMUX != "CE") $error("TRELLIS_FF must have a plain enable");
    endgenerate
    wire clk = CLK;
    initial Q = REGSET == "SET";
    always @(posedge clk)
        if (LSR) Q <= REGSET == "SET";
        else if (CEMUX == "1" || CE) Q <= DI;
endmodule

// 18 x 18 multiplier with registers at its operands, in its middle and at its product.
module offramp_mult18x18(
    input clk, ce, rst, signed_a, signed_b, input [17:0] a, b, output [35:0] p
);
    reg signed [18:0] wide_a, wide_b;
    reg signed [37:0] halfway, product;
    always @(posedge clk)
        if (rst) begin
            wide_a <= 0;
            wide_b <= 0;
            halfway <= 0;
            product <= 0;
        end else if (ce) begin
            wide_a <= {signed_a & a[17], a};
            wide_b <= {signed_b & b[17], b};
            halfway <= wide_a * wide_b;
            product <= halfway;
        end
    assign p = product[35:0];
endmodule

// Block RAM of 1,024 words of 18 bits with two ports of their own widths and one clock. Of 36 bits,
// port A writes and port B reads. What one port reads while the other writes it is nobody's data: here all bits
// inverted, so that whoever relies on it is seen.
module offramp_dp16kd(
    input clk,
    input ce_a, oce_a, we_a, rst_a, input [13:0] ad_a, input [17:0] di_a, output [17:0] do_a,
    input ce_b, oce_b, we_b, rst_b, input [13:0] ad_b, input [17:0] di_b, output [17:0] do_b
);
    parameter WIDTH_A = 18;
    parameter WIDTH_B = 18;
    parameter REGISTER_A = 0;
    parameter REGISTER_B = 0;
    parameter WRITEMODE_A = "NORMAL";
    parameter WRITEMODE_B = "NORMAL";

    reg [35:0] words [0:511];
    integer i;
    initial for (i = 0; i < 512; i = i + 1) words[i] = 36'd0;

    // Bits of a word of 36 that an access of a width covers; bits 8, 17, 26 and 35 lie beside the
    // narrow ones.
    function automatic [35:0] covered(input integer width, input [13:0] ad);
        reg [5:0] first;
        begin
            first = 6'd9 * {4'd0, ad[4:3]};
            case (width)
                36: covered = {{9{ad[3]}}, {9{ad[2]}}, {9{ad[1]}}, {9{ad[0]}}};
                18: covered = {18'd0, {9{ad[1]}}, {9{ad[0]}}} << (ad[4] ? 18 : 0);
                9: covered = 36'h1ff << first;
                4: covered = 36'hf << (first + {3'd0, ad[2], 2'd0});
                2: covered = 36'h3 << (first + {3'd0, ad[2:1], 1'd0});
                default: covered = 36'h1 << (first + {3'd0, ad[2:0]});
            endcase
        end
    endfunction

    // The lowest bit of a word of 36 that an access reads or writes.
    function automatic [5:0] lowest(input integer width, input [13:0] ad);
        case (width)
            36: lowest = 0;
            18: lowest = ad[4] ? 6'd18 : 6'd0;
            9: lowest = 6'd9 * {4'd0, ad[4:3]};
            4: lowest = 6'd9 * {4'd0, ad[4:3]} + {3'd0, ad[2], 2'd0};
            2: lowest = 6'd9 * {4'd0, ad[4:3]} + {3'd0, ad[2:1], 1'd0};
            default: lowest = 6'd9 * {4'd0, ad[4:3]} + {3'd0, ad[2:0]};
        endcase
    endfunction

    function automatic [35:0] bits(input integer width);
        bits = 36'hfffffffff >> (36 - width);
    endfunction

    wire write_a = ce_a & we_a, write_b = ce_b & we_b;
    wire [35:0] mask_a = write_a ? covered(WIDTH_A, ad_a) : 36'd0;
    wire [35:0] mask_b = write_b ? covered(WIDTH_B, ad_b) : 36'd0;
    wire [35:0] data_a = {di_b, di_a};
    wire [35:0] put_a = (WIDTH_A == 36 ? data_a : {18'd0, di_a}) << lowest(WIDTH_A, ad_a);
    wire [35:0] put_b = {18'd0, di_b} << lowest(WIDTH_B, ad_b);
    wire same = ad_a[13:5] == ad_b[13:5];
    wire [35:0] held_a = words[ad_a[13:5]] ^ (same ? mask_b : 36'd0);
    wire [35:0] held_b = words[ad_b[13:5]] ^ (same ? mask_a : 36'd0);
    wire [35:0] seen_a = WRITEMODE_A == "WRITETHROUGH" ? (held_a & ~mask_a) | (put_a & mask_a) : held_a;
    wire [35:0] seen_b = WRITEMODE_B == "WRITETHROUGH" ? (held_b & ~mask_b) | (put_b & mask_b) : held_b;

    reg [35:0] latch_a = 0, latch_b = 0, out_a = 0, out_b = 0;
    always @(posedge clk) begin
        if (write_a | write_b)
            for (i = 0; i < 36; i = i + 1) begin
                if (mask_a[i]) words[ad_a[13:5]][i] <= put_a[i];
                if (mask_b[i]) words[ad_b[13:5]][i] <= put_b[i];
            end
        if (rst_a)
            latch_a <= 0;
        else if (ce_a & (~we_a | WRITEMODE_A != "NORMAL"))
            latch_a <= (seen_a >> lowest(WIDTH_A, ad_a)) & bits(WIDTH_A);
        if (rst_b)
            latch_b <= 0;
        else if (ce_b & (~we_b | WRITEMODE_B != "NORMAL"))
            latch_b <= (seen_b >> lowest(WIDTH_B, ad_b)) & bits(WIDTH_B);
        if (rst_a) out_a <= 0;
        else if (oce_a) out_a <= latch_a;
        if (rst_b) out_b <= 0;
        else if (oce_b) out_b <= latch_b;
    end
    wire [35:0] q_a = REGISTER_A ? out_a : latch_a, q_b = REGISTER_B ? out_b : latch_b;
    // 36 bits leave through both ports
    assign do_a = WIDTH_B == 36 ? q_b[17:0] : q_a[17:0];
    assign do_b = WIDTH_B == 36 ? q_b[35:18] : q_b[17:0];
endmodule
