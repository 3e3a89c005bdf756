"""The engine as Verilog, bare or with buses."""

from ...golden.spec.engine import EngineConfig
from ...golden.spec.engine_streams import check_engine_buses
from ..verilog import AXI_CLOCK, generate_verilog
from .axi import AxiEngine
from .engine import Engine

__all__ = ["AXI_MODULE_NAME", "MODULE_NAME", "axi_engine_verilog", "engine_verilog"]

MODULE_NAME = "offramp_accelerator"
"""Name of the generated module."""

AXI_MODULE_NAME = "offramp_accelerator_axi"
"""Name of the generated module with buses."""


def engine_verilog(config: EngineConfig, family: str = "generic") -> str:
    """Return the Verilog of the engine for a family of devices, see `Engine`."""
    return generate_verilog(Engine(config, family), MODULE_NAME, config.describe())


def axi_engine_verilog(config: EngineConfig, family: str = "generic") -> str:
    """Return the Verilog of the engine with AXI4-Stream and AXI4-Lite, named as AXI names ports.

    Raises
    ------
    ValueError
        The configuration does not fit the buses.
    """
    engine = AxiEngine(check_engine_buses(config), family)
    return generate_verilog(engine, AXI_MODULE_NAME, config.describe(), AXI_CLOCK)
