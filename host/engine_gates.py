"""The engine as synthesis leaves it for ECP5, in place of its RTL."""

from pathlib import Path

from ..fpga.gates import ecp5_gates
from ..golden.spec.engine import EngineConfig
from ..hw.engine.delivery import MODULE_NAME, engine_verilog
from ..rtl_sim.ecp5_models import with_ecp5_models
from ..rtl_sim.emulator.accelerator import EngineEmulator

__all__ = ["gate_emulator"]


def gate_emulator(config: EngineConfig, folder: Path) -> EngineEmulator:
    """Return the emulator of an engine's netlist.

    Parameters
    ----------
    config : EngineConfig
    folder : Path
        Gets the files of the synthesis.
    """
    netlist = ecp5_gates(engine_verilog(config, "ecp5"), MODULE_NAME, folder)
    return EngineEmulator(config, with_ecp5_models(netlist))
