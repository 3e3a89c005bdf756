  // a write at a time
  reg awvalid = 1'b0;
  reg wvalid = 1'b0;
  reg writing = 1'b0;
  wire awready, wready, bvalid;
  wire [1:0] bresp;
  assign set_done = writing && bvalid;
  always @(posedge clk) begin
    if (awready) awvalid <= 1'b0;
    if (wready) wvalid <= 1'b0;
    if (bvalid) begin
      if (bresp !== 2'b00) fail("a legal write is refused");
      writing <= 1'b0;
    end
    if (rst) begin
      awvalid <= 1'b0;
      wvalid <= 1'b0;
      writing <= 1'b0;
    end else if (set && !writing) begin
      awvalid <= 1'b1;
      wvalid <= 1'b1;
      writing <= 1'b1;
    end
  end

  wire [7:0] m_axis_tkeep;
  wire m_axis_tlast;
  always @(posedge clk)
    if (running && o_valid && (m_axis_tlast !== 1'b1 || !(&m_axis_tkeep)))
      fail("a result is not one whole beat");

  wire arready, rvalid;
  wire [31:0] rdata;
  wire [1:0] rresp;

  @NAME@ dut (
    .aclk(clk),
    .aresetn(!rst),
    .s_axis_tvalid(i_valid),
    .s_axis_tready(i_ready),
    .s_axis_tdata(i_data),
    .s_axis_tkeep(4'b1111),
    .s_axis_tlast(i_last),
    .m_axis_tvalid(o_valid),
    .m_axis_tready(o_ready),
    .m_axis_tdata(o_word),
    .m_axis_tkeep(m_axis_tkeep),
    .m_axis_tlast(m_axis_tlast),
    .s_axil_awvalid(awvalid),
    .s_axil_awready(awready),
    .s_axil_awaddr(set_address),
    .s_axil_awprot(3'b000),
    .s_axil_wvalid(wvalid),
    .s_axil_wready(wready),
    .s_axil_wdata(set_word),
    .s_axil_wstrb(4'b1111),
    .s_axil_bvalid(bvalid),
    .s_axil_bready(1'b1),
    .s_axil_bresp(bresp),
    .s_axil_arvalid(1'b0),
    .s_axil_arready(arready),
    .s_axil_araddr(12'd0),
    .s_axil_arprot(3'b000),
    .s_axil_rvalid(rvalid),
    .s_axil_rready(1'b1),
    .s_axil_rdata(rdata),
    .s_axil_rresp(rresp),
    .irq(trouble)
  );
