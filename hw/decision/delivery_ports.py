"""What the ports of the decision unit mean, and what it promises about time."""

from amaranth.hdl import Fragment
from amaranth.lib import wiring

from ...golden.spec.bounds import any_threshold_bounds, gate_bias_bounds
from ...golden.spec.criteria import Criterion
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_registers import rule_fields
from ...golden.spec.decision_streams import samples_with_last
from ...golden.spec.rules import ExitRule
from ..verilog import FlatPorts
from .axi import AxiDecisionUnit
from .composite import create_unit
from .delivery import PortDescription
from .settings import REGISTER_OF_SETTING
from .timing import latency_of, latency_text

__all__ = [
    "axi_decision_latency",
    "axi_decision_latency_text",
    "decision_latency",
    "decision_latency_text",
    "decision_ports",
    "port_values",
]

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


_SETTINGS = {
    "threshold": "threshold of exit {exit}, {low} to {high}",
    "selection": "what exit {exit} decides by: {codes}",
    "offset": "what the gate of exit {exit} adds, {offset_low} to {offset_high}",
    "weight": "what the gate of exit {exit} multiplies the {score} by",
}


def decision_ports(config: DecisionConfig) -> tuple[PortDescription, ...]:
    """Return the ports of the unit without buses, clock and reset first."""
    meanings = {
        **_MEANINGS,
        "i_logit": f"the logit, class 0 first; one LSB is 1/{1 << config.fraction_bits} octave",
        "i_logits": f"the next {config.lanes} logits, each signed, the lowest class in the lowest "
        f"bits; one LSB is 1/{1 << config.fraction_bits} octave",
        "i_keep": "with the last beat: which lanes hold logits, from lane 0 on without a gap",
        "o_score": f"score of {' or '.join(config.criteria)}",
    }
    if config.criteria == (Criterion.CONFIDENCE,):
        meanings["o_score"] = _MEANINGS["o_score"]
    if config.lanes > 1:
        meanings["i_valid"] = meanings["i_valid"].replace("a logit is", "logits are")
        meanings["i_ready"] = meanings["i_ready"].replace("the logit is", "the logits are")
        meanings["i_last"] = "they are the last of their vector, which has 2 to `classes` logits"
    ports = [PortDescription(name, "input", 1, meanings[name]) for name in ("clk", "rst")]
    flat = FlatPorts(create_unit(config))
    # Amaranth warns of components that are never elaborated
    Fragment.get(flat, None)
    for port in flat.ports:
        sign = "signed; " if port.signed and port.width > 1 else ""
        meaning = meanings.get(port.name) or _setting_text(config, port.name)
        text = f"{sign}{meaning}"
        ports.append(PortDescription(port.name, port.direction, port.width, text))
    return tuple(ports)


def _setting_text(config: DecisionConfig, port: str) -> str:
    """Return the meaning of a port named ``<setting>_<exit>`` or ``weight_<exit>_<score>``."""
    setting, number, *score = port.split("_")
    values = {"exit": number, "score": "".join(score)}
    values["low"], values["high"] = map(str, any_threshold_bounds(config))
    values["codes"] = ", ".join(f"{Criterion(name).code} {name}" for name in config.criteria)
    if Criterion.GATE in config.criteria:
        low, high = gate_bias_bounds(config)
        values |= {"offset_low": str(low), "offset_high": str(high)}
    if config.lanes > 1:
        when = "taken with the last beat"
    elif samples_with_last(config):
        when = "sampled in the cycle after the last logit, later while a decision waits"
    else:
        when = "constant while a vector of the exit is inside"
    return f"{_SETTINGS[setting].format(**values)}; {when}"


def port_values(config: DecisionConfig, exit_index: int, rule: ExitRule) -> dict[str, int]:
    """Return what the ports of the settings must be for an exit to decide by a rule."""
    settings = {place: setting for setting, place in REGISTER_OF_SETTING.items()}
    values = {}
    for register, field, value in rule_fields(config, rule):
        # a weight's port has the exit before the score
        stem, _, score = settings[register, field].partition("_")
        values[f"{stem}_{exit_index}_{score}" if score else f"{stem}_{exit_index}"] = value
    return values


def decision_latency(config: DecisionConfig) -> int:
    """Return the cycles from the last logit to the decision, of two logits, without a gate."""
    return _latency(create_unit(config))


def axi_decision_latency(config: DecisionConfig) -> int:
    """Return the cycles from the last beat to the decision, as above, with buses."""
    return _latency(AxiDecisionUnit(config))


def _latency(unit: wiring.Component) -> int:
    Fragment.get(unit, None)
    return int(latency_of(unit))


def decision_latency_text(config: DecisionConfig) -> str:
    """Return the latency of the unit, for any vector."""
    unit = create_unit(config)
    Fragment.get(unit, None)
    return latency_text(config, unit, "logit")


def axi_decision_latency_text(config: DecisionConfig) -> str:
    """Return the latency of the unit with buses, for any vector."""
    unit = AxiDecisionUnit(config)
    Fragment.get(unit, None)
    return latency_text(config, unit, "beat")
