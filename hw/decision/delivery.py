"""The decision unit as Verilog for others' accelerators, bare or with buses."""

from dataclasses import dataclass

from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_streams import check_bus_config
from ...golden.spec.decision_text import C_HEADER_NAME, c_header, registers_document
from ..verilog import AXI_CLOCK, generate_verilog
from .axi import AxiDecisionUnit, axi_members
from .composite import create_unit
from .timing import latency_text, throughput_text

__all__ = [
    "AXI_MODULE_NAME",
    "C_HEADER_NAME",
    "MODULE_NAME",
    "PortDescription",
    "axi_decision_verilog",
    "axi_ports",
    "c_header",
    "decision_verilog",
    "registers_document",
]

MODULE_NAME = "offramp_decision"
"""Name of the generated module."""

AXI_MODULE_NAME = "offramp_decision_axi"
"""Name of the generated module with buses."""


def decision_verilog(config: DecisionConfig) -> str:
    """Return the Verilog of the unit, with parameters and latency in its header."""
    unit = create_unit(config)
    facts = {
        **config.describe(),
        "criteria": ", ".join(config.criteria),
        "latency": latency_text(config, unit, "logit"),
        "throughput": throughput_text(config),
    }
    return generate_verilog(unit, MODULE_NAME, facts)


def axi_decision_verilog(config: DecisionConfig) -> str:
    """Return the Verilog of the unit with AXI4-Stream and AXI4-Lite, named as AXI names ports.

    Raises
    ------
    ValueError
        The configuration does not fit the buses.
    """
    unit = AxiDecisionUnit(check_bus_config(config))
    facts = {
        **config.describe(),
        "criteria": ", ".join(config.criteria),
        "latency": latency_text(config, unit, "beat"),
        "throughput": throughput_text(config, buses=True),
        "registers": f"see {C_HEADER_NAME}",
    }
    return generate_verilog(unit, AXI_MODULE_NAME, facts, AXI_CLOCK)


@dataclass(frozen=True)
class PortDescription:
    """A port of the module with buses: name, direction (input, output), bits and meaning."""

    name: str
    direction: str
    width: int
    text: str


# no prefix but the right one fits a port, so their order decides nothing
_CHANNELS = {
    "s_axis_t": "logits",
    "m_axis_t": "decisions",
    "s_axil_aw": "registers, write address",
    "s_axil_w": "registers, write data",
    "s_axil_b": "registers, write response",
    "s_axil_ar": "registers, read address",
    "s_axil_r": "registers, read data",
}

_SIGNALS = {
    "data": "data",
    "keep": "bytes that are there, all of them",
    "last": "end of the packet",
    "user": "exit index and tag",
    "addr": "byte address",
    "prot": "ignored",
    "strb": "bytes to be written, all of them",
    "resp": "OKAY or SLVERR",
    "valid": "the transmitter offers the others",
    "ready": "the receiver takes them",
}


def axi_ports(config: DecisionConfig) -> tuple[PortDescription, ...]:
    """Return the ports of the module with buses, clock and reset first."""
    ports = [
        PortDescription(AXI_CLOCK.clock, "input", 1, "clock, rising edge"),
        PortDescription(AXI_CLOCK.reset, "input", 1, "reset, active low, synchronous"),
    ]
    for path, member in wiring.Signature(axi_members(config)).members.flatten():
        if member.is_signature:
            continue
        name = "_".join(path)
        channel = next(channel for channel in _CHANNELS if name.startswith(channel))
        text = f"{_CHANNELS[channel]}: {_SIGNALS[name.removeprefix(channel)]}"
        if name == "s_axis_tkeep" and config.lanes > 1:
            text += "; of a last beat those of its logits, from the lowest on"
        direction = "input" if member.flow is In else "output"
        ports.append(PortDescription(name, direction, Shape.cast(member.shape).width, text))
    return tuple(ports)
