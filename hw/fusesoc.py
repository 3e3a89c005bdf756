"""Files that describe delivered Verilog: a FuseSoC core (CAPI2)."""

from collections.abc import Iterable

__all__ = ["CoreModule", "fusesoc_core"]


class CoreModule:
    """A module of the core: names of the files that hold it, its bench and what that reads."""

    def __init__(self, name: str, bench: str, *data: str):
        self.name = name
        self.bench = bench
        self.data = data


def fusesoc_core(name: str, description: str, top: str, modules: Iterable[CoreModule]) -> str:
    """Return a core: for each module a target for lint and two for simulation.

    Parameters
    ----------
    name : str
        Vendor, library, name and version.
    description : str
    top : str
        The module whose targets have no suffix; those of the others begin with its name.
    modules : iterable of CoreModule
    """
    named = [(module, module.name.removeprefix(top)) for module in modules]
    filesets = "".join(
        f"""\
  rtl{suffix}:
    files: [{module.name}.v]
    file_type: verilogSource-2005
  bench{suffix}:
    files:
      - {module.bench}.v: {{file_type: verilogSource-2005}}
      # the bench reads them from the folder in which it runs
{_data_files(module)}"""
        for module, suffix in named
    )
    rtl = ", ".join(f"rtl{suffix}" for _, suffix in named)
    targets = "".join(
        f"""\
  lint{suffix}:
    description: Verilator's checks of {module.name}
    flow: lint
    flow_options: {{tool: verilator}}
    filesets: [rtl{suffix}]
    toplevel: {module.name}
  sim{suffix}:
    description: Bench of {module.name} on Icarus Verilog
    flow: sim
    flow_options: {{tool: icarus}}
    filesets: [rtl{suffix}, bench{suffix}]
    toplevel: {module.bench}
  sim{suffix}_verilator:
    description: Bench of {module.name} on Verilator
    flow: sim
    # the bench waits for clock edges, which takes coroutines
    flow_options:
      tool: verilator
      mode: binary
      verilator_options: [-CFLAGS, -std=c++20]
    filesets: [rtl{suffix}, bench{suffix}]
    toplevel: {module.bench}
"""
        for module, suffix in named
    )
    return f"""\
CAPI=2:
name: {name}
description: {description}

filesets:
{filesets}
targets:
  # what a core that depends on this one gets: all modules
  default:
    filesets: [{rtl}]
    toplevel: {top}
{targets}"""


def _data_files(module: CoreModule) -> str:
    return "".join(f"      - {name}: {{file_type: user, copyto: {name}}}\n" for name in module.data)
