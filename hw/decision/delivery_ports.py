"""What the ports of the decision unit mean, and what it promises about time."""

from amaranth.hdl import Fragment

from ...golden.spec.decision import DecisionConfig
from ..verilog import FlatPorts
from .axi import AxiDecisionUnit
from .delivery import PortDescription
from .unit import DecisionUnit

__all__ = ["axi_decision_latency", "decision_latency", "decision_ports"]

_MEANINGS = {
    "clk": "clock, rising edge",
    "rst": "reset, active high, synchronous; at least one cycle",
    "i_valid": "a logit is offered; once high it stays, with all `i_` signals, until taken",
    "i_ready": "the logit is taken at this edge if `i_valid`",
    "i_last": "it is the last of its vector; a vector has 2 to `classes` logits",
    "i_exit_index": "the exit whose logits these are; taken with the last logit",
    "i_tag": "anything that tells the sample; taken with the last logit",
    "o_valid": "a decision is offered; it stays, with all `o_` signals, until taken",
    "o_ready": "the decision is taken at this edge if `o_valid`",
    "o_exit": "the exit is taken: the score reaches the threshold",
    "o_label": "index of the largest logit, the lowest of several",
    "o_score": "log-odds of the label in logit LSBs; the smallest value if the sum overflowed",
    "o_exit_index": "as given",
    "o_tag": "as given",
}


def decision_ports(config: DecisionConfig) -> tuple[PortDescription, ...]:
    """Return the ports of the unit without buses, clock and reset first."""
    meanings = {
        **_MEANINGS,
        "i_logit": f"the logit, class 0 first; one LSB is 1/{1 << config.fraction_bits} octave",
    }
    for k in range(config.n_exits):
        meanings[f"threshold_{k}"] = (
            f"threshold of exit {k}, {config.threshold_low} to {config.threshold_high}; "
            "sampled in the cycle after the last logit, later while a decision waits"
        )
    ports = [PortDescription(name, "input", 1, meanings[name]) for name in ("clk", "rst")]
    flat = FlatPorts(DecisionUnit(config))
    # Amaranth warns of components that are never elaborated
    Fragment.get(flat, None)
    for port in flat.ports:
        sign = "signed; " if port.signed and port.width > 1 else ""
        text = f"{sign}{meanings[port.name]}"
        ports.append(PortDescription(port.name, port.direction, port.width, text))
    return tuple(ports)


def decision_latency(config: DecisionConfig) -> int:
    """Return the cycles from the transfer of the last logit to the decision."""
    unit = DecisionUnit(config)
    Fragment.get(unit, None)
    return int(unit.latency)


def axi_decision_latency(config: DecisionConfig) -> int:
    """Return the cycles from the transfer of the last beat to the decision, with buses."""
    unit = AxiDecisionUnit(config)
    Fragment.get(unit, None)
    return int(unit.latency)
