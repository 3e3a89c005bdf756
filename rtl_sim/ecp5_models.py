"""Models of the cells of ECP5 that netlists are made of.

Logic and carry are Yosys's. Block RAM and multiplier, of which it has no model, are in
``ecp5_blocks.v``, and the flip-flop, so that all cells are clocked as an emulator wants it.
"""

from importlib.resources import files

from .cell_models import with_models, yosys_models

__all__ = ["with_ecp5_models"]

MEMORY_PORTS = {"CE": "ce", "OCE": "oce", "WE": "we", "RST": "rst"}
REGISTERS = ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")


def with_ecp5_models(netlist: str) -> str:
    """Return a netlist with the models of its cells in front of it.

    Its cells have one clock and no asynchronous reset, and multipliers use all of their registers;
    what else they are told to be ends the compilation.
    """
    blocks = files(__package__).joinpath("ecp5_blocks.v").read_text()
    models = (
        yosys_models("ecp5/common_sim.vh", ("LUT4", "LUT2")),
        yosys_models("ecp5/ccu2c_sim.vh", ("CCU2C",)),
        blocks, _multiplier(), _memory(),
    )  # fmt: skip
    return with_models("".join(models), netlist)


def _bits(prefix: str, width: int) -> str:
    return ", ".join(f"{prefix}{bit}" for bit in reversed(range(width)))


def _multiplier() -> str:
    """Return MULT18X18D with a port for each bit around the model."""
    parameters = [f'    parameter REG_{name}_CLK = "NONE";' for name in REGISTERS]
    parameters += [f'    parameter REG_{name}_CE = "CE0";' for name in REGISTERS]
    parameters += [f'    parameter REG_{name}_RST = "RST0";' for name in REGISTERS]
    checks = " || ".join(f'REG_{name}_CLK != "CLK0"' for name in REGISTERS)
    return "\n".join(
        (
            "module MULT18X18D(",
            f"    input {_bits('A', 18)}, {_bits('B', 18)},",
            "    input CLK0, CE0, RST0, SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,",
            f"    output {_bits('P', 36)}",
            ");",
            *parameters,
            '    parameter GSR = "ENABLED";',
            '    parameter RESETMODE = "SYNC";',
            f'    generate if ({checks}) $error("MULT18X18D must have all registers"); endgenerate',
            "    offramp_mult18x18 block(",
            "        .clk(CLK0), .ce(CE0), .rst(RST0), .signed_a(SIGNEDA), .signed_b(SIGNEDB),",
            f"        .a({{{_bits('A', 18)}}}), .b({{{_bits('B', 18)}}}), .p({{{_bits('P', 36)}}})",
            "    );",
            "endmodule\n",
        )
    )


def _memory() -> str:
    """Return DP16KD with a port for each bit around the model."""
    ports, connections, parameters = [], [".clk(CLKA)"], []
    for side in "AB":
        names = [f"{name}{side}" for name in MEMORY_PORTS]
        ports.append(
            f"    input {_bits(f'DI{side}', 18)}, {_bits(f'AD{side}', 14)},\n"
            f"    input CLK{side}, {', '.join(names)}, {_bits(f'CS{side}', 3)},\n"
            f"    output {_bits(f'DO{side}', 18)}"
        )
        low = side.lower()
        connections += [f".{own}_{low}({name}{side})" for name, own in MEMORY_PORTS.items()]
        connections += [
            f".ad_{low}({{{_bits(f'AD{side}', 14)}}})",
            f".di_{low}({{{_bits(f'DI{side}', 18)}}})",
            f".do_{low}({{{_bits(f'DO{side}', 18)}}})",
        ]
        parameters += [
            f"    parameter DATA_WIDTH_{side} = 18;",
            f'    parameter REGMODE_{side} = "NOREG";',
            f'    parameter WRITEMODE_{side} = "NORMAL";',
            f'    parameter CSDECODE_{side} = "0b000";',
            f'    parameter CLK{side}MUX = "CLK{side}";',
        ]
    parameters += [f"    parameter [319:0] INITVAL_{line:02X} = 0;" for line in range(64)]
    zero = " | ".join(f"INITVAL_{line:02X}" for line in range(64))
    joined = ",\n".join
    return "\n".join(
        (
            "module DP16KD(",
            joined(ports),
            ");",
            *parameters,
            '    parameter GSR = "ENABLED";',
            '    parameter RESETMODE = "SYNC";',
            '    parameter ASYNC_RESET_RELEASE = "SYNC";',
            f'    generate if (({zero}) != 0) $error("DP16KD must begin at 0"); endgenerate',
            "    offramp_dp16kd #(",
            "        .WIDTH_A(DATA_WIDTH_A), .WIDTH_B(DATA_WIDTH_B),",
            '        .REGISTER_A(REGMODE_A == "OUTREG"), .REGISTER_B(REGMODE_B == "OUTREG"),',
            "        .WRITEMODE_A(WRITEMODE_A), .WRITEMODE_B(WRITEMODE_B)",
            "    ) block(",
            joined(f"        {connection}" for connection in connections),
            "    );",
            "endmodule\n",
        )
    )
