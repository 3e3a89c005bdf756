// own_bus: AXI4-Lite of a processor, split in two. Addresses with bit 12 at 0 go to the exit decision
// unit, the others to registers of the accelerator itself. One write and one read are under way at a
// time; nothing is assumed of the unit but what AXI4-Lite says.

module own_bus (
  input aclk,
  input aresetn,

  // from the processor
  input s_axil_awvalid,
  output s_axil_awready,
  input [12:0] s_axil_awaddr,
  input s_axil_wvalid,
  output s_axil_wready,
  input [31:0] s_axil_wdata,
  input [3:0] s_axil_wstrb,
  output reg s_axil_bvalid,
  input s_axil_bready,
  output reg [1:0] s_axil_bresp,
  input s_axil_arvalid,
  output s_axil_arready,
  input [12:0] s_axil_araddr,
  output reg s_axil_rvalid,
  input s_axil_rready,
  output reg [31:0] s_axil_rdata,
  output reg [1:0] s_axil_rresp,

  // to the decision unit
  output reg unit_awvalid,
  input unit_awready,
  output reg [11:0] unit_awaddr,
  output reg unit_wvalid,
  input unit_wready,
  output reg [31:0] unit_wdata,
  output reg [3:0] unit_wstrb,
  input unit_bvalid,
  output unit_bready,
  input [1:0] unit_bresp,
  output reg unit_arvalid,
  input unit_arready,
  output reg [11:0] unit_araddr,
  input unit_rvalid,
  output unit_rready,
  input [31:0] unit_rdata,
  input [1:0] unit_rresp,

  // to own registers: a write is done in the cycle in which it is asked for
  output own_write,
  output [11:0] own_read_address,
  input own_read_legal,
  input [31:0] own_read_data
);
  // -- writes: taken when address and data are there ----------------------------------------------

  reg writing;
  wire accept = s_axil_awvalid && s_axil_wvalid && !writing && !s_axil_bvalid;
  assign s_axil_awready = accept;
  assign s_axil_wready = accept;
  // the accelerator has one register that is written, at offset 0
  wire own = s_axil_awaddr[12];
  wire legal = s_axil_awaddr[11:0] == 12'h000 && &s_axil_wstrb;
  assign own_write = accept && own && legal;
  assign unit_bready = writing;

  always @(posedge aclk) begin
    if (unit_awready) unit_awvalid <= 1'b0;
    if (unit_wready) unit_wvalid <= 1'b0;
    if (s_axil_bready) s_axil_bvalid <= 1'b0;
    if (accept) begin
      unit_awaddr <= s_axil_awaddr[11:0];
      unit_wdata <= s_axil_wdata;
      unit_wstrb <= s_axil_wstrb;
      unit_awvalid <= !own;
      unit_wvalid <= !own;
      writing <= !own;
      s_axil_bvalid <= own;
      s_axil_bresp <= legal ? 2'b00 : 2'b10;
    end
    if (writing && unit_bvalid) begin
      writing <= 1'b0;
      s_axil_bvalid <= 1'b1;
      s_axil_bresp <= unit_bresp;
    end
    if (!aresetn) begin
      writing <= 1'b0;
      unit_awvalid <= 1'b0;
      unit_wvalid <= 1'b0;
      s_axil_bvalid <= 1'b0;
    end
  end

  // -- reads --------------------------------------------------------------------------------------

  reg reading;
  wire take = s_axil_arvalid && !reading && !s_axil_rvalid;
  assign s_axil_arready = take;
  assign own_read_address = s_axil_araddr[11:0];
  assign unit_rready = reading;

  always @(posedge aclk) begin
    if (unit_arready) unit_arvalid <= 1'b0;
    if (s_axil_rready) s_axil_rvalid <= 1'b0;
    if (take) begin
      unit_araddr <= s_axil_araddr[11:0];
      unit_arvalid <= !s_axil_araddr[12];
      reading <= !s_axil_araddr[12];
      s_axil_rvalid <= s_axil_araddr[12];
      s_axil_rdata <= own_read_data;
      s_axil_rresp <= own_read_legal ? 2'b00 : 2'b10;
    end
    if (reading && unit_rvalid) begin
      reading <= 1'b0;
      s_axil_rvalid <= 1'b1;
      s_axil_rdata <= unit_rdata;
      s_axil_rresp <= unit_rresp;
    end
    if (!aresetn) begin
      reading <= 1'b0;
      unit_arvalid <= 1'b0;
      s_axil_rvalid <= 1'b0;
    end
  end
endmodule
