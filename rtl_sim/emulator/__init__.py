"""The fast emulator: the generated Verilog, compiled by Verilator into a shared library."""
