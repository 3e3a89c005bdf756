"""The engine as Verilog."""

from ...golden.spec.engine import EngineConfig
from ..verilog import generate_verilog
from .engine import Engine

__all__ = ["MODULE_NAME", "engine_verilog"]

MODULE_NAME = "offramp_accelerator"
"""Name of the generated module."""


def engine_verilog(config: EngineConfig, family: str = "generic") -> str:
    """Return the Verilog of the engine for a family of devices, see `Engine`."""
    return generate_verilog(Engine(config, family), MODULE_NAME, config.describe())
