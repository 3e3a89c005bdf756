// Written by hand from the port table alone: four vectors, decisions worked out on paper.
module by_hand_tb;
  reg clk = 0, rst = 1, i_valid = 0, i_last = 0, i_exit_index = 0;
  reg [7:0] i_tag = 0;
  reg signed [7:0] i_logit = 0;
  wire i_ready, o_valid, o_exit, o_exit_index;
  wire [3:0] o_label;
  wire signed [8:0] o_score;
  wire [7:0] o_tag;
  integer n = 0;
  always #1 clk = !clk;

  // exit 0 at 2 to 1 (8 LSBs are an octave), exit 1 at 1 to 1
  offramp_decision dut (
    .clk(clk), .rst(rst), .i_valid(i_valid), .i_ready(i_ready), .i_logit(i_logit), .i_last(i_last),
    .i_exit_index(i_exit_index), .i_tag(i_tag), .o_valid(o_valid), .o_ready(1'b1), .o_exit(o_exit),
    .o_label(o_label), .o_score(o_score), .o_exit_index(o_exit_index), .o_tag(o_tag),
    .threshold_0(9'sd8), .threshold_1(9'sd0)
  );

  task send(input signed [7:0] logit, input last, input exit_index, input [7:0] tag);
    begin
      @(negedge clk) i_valid = 1;
      {i_logit, i_last, i_exit_index, i_tag} = {logit, last, exit_index, tag};
      while (!i_ready) @(negedge clk);
    end
  endtask

  // exit, label, score, exit index, tag
  reg [22:0] right [0:3];
  always @(posedge clk) if (o_valid) begin
    if ({o_exit, o_label, o_score, o_exit_index, o_tag} !== right[n]) $fatal(1, "FAIL: vector %0d", n);
    n <= n + 1;
  end

  initial begin
    right[0] = {1'b1, 4'd1, 9'sd8, 1'b0, 8'd7};    // 0 and 8: odds of 2 to 1, just enough
    right[1] = {1'b0, 4'd0, 9'sd7, 1'b0, 8'd8};    // 7 and 0: not enough
    right[2] = {1'b1, 4'd2, 9'sd8, 1'b1, 8'd9};    // 0, 0, 16: 4 to two
    right[3] = {1'b1, 4'd0, 9'sd0, 1'b1, 8'd10};   // a tie: the lower index, 1 to 1
    repeat (2) @(negedge clk);
    rst = 0;
    send(0, 0, 0, 0); send(8, 1, 0, 7);
    send(7, 0, 0, 0); send(0, 1, 0, 8);
    send(0, 0, 1, 0); send(0, 0, 1, 0); send(16, 1, 1, 9);
    send(-3, 0, 1, 0); send(-3, 1, 1, 10);
    @(negedge clk) i_valid = 0;
    repeat (20) @(negedge clk);
    if (n != 4) $fatal(1, "FAIL: %0d decisions", n);
    $display("PASS");
    $finish;
  end
endmodule
