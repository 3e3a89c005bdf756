"""Benches in plain Verilog that need neither Python nor cocotb: for those who take the Verilog."""

from .bench import N_ROUNDS, axi_decision_bench, bench_name, decision_bench
from .vectors import N_LINES, VectorFile, vector_file

__all__ = [
    "N_LINES",
    "N_ROUNDS",
    "VectorFile",
    "axi_decision_bench",
    "bench_name",
    "decision_bench",
    "vector_file",
]
