  localparam [31:0] CONTROL = @CONTROL@, SEEN = @SEEN@, EXITED = @EXITED@, STRIDE = @STRIDE@;

  // of exit 0
  function [31:0] set_address(input [3:0] kind);
    case (kind)
@SET_ADDRESSES@
      default: set_address = 32'hxxxxxxxx;
    endcase
  endfunction

  // the criterion shares its register with the enable
  wire [31:0] set_word = set_kind == 4'd@CRITERION@ ?
      {21'd0, set_value[2:0], 8'd1} :
      {{32 - SCORE_BITS{set_value[SCORE_BITS - 1]}}, set_value[SCORE_BITS - 1:0]};

  // a write at a time: after a reset the unit is enabled, then settings are written
  reg enabled = 1'b0;
  reg writing = 1'b0;
  reg awvalid = 1'b0;
  reg wvalid = 1'b0;
  reg [31:0] awaddr;
  reg [31:0] wdata;
  wire awready, wready, bvalid;
  wire [1:0] bresp;
  assign set_done = enabled && bvalid;
  always @(posedge clk) begin
    if (awready) awvalid <= 1'b0;
    if (wready) wvalid <= 1'b0;
    if (bvalid) begin
      if (bresp !== 2'b00) fail("a legal write is refused");
      enabled <= 1'b1;
      writing <= 1'b0;
    end
    if (rst) begin
      enabled <= 1'b0;
      writing <= 1'b0;
      awvalid <= 1'b0;
      wvalid <= 1'b0;
    end else if (!writing && (set || !enabled)) begin
      awaddr <= enabled ? set_address(set_kind) + STRIDE * set_exit : CONTROL;
      wdata <= enabled ? set_word : 32'd1;
      writing <= 1'b1;
      awvalid <= 1'b1;
      wvalid <= 1'b1;
    end
  end

  reg read = 1'b0;         // for a cycle, to begin
  reg read_done = 1'b0;
  reg [31:0] read_word;
  reg [1:0] read_response;
  reg arvalid = 1'b0;
  reg [31:0] araddr;
  wire arready, rvalid;
  wire [31:0] rdata;
  wire [1:0] rresp;
  always @(posedge clk) begin
    if (arready) arvalid <= 1'b0;
    if (read) arvalid <= 1'b1;
    read_done <= rvalid;
    read_word <= rdata;
    read_response <= rresp;
  end

  task check_register(input [31:0] address, input [31:0] value);
    begin
      araddr = address;
      read = 1'b1;
      @(negedge clk);
      read = 1'b0;
      while (!read_done) @(negedge clk);
      if (read_response !== 2'b00) fail("a legal read is refused");
      if (read_word !== value) fail("a counter is wrong");
    end
  endtask

  integer n_seen [0:N_EXITS - 1];
  integer n_exited [0:N_EXITS - 1];
  integer k;
  task check_registers;
    begin
      for (k = 0; k < N_EXITS; k = k + 1) begin
        n_seen[k] = 0;
        n_exited[k] = 0;
      end
      for (k = 0; k < N_LINES; k = k + 1)
        if (lines[k][KIND_AT +: 4] == LAST) begin
          n_seen[lines[k][EXIT_INDEX_AT +: EXIT_INDEX_BITS]] =
              n_seen[lines[k][EXIT_INDEX_AT +: EXIT_INDEX_BITS]] + 1;
          if (lines[k][EXIT_AT])
            n_exited[lines[k][EXIT_INDEX_AT +: EXIT_INDEX_BITS]] =
                n_exited[lines[k][EXIT_INDEX_AT +: EXIT_INDEX_BITS]] + 1;
        end
      for (k = 0; k < N_EXITS; k = k + 1) begin
        check_register(SEEN + STRIDE * k, n_seen[k]);
        check_register(EXITED + STRIDE * k, n_exited[k]);
      end
    end
  endtask

@LOGITS@
  wire [@TDATA_OUT_BITS@ - 1:0] m_axis_tdata;
  wire [@TUSER_BITS@ - 1:0] m_axis_tuser;
  wire [@TDATA_OUT_BITS@ / 8 - 1:0] m_axis_tkeep;
  wire m_axis_tlast;
@ASSIGNMENTS@
  always @(posedge clk)
    if (checking && o_valid) begin
      if (m_axis_tlast !== 1'b1 || !(&m_axis_tkeep)) fail("a decision is not one whole beat");
      if (m_axis_tdata[2:1] !== 2'b00) fail("a legal vector is in error, or forced");
    end

  @NAME@ dut (
    .aclk(clk),
    .aresetn(!rst),
    .s_axis_tvalid(i_valid),
    .s_axis_tready(i_ready),
    .s_axis_tdata(s_axis_tdata),
    .s_axis_tkeep(@TKEEP@),
    .s_axis_tlast(i_last),
    .s_axis_tuser({@TUSER@}),
    .m_axis_tvalid(o_valid),
    .m_axis_tready(o_ready),
    .m_axis_tdata(m_axis_tdata),
    .m_axis_tkeep(m_axis_tkeep),
    .m_axis_tlast(m_axis_tlast),
    .m_axis_tuser(m_axis_tuser),
    .s_axil_awvalid(awvalid),
    .s_axil_awready(awready),
    .s_axil_awaddr(awaddr[@ADDRESS_BITS@ - 1:0]),
    .s_axil_awprot(3'b000),
    .s_axil_wvalid(wvalid),
    .s_axil_wready(wready),
    .s_axil_wdata(wdata),
    .s_axil_wstrb(4'b1111),
    .s_axil_bvalid(bvalid),
    .s_axil_bready(1'b1),
    .s_axil_bresp(bresp),
    .s_axil_arvalid(arvalid),
    .s_axil_arready(arready),
    .s_axil_araddr(araddr[@ADDRESS_BITS@ - 1:0]),
    .s_axil_arprot(3'b000),
    .s_axil_rvalid(rvalid),
    .s_axil_rready(1'b1),
    .s_axil_rdata(rdata),
    .s_axil_rresp(rresp)
  );
