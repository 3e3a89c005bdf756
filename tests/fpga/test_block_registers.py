"""Registers behind a block RAM go into it where it does the same, and nowhere else."""

from copy import deepcopy
from typing import Any

import pytest

from offramp.fpga.block_registers import use_block_registers

CLOCK, FIRST_OUT, FIRST_Q = 2, 100, 200


def flip_flop(place: int, **changes: Any) -> dict[str, Any]:
    """Return a flip-flop behind output `place` as Yosys writes it."""
    cell = {
        "type": "TRELLIS_FF",
        "parameters": {
            "CEMUX": "1 ", "CLKMUX": "CLK", "GSR": "DISABLED", "LSRMUX": "LSR", "REGSET": "RESET",
        },
        "port_directions": {"CLK": "input", "DI": "input", "LSR": "input", "Q": "output"},
        "connections": {
            "CLK": [CLOCK], "DI": [FIRST_OUT + place], "LSR": ["0"], "Q": [FIRST_Q + place],
        },
    }  # fmt: skip
    for name, value in changes.items():
        cell["parameters" if name in cell["parameters"] else "connections"][name] = value
        cell["port_directions"].setdefault(name, "input")
    return cell


def netlist(width: int = 18, used: int = 3, **changes: Any) -> dict[str, Any]:
    """Return a module with a block RAM whose port B is read, a register behind each bit."""
    words = f"{width:032b}"
    block = {
        "type": "DP16KD",
        "parameters": {
            "DATA_WIDTH_A": words, "DATA_WIDTH_B": words, "REGMODE_A": "NOREG",
            "REGMODE_B": "NOREG",
        },
        "connections": {
            "CLKA": [CLOCK], "CLKB": [CLOCK], "OCEA": ["1"], "OCEB": ["1"], "RSTA": ["0"],
            "RSTB": ["0"], **{f"DOB{place}": [FIRST_OUT + place] for place in range(18)},
        },
    }  # fmt: skip
    block["port_directions"] = {
        name: "output" if name.startswith("DO") else "input" for name in block["connections"]
    }
    cells = {f"register_{place}": flip_flop(place) for place in range(used - 1)}
    cells["last"] = flip_flop(used - 1, **changes)
    ports = {"out": {"direction": "output", "bits": [FIRST_Q + place for place in range(used)]}}
    return {"ports": ports, "cells": {"block": block, **cells}}


def test_registers_go_into_the_block() -> None:
    module = netlist()
    assert use_block_registers(module) == 3
    assert list(module["cells"]) == ["block"]
    block = module["cells"]["block"]
    assert (block["parameters"]["REGMODE_A"], block["parameters"]["REGMODE_B"]) == (
        "NOREG",
        "OUTREG",
    )
    outputs = [block["connections"][f"DOB{place}"] for place in range(4)]
    assert outputs == [[FIRST_Q], [FIRST_Q + 1], [FIRST_Q + 2], [FIRST_OUT + 3]]


@pytest.mark.parametrize(
    "changes",
    [
        {"CE": [7], "CEMUX": "CE"},
        {"LSR": [7]},
        {"CLK": [9]},
        {"REGSET": "SET"},
        {"CLKMUX": "INV"},
        {"LSRMUX": "INV"},
    ],
)
def test_other_registers_stay_all_of_the_port(changes: dict[str, Any]) -> None:
    module = netlist(**changes)
    before = deepcopy(module)
    assert use_block_registers(module) == 0
    assert module == before


def test_outputs_that_something_else_reads_stay() -> None:
    for reader in (netlist(), netlist()):
        reader["ports"]["out"]["bits"].append(FIRST_OUT)
        assert use_block_registers(reader) == 0
    beside = netlist()
    beside["cells"]["other"] = flip_flop(1)
    assert use_block_registers(beside) == 0


def test_words_of_two_ports_stay() -> None:
    assert use_block_registers(netlist(width=36)) == 0


def test_blocks_with_a_reset_or_an_enable_of_their_registers_stay() -> None:
    for pin, bit in (("RSTB", 7), ("OCEB", 7)):
        module = netlist()
        module["cells"]["block"]["connections"][pin] = [bit]
        assert use_block_registers(module) == 0
