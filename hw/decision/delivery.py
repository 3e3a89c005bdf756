"""The decision unit as Verilog for others' accelerators."""

from ...golden.spec.decision import DecisionConfig
from ..verilog import generate_verilog
from .unit import DecisionUnit

__all__ = ["MODULE_NAME", "decision_verilog"]

MODULE_NAME = "offramp_decision"
"""Name of the generated module."""


def decision_verilog(config: DecisionConfig) -> str:
    """Return the Verilog of the unit, with parameters and latency in its header."""
    facts = {
        **config.describe(),
        "latency": f"{DecisionUnit.latency} cycles from the last logit to the decision",
        "throughput": "one logit a cycle, no bubble between vectors",
    }
    return generate_verilog(DecisionUnit(config), MODULE_NAME, facts)
