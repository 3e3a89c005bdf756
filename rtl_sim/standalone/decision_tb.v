// @NAME@_tb: self-checking bench of @DUT@, with vectors from a file.
//
//   $ iverilog -o tb @NAME@.v @NAME@_tb.v && vvp tb
//   $ verilator --binary -CFLAGS -std=c++20 --top-module @NAME@_tb \
//       @NAME@.v @NAME@_tb.v && obj_dir/V@NAME@_tb
//
// Ends with PASS and $finish, or with FAIL and $fatal. All vectors are decided @N_ROUNDS@ times:
// without stalls, with idle inputs, with a receiver that is not ready, with both. Each round begins
// with a reset while a vector is half sent and a decision waits.
//
// +waves records all signals in @NAME@_tb.vcd (Verilator: add --trace).

module @NAME@_tb;
  parameter VECTORS = "@VECTORS@";
  parameter integer SEED = 1;

  localparam integer N_LINES = @N_LINES@;
  localparam integer N_VECTORS = @N_VECTORS@;
  // from the last logit to the decision, when nothing waits
  localparam integer LATENCY = @LATENCY@;
  // every decision takes just that long, and every logit is taken at once
  localparam FIXED = 1'b@FIXED@;
  localparam integer HANGS = 20000;

  // fields of a line, bits from the right
@FIELDS@

  // kinds of lines
  localparam [3:0] BEAT = 4'd0, LAST = 4'd1, ENDS = 4'd2;  // others set something

  reg [LINE_BITS - 1:0] lines [0:N_LINES - 1];

  reg clk = 1'b0;
  always #5 clk = !clk;
  reg rst = 1'b1;

  // -- the design ---------------------------------------------------------------------------------

  reg i_valid = 1'b0;
  wire i_ready;
@INPUT_REGS@
  wire o_valid;
  reg o_ready = 1'b0;
@OUTPUT_WIRES@

  // something of an exit is set while `set` and `set_done`
  reg set = 1'b0;
  wire set_done;
  reg [EXIT_INDEX_BITS - 1:0] set_exit;
  reg [3:0] set_kind;
  reg [VALUE_BITS - 1:0] set_value;

@DESIGN@

  // -- what happens -------------------------------------------------------------------------------

  integer round;
  integer idle_rate = 0;   // of 256 cycles
  integer stall_rate = 0;
  integer idle_seed;
  integer stall_seed;
  reg running = 1'b0;      // lines are sent
  reg checking = 1'b0;     // decisions are looked at
  reg dirtying = 1'b0;     // what the next reset must clear is sent

  integer cycle = 0;
  integer silent = 0;
  always @(posedge clk) begin
    cycle <= cycle + 1;
    silent <= (i_valid && i_ready) || (o_valid && o_ready) || !running ? 0 : silent + 1;
    if (silent > HANGS) fail("nothing happens any more: the unit hangs");
  end

  task fail(input [8 * 64 - 1:0] reason);
    begin
      $display("FAIL: round %0d, decision %0d, cycle %0d: %0s",
               round, received, cycle, reason);
      $fatal(1, "@NAME@ is not as specified");
    end
  endtask

  // -- logits in ----------------------------------------------------------------------------------

  integer at = 0;          // line to be sent next
  integer sent = 0;        // vectors whose last logit has been offered
  integer taken = 0;       // and taken
  integer dirt = 0;
  integer taken_at [0:63];
  reg [LINE_BITS - 1:0] line;
  reg pause;

  always @(posedge clk) begin
    if (i_valid && i_ready && i_last) begin
      taken_at[taken % 64] <= cycle;
      taken <= taken + 1;
    end
    if (FIXED && checking && round == 0 && i_valid && !i_ready)
      fail("a logit is not taken at once");
    if (set && set_done) begin
      set <= 1'b0;
      at <= at + 1;
    end
    if (rst) begin
      i_valid <= 1'b0;
      set <= 1'b0;
      at <= 0;
      sent <= 0;
      taken <= 0;
      dirt <= 0;
    end else if (!i_valid || i_ready) begin
      // without a logit the other inputs mean nothing
      i_valid <= 1'b0;
@GARBAGE@
      line = lines[running && at < N_LINES ? at : 0];
      pause = ($random(idle_seed) & 255) < idle_rate;
      if (dirtying) begin
        // one vector, and the beginning of a second one
        i_valid <= 1'b1;
