"""Proofs about the RTL for all inputs, by induction, with Yosys and an SMT solver."""
