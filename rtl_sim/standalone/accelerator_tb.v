// @NAME@_tb: self-checking bench of @NAME@, with a program and images from files.
//
//   $ iverilog -o tb @NAME@.v @NAME@_tb.v && vvp tb
//   $ verilator --binary -CFLAGS -std=c++20 --top-module @NAME@_tb \
//       @NAME@.v @NAME@_tb.v && obj_dir/V@NAME@_tb
//
// Ends with PASS and $finish, or with FAIL and $fatal. The images run twice: without stalls, and
// with idle inputs and a receiver that is not ready. In between is a reset with an image at work
// and another half sent; the memories keep the program.
//
// +waves records all signals in @NAME@_tb.vcd (Verilator: add --trace).

module @NAME@_tb;
  parameter PROGRAM = "@PROGRAM@";  // writes to registers: address, word
  parameter IMAGES = "@IMAGES@";    // beats
  parameter RESULTS = "@RESULTS@";  // of each image
  parameter integer SEED = 1;

  localparam integer N_WRITES = @N_WRITES@;
  localparam integer N_LOADS = @N_LOADS@;  // of these, the first ones, for memories
  localparam integer N_IMAGES = @N_IMAGES@;
  localparam integer N_WORDS = @N_WORDS@;  // of an image
  localparam integer HANGS = @HANGS@;

  reg [43:0] writes [0:N_WRITES - 1];
  reg [31:0] images [0:N_IMAGES * N_WORDS - 1];
  reg [63:0] results [0:N_IMAGES - 1];

  reg clk = 1'b0;
  always #5 clk = !clk;
  reg rst = 1'b1;

  integer round = 0;
  integer cycle = 0;
  integer received = 0;
  task fail(input [8 * 64 - 1:0] reason);
    begin
      $display("FAIL: round %0d, result %0d, cycle %0d: %0s", round, received, cycle, reason);
      $fatal(1, "@NAME@ is not as specified");
    end
  endtask

  // -- the design ---------------------------------------------------------------------------------

  // a register is written while `set` and `set_done`
  reg set = 1'b0;
  wire set_done;
  reg [11:0] set_address;
  reg [31:0] set_word;

  reg i_valid = 1'b0;
  wire i_ready;
  reg [31:0] i_data = 0;
  reg i_last = 1'b0;
  wire o_valid;
  reg o_ready = 1'b0;
  wire [63:0] o_word;
  wire trouble;

@DESIGN@

  // -- images in, results out ---------------------------------------------------------------------

  reg running = 1'b0;
  integer rate = 0;        // stalls of 256 cycles
  integer idle_seed;
  integer stall_seed;
  integer sent = 0;        // words
  integer silent = 0;
  reg waiting = 1'b0;
  reg [63:0] offered;

  always @(posedge clk) begin
    cycle <= cycle + 1;
    silent <= (i_valid && i_ready) || (o_valid && o_ready) || !running ? 0 : silent + 1;
    if (silent > HANGS) fail("nothing happens any more: the engine hangs");
    o_ready <= !rst && ($random(stall_seed) & 255) >= rate;
    waiting <= running && o_valid && !o_ready;
    offered <= o_word;
    if (rst) begin
      i_valid <= 1'b0;
      sent <= 0;
      received <= 0;
    end else begin
      if (!i_valid || i_ready) begin
        i_valid <= 1'b0;
        i_data <= ~i_data;
        if (running && sent < N_IMAGES * N_WORDS && ($random(idle_seed) & 255) >= rate) begin
          i_valid <= 1'b1;
          i_data <= images[sent];
          i_last <= (sent + 1) % N_WORDS == 0;
          sent <= sent + 1;
        end
      end
      if (running) begin
        if ((o_valid ^ o_valid) !== 1'b0) fail("o_valid is unknown");
        if (waiting && !o_valid) fail("a result is withdrawn");
        if (waiting && offered !== o_word) fail("a result changes while it waits");
        if (trouble !== 1'b0) fail("an error is reported");
        if (o_valid && o_ready) begin
          if (received == N_IMAGES) fail("a result of nothing");
          if (o_word[0] !== 1'b0) fail("the image is dropped");
          if (o_word[4:1] !== results[received][4:1]) fail("the exit is wrong");
          if (o_word[14:5] !== results[received][14:5]) fail("the label is wrong");
          if (o_word[31:15] !== results[received][31:15]) fail("the score is wrong");
          if (o_word[63:32] !== results[received][63:32]) fail("the cycles are wrong");
          received <= received + 1;
        end
      end
    end
  end

  // -- rounds -------------------------------------------------------------------------------------

  integer k;
  task write_registers(input integer first);
    for (k = first; k < N_WRITES; k = k + 1) begin
      set_address = writes[k][43:32];
      set_word = writes[k][31:0];
      set = 1'b1;
      @(negedge clk);
      while (!set_done) @(negedge clk);
      set = 1'b0;
      @(negedge clk);
    end
  endtask

  // they change on the falling edge: all else on the rising one
  initial begin
    if ($test$plusargs("waves")) begin
      $dumpfile("@NAME@_tb.vcd");
      $dumpvars(0, @NAME@_tb);
    end
    idle_seed = SEED;
    stall_seed = SEED + 1;
    $readmemh(PROGRAM, writes);
    $readmemh(IMAGES, images);
    $readmemh(RESULTS, results);
    if (^writes[N_WRITES - 1] === 1'bx || ^images[N_IMAGES * N_WORDS - 1] === 1'bx
        || ^results[N_IMAGES - 1] === 1'bx)
      fail("the files are not whole");
    for (round = 0; round < 2; round = round + 1) begin
      repeat (2) @(negedge clk);
      rst = 1'b0;
      write_registers(round == 0 ? 0 : N_LOADS);
      rate = round == 0 ? 0 : 128;
      running = 1'b1;
      while (received < N_IMAGES) @(negedge clk);
      // and none besides
      repeat (100) @(negedge clk);
      running = 1'b0;
      rst = 1'b1;
      if (round == 0) begin
        // leave an image at work, and another half sent
        repeat (2) @(negedge clk);
        rst = 1'b0;
        write_registers(N_LOADS);
        running = 1'b1;
        repeat (N_WORDS + N_WORDS / 2 + 3) @(negedge clk);
        running = 1'b0;
        rst = 1'b1;
      end
    end
    $display("PASS: %0d images twice, labels, exits, scores and cycles", N_IMAGES);
    $finish;
  end
endmodule
