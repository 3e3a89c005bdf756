"""Benches in cocotb: modules that `offramp.rtl_sim.runner` runs inside a simulator."""

CLOCK_PERIOD_NS = 10
"""Clock period of all benches; simulated time, so it decides nothing."""
