"""Boards and builds with the open FPGA toolchains."""
