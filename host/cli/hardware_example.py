"""Sub-commands about the example of an own accelerator: in verilog and in sim."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...golden.files import replacing
from ...golden.spec.checks import require_choice
from .output import json_option, messages, output_folder, report

if TYPE_CHECKING:
    from ...rtl_sim.examples.own_accelerator import OwnCase

NETWORK = "zoo:digits"
"""Where the example's logits come from: its data come with the package."""


def _case() -> "OwnCase":
    """Return the logits of the first test images, with the calibrated thresholds."""
    import numpy as np

    from ...golden.network_file import load_network
    from ...rtl_sim.examples.own_accelerator import CONFIG, N_SAMPLES, OwnCase
    from ..workflow import splits_of_network

    network = load_network(NETWORK)
    images = splits_of_network(network, None).test.images[:N_SAMPLES]
    logits = np.stack(network.forward(images), axis=1)
    # all that come to the final classifier leave there
    thresholds = (*(network.thresholds or ()), CONFIG.threshold_low)
    return OwnCase(logits=logits, thresholds=thresholds)


def _write(files: Mapping[str, str], folder: Path) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


@click.command("own-accelerator")
@click.option("-o", "--output", required=True, help="Folder for the files.")
@json_option
def verilog_own_accelerator(output: str, as_json: bool) -> None:
    r"""Write an example: an accelerator in Verilog by hand that takes the decision unit over AXI.

    With FuseSoC core, bench and firmware in C; docs/own-accelerator.md goes through it.

    \b
    Example: offramp verilog own-accelerator -o out/own
    """
    from ...rtl_sim.examples.own_accelerator import own_accelerator_files

    folder = output_folder(output)
    case = _case()
    files = own_accelerator_files(case)
    _write(files, folder)
    values = {"samples": len(case.logits), "exited": case.exited, "files": list(files)}
    report(
        values,
        as_json=as_json,
        title="Accelerator with the decision unit",
        result=folder / "own_accelerator.v",
    )


@click.command("own-accelerator")
@click.option(
    "--compiler",
    default="riscv",
    show_default=True,
    help="Of the firmware: riscv (Debian package gcc-riscv64-unknown-elf) or host.",
)
@click.option(
    "-o",
    "--output",
    default="out/sim/own-accelerator",
    show_default=True,
    help="Folder for the files and the compiled firmware.",
)
@json_option
def sim_own_accelerator(compiler: str, output: str, as_json: bool) -> None:
    r"""Run the example's firmware against its Verilated bus; it checks every decision.

    \b
    Example: offramp sim own-accelerator
    """
    from ...rtl_sim.examples.own_accelerator import (
        COMPILERS,
        OwnAccelerator,
        own_accelerator_files,
        run_firmware,
    )

    require_choice("Compiler", compiler, COMPILERS)
    folder = output_folder(output)
    case = _case()
    files = own_accelerator_files(case)
    _write(files, folder)
    with messages.status("Simulating"), OwnAccelerator(files) as accelerator:
        result = run_firmware(folder, accelerator, compiler)
    values = {**asdict(result), "exited": case.exited, "passed": True}
    report(values, as_json=as_json, title="Firmware on the accelerator", result=folder)
