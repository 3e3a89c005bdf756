"""Simulation of the generated Verilog: cocotb benches and the fast emulator."""
