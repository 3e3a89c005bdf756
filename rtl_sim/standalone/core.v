@REGISTERS@
  assign set_done = 1'b1;
  always @(posedge clk)
    if (set) case (set_kind)
@SETTINGS@
      default: fail("a setting is unknown");
    endcase

  // it has no registers to be looked at
  task check_registers;
    begin
    end
  endtask

  @NAME@ dut (
@CONNECTIONS@
  );
