  reg [THRESHOLD_BITS - 1:0] thresholds [0:N_EXITS - 1];
  assign set_done = 1'b1;
  always @(posedge clk) if (set) thresholds[set_exit] <= set_value;

  // it has no registers to be looked at
  task check_registers;
    begin
    end
  endtask

  @NAME@ dut (
@CONNECTIONS@
  );
