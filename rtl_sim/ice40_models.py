"""Models of the blocks of iCE40 that the engine instantiates, as Yosys comes with them."""

from .cell_models import with_models, yosys_models

__all__ = ["with_ice40_models"]

BLOCKS = ("SB_MAC16", "SB_SPRAM256KA")


def with_ice40_models(verilog: str) -> str:
    """Return a design with the models of the blocks in front of it.

    They are clocked by rising edges alone: an emulator must be built for those (`waveform`).
    """
    return with_models(yosys_models("ice40/cells_sim.v", BLOCKS), verilog)