@LARGEST@
        i_last <= dirt == 1;
        i_exit_index <= 0;
        dirt <= dirt + 1;
      end else if (running && at < N_LINES && line[KIND_AT +: 4] > ENDS) begin
        // settings change while nothing is under way
        if (sent == received && !i_valid && !set) begin
          set <= 1'b1;
          set_exit <= line[EXIT_INDEX_AT +: EXIT_INDEX_BITS];
          set_kind <= line[KIND_AT +: 4];
          set_value <= line[VALUE_AT +: VALUE_BITS];
        end
      end else if (running && at < N_LINES && line[KIND_AT +: 4] != ENDS && !pause) begin
        i_valid <= 1'b1;
@INPUTS@
        i_last <= line[KIND_AT +: 4] == LAST;
        i_exit_index <= line[EXIT_INDEX_AT +: EXIT_INDEX_BITS];
        at <= at + 1;
        if (line[KIND_AT +: 4] == LAST) sent <= sent + 1;
      end
    end
  end

  // -- decisions out ------------------------------------------------------------------------------

  integer received = 0;
  integer check = 0;       // line of the decision that comes next
  integer latency;
  integer latency_low = HANGS;
  integer latency_high = 0;
  reg waiting = 1'b0;
  reg [OUTPUT_BITS - 1:0] offered;
  reg [LINE_BITS - 1:0] expected;

  always @(posedge clk) begin
    o_ready <= !dirtying && !rst && ($random(stall_seed) & 255) >= stall_rate;
    waiting <= checking && o_valid && !o_ready;
    offered <= {@OUTPUTS@};
    if (rst) begin
      received <= 0;
      check = 0;
    end else if (checking) begin
      if ((o_valid ^ o_valid) !== 1'b0) fail("o_valid is unknown");
      if ((i_ready ^ i_ready) !== 1'b0) fail("i_ready is unknown");
      if (waiting && !o_valid) fail("a decision is withdrawn");
      if (waiting && offered !== {@OUTPUTS@}) fail("a decision changes while it waits");
      if (o_valid && received == taken) fail("a decision on nothing");
      if (o_valid && !waiting && round == 0) begin
        latency = cycle - taken_at[received % 64];
        if (latency < latency_low) latency_low = latency;
        if (latency > latency_high) latency_high = latency;
      end
      if (o_valid && o_ready) begin
        while (lines[check][KIND_AT +: 4] != LAST) check = check + 1;
        expected = lines[check];
@COMPARISONS@
        check = check + 1;
        received <= received + 1;
      end
    end
  end

  // -- rounds -------------------------------------------------------------------------------------

  // they change on the falling edge: all else on the rising one
  initial begin
    if ($test$plusargs("waves")) begin
      $dumpfile("@NAME@_tb.vcd");
      $dumpvars(0, @NAME@_tb);
    end
    round = 0;
    idle_seed = SEED;
    stall_seed = SEED + 1;
    $readmemh(VECTORS, lines);
    if (lines[N_LINES - 1][KIND_AT +: 4] !== ENDS) fail("the file of vectors is not whole");
    for (round = 0; round < @N_ROUNDS@; round = round + 1) begin
      idle_rate = 0;
      stall_rate = 0;
      repeat (2) @(negedge clk);
      rst = 1'b0;
      dirtying = 1'b1;
      repeat (16) @(negedge clk);
      dirtying = 1'b0;
      rst = 1'b1;
      repeat (2) @(negedge clk);
      rst = 1'b0;
      idle_rate = round == 1 ? 128 : round == 3 ? 192 : 0;
      stall_rate = round == 2 ? 128 : round == 3 ? 192 : 0;
      running = 1'b1;
      checking = 1'b1;
      @(negedge clk);
      while (received < N_VECTORS) @(negedge clk);
      // and none besides
      repeat (2 * LATENCY + 16) @(negedge clk);
      check_registers;
      running = 1'b0;
      checking = 1'b0;
      rst = 1'b1;
    end
    if (latency_low != LATENCY || (FIXED && latency_high != LATENCY))
      fail("the latency is not as stated");
    $display("PASS: %0d vectors in @N_ROUNDS@ rounds, latency %0d cycles", N_VECTORS, latency_low);
    $finish;
  end
endmodule
