"""Put a LUT in front of every register of a Gowin netlist that has none.

A register there takes its input from the LUT beside it and from nowhere else. Where there is none
the router adds one that passes the signal on, but after placement and without its delay: whatever
leads through it is missing in the clock that the router reports. One that is in the netlist is
placed beside its register, and counted. The netlist computes what it did.
"""

from collections import defaultdict
from typing import Any

from .netlist import Cell

__all__ = ["feed_registers"]

PASSES_I3 = f"{0xFF00:016b}"
"""Content of a LUT4 whose output is its fastest input."""


def feed_registers(module: dict[str, Any]) -> int:
    """Change a flat module of a netlist in place; return how many LUTs were added.

    Parameters
    ----------
    module : dict
        One of ``modules`` in what Yosys's ``write_json`` writes.
    """
    cells: dict[str, Cell] = module["cells"]
    bits: set[int] = set()
    sources: dict[int, Cell] = {}
    users: dict[int, list[Cell]] = defaultdict(list)
    for cell in cells.values():
        for port, lines in cell["connections"].items():
            wires = [bit for bit in lines if isinstance(bit, int)]
            bits.update(wires)
            for bit in wires:
                if cell["port_directions"][port] == "output":
                    sources[bit] = cell
                else:
                    users[bit].append(cell)

    fed: set[int] = set()
    new: dict[str, Cell] = {}
    free = max(bits, default=1) + 1
    for name, cell in cells.items():
        if not cell["type"].startswith("DFF"):
            continue
        (bit,) = cell["connections"]["D"]
        if not isinstance(bit, int):
            continue  # a constant takes no time
        if bit not in fed and _stands_alone(sources.get(bit), users[bit]):
            fed.add(bit)
            continue
        new[f"{name}_input"] = {
            "hide_name": 0,
            "type": "LUT4",
            "parameters": {"INIT": PASSES_I3},
            "attributes": {},
            "port_directions": {"I3": "input", "F": "output"},
            "connections": {"I3": [bit], "F": [free]},
        }
        cell["connections"]["D"] = [free]
        free += 1
    cells |= new
    return len(new)


def _stands_alone(source: Cell | None, users: list[Cell]) -> bool:
    """Tell whether a signal comes from a LUT that can lie beside a register.

    Those that multiplexers join lie where these want them.
    """
    return (
        source is not None
        and source["type"].startswith("LUT")
        and not any(user["type"].startswith("MUX2") for user in users)
    )
