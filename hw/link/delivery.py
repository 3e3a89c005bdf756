"""The engine behind a UART as Verilog."""

from ...golden.spec.engine import EngineConfig
from ...golden.spec.link import STALL_CYCLES, LinkConfig
from ..decision.delivery import PortDescription
from ..verilog import generate_verilog
from .link import Link
from .linked_engine import LinkedEngine

__all__ = [
    "LINK_MODULE_NAME",
    "MODULE_NAME",
    "link_verilog",
    "linked_engine_ports",
    "linked_engine_verilog",
]

MODULE_NAME = "offramp_accelerator_uart"
"""Name of the generated module."""

LINK_MODULE_NAME = "offramp_link"
"""Name of the module of the link without engine."""


def linked_engine_verilog(
    config: EngineConfig,
    link: LinkConfig,
    *,
    family: str = "generic",
    stall_cycles: int = STALL_CYCLES,
) -> str:
    """Return the Verilog of `LinkedEngine`; its parameters as there."""
    engine = LinkedEngine(
        config,
        clock_hz=link.clock_hz,
        baud=link.baud,
        build_hash=link.build_hash,
        family=family,
        buffer_bytes=link.buffer_bytes,
        result_slots=link.result_slots,
        stall_cycles=stall_cycles,
    )
    return generate_verilog(engine, MODULE_NAME, {**_facts(link), **config.describe()})


def link_verilog(link: LinkConfig, *, family: str = "generic") -> str:
    """Return the Verilog of `Link`: all but the engine."""
    return generate_verilog(Link(link, family=family), LINK_MODULE_NAME, _facts(link))


def _facts(link: LinkConfig) -> dict[str, object]:
    return {
        "clock_hz": link.clock_hz,
        "baud": link.baud,
        "buffer_bytes": link.buffer_bytes,
        "result_slots": link.result_slots,
        "build_hash": f"0x{link.build_hash:08x}",
    }


def linked_engine_ports() -> tuple[PortDescription, ...]:
    """Return the ports of `LinkedEngine`, the same for every configuration."""
    return (
        PortDescription("clk", "input", 1, "clock, rising edge"),
        PortDescription(
            "rst", "input", 1, "reset, active high, synchronous; memories keep what they hold"
        ),
        PortDescription("rx", "input", 1, "line from the host, 1 when idle; needs no clock"),
        PortDescription("tx", "output", 1, "line to the host"),
    )
