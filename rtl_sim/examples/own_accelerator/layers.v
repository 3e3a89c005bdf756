// layers: where your layers would be. Works on a stage of a sample for STAGE_CYCLES, then streams the
// logits of that stage's exit, one a beat. The logits are those of a real network, from a table.

module layers #(
  parameter integer STAGE_CYCLES = 200
) (
  input aclk,
  input aresetn,

  // begins with a pulse; sample and stage stay until the last logit is taken
  input start,
  input [4:0] sample,
  input [1:0] stage,

  output m_axis_tvalid,
  input m_axis_tready,
  output [7:0] m_axis_tdata,
  output m_axis_tlast
);
  localparam [3:0] LAST_CLASS = 4'd9;

  reg [15:0] wait_left;
  reg [3:0] class_index;
  reg sending;

  assign m_axis_tvalid = sending;
  assign m_axis_tlast = class_index == LAST_CLASS;

  own_accelerator_logits logits (
    .address({sample, stage, class_index}),
    .logit(m_axis_tdata)
  );

  always @(posedge aclk) begin
    if (wait_left != 16'd0) begin
      wait_left <= wait_left - 16'd1;
      sending <= wait_left == 16'd1;
    end
    if (m_axis_tvalid && m_axis_tready) begin
      class_index <= class_index + 4'd1;
      sending <= !m_axis_tlast;
    end
    if (start) begin
      wait_left <= STAGE_CYCLES[15:0];
      class_index <= 4'd0;
    end
    if (!aresetn) begin
      wait_left <= 16'd0;
      sending <= 1'b0;
    end
  end
endmodule
