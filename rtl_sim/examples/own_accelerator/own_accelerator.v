// own_accelerator: an accelerator of your own with the exit decision unit in it.
//
//   s_axil ──> own_bus ──┬──> samples, cycles, results (addresses 0x1000 on)
//                        └──> offramp_decision_axi (addresses below)
//                                 ▲ logits  │ decisions
//                              layers <── control: stop here, or the next stage?
//
// Everything here is written by hand but for offramp_decision_axi, which stands for
//   offramp verilog decision --classes 10 --exits 3 --bus axi
// and own_accelerator_logits, a table. own_accelerator.h has the addresses for C.

module own_accelerator #(
  parameter integer STAGE_CYCLES = 200
) (
  input aclk,
  input aresetn,

  input s_axil_awvalid,
  output s_axil_awready,
  input [12:0] s_axil_awaddr,
  input s_axil_wvalid,
  output s_axil_wready,
  input [31:0] s_axil_wdata,
  input [3:0] s_axil_wstrb,
  output s_axil_bvalid,
  input s_axil_bready,
  output [1:0] s_axil_bresp,
  input s_axil_arvalid,
  output s_axil_arready,
  input [12:0] s_axil_araddr,
  output s_axil_rvalid,
  input s_axil_rready,
  output [31:0] s_axil_rdata,
  output [1:0] s_axil_rresp
);
  localparam [1:0] LAST_STAGE = 2'd2;

  // -- control: a sample goes on as long as no exit is taken ---------------------------------------

  reg [5:0] left;              // samples that are not done
  reg [4:0] sample;
  reg [1:0] stage;
  reg start;                   // of a stage
  reg [31:0] cycles;           // of the last run
  reg [31:0] results [0:63];   // of each sample TDATA and TUSER of its last decision

  wire decided;
  wire [31:0] decision;
  wire [9:0] decision_user;
  wire stops = decision[0] || stage == LAST_STAGE;

  wire own_write;
  always @(posedge aclk) begin
    start <= 1'b0;
    if (left != 6'd0) cycles <= cycles + 32'd1;
    if (decided) begin
      results[{sample, 1'b0}] <= decision;
      results[{sample, 1'b1}] <= {22'd0, decision_user};
      stage <= stops ? 2'd0 : stage + 2'd1;
      if (stops) begin
        sample <= sample + 5'd1;
        left <= left - 6'd1;
      end
      start <= !(stops && left == 6'd1);
    end
    // more samples than there are count as all; a run is not begun while one is under way
    if (own_write && left == 6'd0) begin
      left <= s_axil_wdata > 32'd32 ? 6'd32 : s_axil_wdata[5:0];
      start <= s_axil_wdata != 32'd0;
      sample <= 5'd0;
      stage <= 2'd0;
      cycles <= 32'd0;
    end
    if (!aresetn) begin
      left <= 6'd0;
      start <= 1'b0;
    end
  end

  wire [11:0] own_read_address;
  wire [31:0] own_read_data = own_read_address[11] ? results[own_read_address[7:2]] :
      own_read_address[2] ? cycles : {26'd0, left};
  wire own_read_legal = own_read_address[1:0] == 2'b00 &&
      (own_read_address[11] ? own_read_address[10:8] == 3'd0 : own_read_address[10:3] == 8'd0);

  // -- layers, and the unit that decides on their logits -------------------------------------------

  wire logit_valid, logit_ready, logit_last;
  wire [7:0] logit;

  layers #(.STAGE_CYCLES(STAGE_CYCLES)) layers (
    .aclk(aclk),
    .aresetn(aresetn),
    .start(start),
    .sample(sample),
    .stage(stage),
    .m_axis_tvalid(logit_valid),
    .m_axis_tready(logit_ready),
    .m_axis_tdata(logit),
    .m_axis_tlast(logit_last)
  );

  wire [3:0] unused_keep;      // a decision is one whole beat
  wire unused_last;
  wire unit_awvalid, unit_awready, unit_wvalid, unit_wready, unit_bvalid, unit_bready;
  wire unit_arvalid, unit_arready, unit_rvalid, unit_rready;
  wire [11:0] unit_awaddr, unit_araddr;
  wire [31:0] unit_wdata, unit_rdata;
  wire [3:0] unit_wstrb;
  wire [1:0] unit_bresp, unit_rresp;

  offramp_decision_axi decision_unit (
    .aclk(aclk),
    .aresetn(aresetn),
    .s_axis_tvalid(logit_valid),
    .s_axis_tready(logit_ready),
    .s_axis_tdata(logit),
    .s_axis_tkeep(1'b1),
    .s_axis_tlast(logit_last),
    .s_axis_tuser({3'd0, sample, stage}),
    .m_axis_tvalid(decided),
    .m_axis_tready(1'b1),
    .m_axis_tdata(decision),
    .m_axis_tkeep(unused_keep),
    .m_axis_tlast(unused_last),
    .m_axis_tuser(decision_user),
    .s_axil_awvalid(unit_awvalid),
    .s_axil_awready(unit_awready),
    .s_axil_awaddr(unit_awaddr),
    .s_axil_awprot(3'b000),
    .s_axil_wvalid(unit_wvalid),
    .s_axil_wready(unit_wready),
    .s_axil_wdata(unit_wdata),
    .s_axil_wstrb(unit_wstrb),
    .s_axil_bvalid(unit_bvalid),
    .s_axil_bready(unit_bready),
    .s_axil_bresp(unit_bresp),
    .s_axil_arvalid(unit_arvalid),
    .s_axil_arready(unit_arready),
    .s_axil_araddr(unit_araddr),
    .s_axil_arprot(3'b000),
    .s_axil_rvalid(unit_rvalid),
    .s_axil_rready(unit_rready),
    .s_axil_rdata(unit_rdata),
    .s_axil_rresp(unit_rresp)
  );

  own_bus bus (
    .aclk(aclk),
    .aresetn(aresetn),
    .s_axil_awvalid(s_axil_awvalid),
    .s_axil_awready(s_axil_awready),
    .s_axil_awaddr(s_axil_awaddr),
    .s_axil_wvalid(s_axil_wvalid),
    .s_axil_wready(s_axil_wready),
    .s_axil_wdata(s_axil_wdata),
    .s_axil_wstrb(s_axil_wstrb),
    .s_axil_bvalid(s_axil_bvalid),
    .s_axil_bready(s_axil_bready),
    .s_axil_bresp(s_axil_bresp),
    .s_axil_arvalid(s_axil_arvalid),
    .s_axil_arready(s_axil_arready),
    .s_axil_araddr(s_axil_araddr),
    .s_axil_rvalid(s_axil_rvalid),
    .s_axil_rready(s_axil_rready),
    .s_axil_rdata(s_axil_rdata),
    .s_axil_rresp(s_axil_rresp),
    .unit_awvalid(unit_awvalid),
    .unit_awready(unit_awready),
    .unit_awaddr(unit_awaddr),
    .unit_wvalid(unit_wvalid),
    .unit_wready(unit_wready),
    .unit_wdata(unit_wdata),
    .unit_wstrb(unit_wstrb),
    .unit_bvalid(unit_bvalid),
    .unit_bready(unit_bready),
    .unit_bresp(unit_bresp),
    .unit_arvalid(unit_arvalid),
    .unit_arready(unit_arready),
    .unit_araddr(unit_araddr),
    .unit_rvalid(unit_rvalid),
    .unit_rready(unit_rready),
    .unit_rdata(unit_rdata),
    .unit_rresp(unit_rresp),
    .own_write(own_write),
    .own_read_address(own_read_address),
    .own_read_legal(own_read_legal),
    .own_read_data(own_read_data)
  );
endmodule
