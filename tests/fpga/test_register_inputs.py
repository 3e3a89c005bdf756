"""Every register gets a LUT of its own in front of it, and no more than that."""

from typing import Any

import pytest

from offramp.fpga.register_inputs import feed_registers

CLOCK, SIGNAL, FIRST_Q = 2, 50, 100


def cell(kind: str, output: str = "", **lines: int | str) -> dict[str, Any]:
    """Return a cell whose port `output` is one."""
    return {
        "type": kind,
        "port_directions": {port: "output" if port == output else "input" for port in lines},
        "connections": {port: [bit] for port, bit in lines.items()},
    }


def registers(number: int, line: int | str = SIGNAL) -> dict[str, Any]:
    return {
        f"register_{place}": cell("DFFR", "Q", D=line, CLK=CLOCK, Q=FIRST_Q + place)
        for place in range(number)
    }


def sources_of(cells: dict[str, Any]) -> list[str]:
    """Return the name of the LUT in front of each register."""
    lut_of = {c["connections"]["F"][0]: n for n, c in cells.items() if c["type"].startswith("LUT")}
    lines = [c["connections"]["D"][0] for c in cells.values() if c["type"].startswith("DFF")]
    return [lut_of[line] for line in lines]


@pytest.mark.parametrize(
    "source",
    [cell("DFFE", "Q", Q=SIGNAL), cell("ALU", "SUM", SUM=SIGNAL), cell("DPB", "DOA", DOA=SIGNAL)],
)
def test_register_behind_anything_but_a_lut_gets_one_that_passes_on(source: dict[str, Any]) -> None:
    source["connections"].setdefault("D", ["0"])
    source["port_directions"].setdefault("D", "input")
    cells = {"source": source, **registers(2)}
    assert feed_registers({"cells": cells}) == 2
    for place in range(2):
        added = cells[f"register_{place}_input"]
        assert added["connections"]["I3"] == [SIGNAL]
        assert added["connections"]["F"] == cells[f"register_{place}"]["connections"]["D"]
        # 1 wherever the highest of four inputs is
        assert int(added["parameters"]["INIT"], 2) == 0xFF00
    outputs = [bit for c in cells.values() for bit in c["connections"].get("F", [])]
    assert len(set(outputs)) == len(outputs)


def test_lut_lies_beside_the_first_of_its_registers() -> None:
    cells = {"lut": cell("LUT3", "F", I0=3, I1=4, I2=5, F=SIGNAL), **registers(3)}
    assert feed_registers({"cells": cells}) == 2
    assert sources_of(cells) == ["lut", "register_1_input", "register_2_input"]


def test_lut_of_a_multiplexer_is_not_free() -> None:
    cells = {
        "lut": cell("LUT4", "F", I0=3, F=SIGNAL),
        "mux": cell("MUX2_LUT5", "O", I0=SIGNAL, I1=6, S0=7, O=8),
        **registers(1),
    }
    assert feed_registers({"cells": cells}) == 1
    assert sources_of(cells) == ["register_0_input"]


def test_constant_is_left() -> None:
    cells = registers(1, "1")
    assert feed_registers({"cells": cells}) == 0
    assert list(cells) == ["register_0"]
