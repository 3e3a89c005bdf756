"""Put registers behind a block RAM of ECP5 into the block, which has registers of its own.

Without them a block takes 5.8 ns to answer, which leaves little for the way to a register; no
synthesizer that is open finds them. The netlist computes what it did: a flip-flop that is clocked
with the block, without enable and reset, goes where the block has the same.
"""

from collections import defaultdict
from typing import Any

from .netlist import Cell

__all__ = ["use_block_registers"]

BLOCK, FLIP_FLOP = "DP16KD", "TRELLIS_FF"
PORTS = ("A", "B")
PORT_BITS = 18


def use_block_registers(module: dict[str, Any]) -> int:
    """Change a flat module of a netlist in place; return how many flip-flops went.

    Parameters
    ----------
    module : dict
        One of ``modules`` in what Yosys's ``write_json`` writes.
    """
    cells: dict[str, Cell] = module["cells"]
    readers: dict[int | str, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    readers[bit].append((name, port))
    for port in module["ports"].values():
        for bit in port["bits"]:
            readers[bit].append(("", ""))

    gone = 0
    for block in [cell for cell in cells.values() if cell["type"] == BLOCK]:
        if int(block["parameters"]["DATA_WIDTH_B"], 2) > PORT_BITS:
            continue  # wide words lie in both ports, under the controls of either
        for port in PORTS:
            registers = _registers(cells, readers, block, port)
            for output, name in registers.items():
                block["connections"][output] = cells.pop(name)["connections"]["Q"]
                gone += 1
            if registers:
                block["parameters"][f"REGMODE_{port}"] = "OUTREG"
    return gone


def _registers(
    cells: dict[str, Cell],
    readers: dict[int | str, list[tuple[str, str]]],
    block: Cell,
    port: str,
) -> dict[str, str]:
    """Return the flip-flop behind each output of a port that is read; none if one has no such."""
    lines = block["connections"]
    if lines[f"OCE{port}"] != ["1"] or lines[f"RST{port}"] != ["0"]:
        return {}
    registers = {}
    for place in range(PORT_BITS):
        output = f"DO{port}{place}"
        behind = readers[lines[output][0]] if lines.get(output) else []
        if not behind:
            continue
        name, pin = behind[0]
        if len(behind) > 1 or pin != "DI" or not _is_plain(cells[name], lines[f"CLK{port}"]):
            return {}
        registers[output] = name
    return registers


def _is_plain(cell: Cell, clock: list[int | str]) -> bool:
    """Tell whether a cell is a flip-flop of a clock that does nothing but take its input."""
    parameters, lines = cell["parameters"], cell["connections"]
    return bool(
        cell["type"] == FLIP_FLOP
        and lines["CLK"] == clock
        and parameters["CLKMUX"] == "CLK"
        and parameters["CEMUX"].strip() == "1"
        and parameters["LSRMUX"] == "LSR"
        and lines.get("LSR", ["0"]) == ["0"]
        and parameters["REGSET"] == "RESET"
    )
