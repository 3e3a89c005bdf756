// own_accelerator_tb: bench of own_accelerator. Sets thresholds, runs all samples and compares every
// decision and counter with the golden model's. Ends with PASS and $finish, or with FAIL and $fatal.

module own_accelerator_tb;
  localparam integer N_SAMPLES = 32, N_EXITS = 3;
  localparam integer HANGS = 200000;

  // own_accelerator_expected.hex: per exit threshold, seen, exited; per sample TDATA, TUSER
  reg [31:0] expected [0:3 * N_EXITS + 2 * N_SAMPLES - 1];
  initial $readmemh("own_accelerator_expected.hex", expected);

  // of offramp_decision.h
  localparam [12:0] MAGIC = 13'h0000, CONTROL = 13'h0010;
  localparam [12:0] THRESHOLD = 13'h0400, SEEN = 13'h0408, EXITED = 13'h040c, STRIDE = 13'h0040;
  // of own_accelerator.h
  localparam [12:0] SAMPLES = 13'h1000, RESULTS = 13'h1800;

  reg aclk = 1'b0;
  always #5 aclk = !aclk;
  reg aresetn = 1'b0;

  reg awvalid = 1'b0, wvalid = 1'b0, arvalid = 1'b0;
  reg [12:0] awaddr, araddr;
  reg [31:0] wdata;
  wire awready, wready, bvalid, arready, rvalid;
  wire [1:0] bresp, rresp;
  wire [31:0] rdata;

  own_accelerator dut (
    .aclk(aclk), .aresetn(aresetn),
    .s_axil_awvalid(awvalid), .s_axil_awready(awready), .s_axil_awaddr(awaddr),
    .s_axil_wvalid(wvalid), .s_axil_wready(wready), .s_axil_wdata(wdata), .s_axil_wstrb(4'b1111),
    .s_axil_bvalid(bvalid), .s_axil_bready(1'b1), .s_axil_bresp(bresp),
    .s_axil_arvalid(arvalid), .s_axil_arready(arready), .s_axil_araddr(araddr),
    .s_axil_rvalid(rvalid), .s_axil_rready(1'b1), .s_axil_rdata(rdata), .s_axil_rresp(rresp)
  );

  task fail(input [8 * 40 - 1:0] why);
    begin
      $display("FAIL: %0s", why);
      $fatal(1);
    end
  endtask

  integer cycle = 0;
  always @(posedge aclk) begin
    cycle <= cycle + 1;
    if (cycle == HANGS) fail("nothing happens");
  end

  // ready before the edge: what was taken with it
  reg first, second;

  task write(input [12:0] address, input [31:0] word, input [1:0] response);
    begin
      @(negedge aclk);
      awaddr = address;
      wdata = word;
      awvalid = 1'b1;
      wvalid = 1'b1;
      while (awvalid || wvalid) begin
        @(posedge aclk);
        first = awready;
        second = wready;
        @(negedge aclk);
        if (first) awvalid = 1'b0;
        if (second) wvalid = 1'b0;
      end
      while (!bvalid) @(negedge aclk);
      if (bresp !== response) fail("a write has the wrong response");
    end
  endtask

  reg [31:0] answer;

  task read(input [12:0] address);
    begin
      @(negedge aclk);
      araddr = address;
      arvalid = 1'b1;
      while (arvalid) begin
        @(posedge aclk);
        first = arready;
        @(negedge aclk);
        if (first) arvalid = 1'b0;
      end
      while (!rvalid) @(negedge aclk);
      if (rresp !== 2'b00) fail("a read is refused");
      answer = rdata;
    end
  endtask

  task check(input [12:0] address, input [31:0] word, input [8 * 40 - 1:0] why);
    begin
      read(address);
      if (answer !== word) fail(why);
    end
  endtask

  integer k;
  initial begin
    repeat (4) @(negedge aclk);
    aresetn = 1'b1;
    check(MAGIC, 32'h4f465244, "no decision unit answers");
    // beyond what a score can reach
    write(THRESHOLD, 32'h00001000, 2'b10);
    for (k = 0; k < N_EXITS; k = k + 1) write(THRESHOLD + STRIDE * k[12:0], expected[3 * k], 2'b00);
    write(CONTROL, 32'd1, 2'b00);
    write(SAMPLES, N_SAMPLES, 2'b00);
    answer = N_SAMPLES;
    while (answer != 32'd0) read(SAMPLES);
    for (k = 0; k < N_EXITS; k = k + 1) begin
      check(SEEN + STRIDE * k[12:0], expected[3 * k + 1], "a number of decisions is wrong");
      check(EXITED + STRIDE * k[12:0], expected[3 * k + 2], "a number of exits is wrong");
    end
    for (k = 0; k < 2 * N_SAMPLES; k = k + 1)
      check(RESULTS + 13'd4 * k[12:0], expected[3 * N_EXITS + k], "a result is wrong");
    $display("PASS: %0d samples, %0d cycles", N_SAMPLES, cycle);
    $finish;
  end
endmodule
