"""Sub-commands about the RTL of the whole engine: verilog accelerator, sim accelerator."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...golden.files import replacing
from ...golden.spec.checks import require_choice
from ...golden.spec.engine import ENGINES
from ...golden.spec.link import BAUD_DEFAULT, LinkConfig
from .output import data_dir_option, json_option, messages, output_folder, report

if TYPE_CHECKING:
    from ...rtl_sim.engine_case import EngineCase

Function = TypeVar("Function", bound=Callable[..., Any])


def _case_options(n_images: int) -> Callable[[Function], Function]:
    """Add the options of an engine, a network and its images."""

    def add(function: Function) -> Function:
        for option in reversed(
            (
                click.option(
                    "--engine",
                    default="16",
                    show_default=True,
                    help=f"By its multiply-accumulates in a cycle: {', '.join(ENGINES)}.",
                ),
                click.option(
                    "--net", default="zoo:digits", show_default=True, help="Network that it runs."
                ),
                data_dir_option,
                click.option(
                    "--images",
                    type=click.IntRange(3, 10000),
                    default=n_images,
                    show_default=True,
                    help="Images of the test split, of all exits.",
                ),
            )
        ):
            function = option(function)
        return function

    return add


def _case(engine: str, net: str, data_dir: Path | None, images: int) -> "EngineCase":
    from ...golden.network_file import load_network
    from ..accelerator import engine_case, engine_for
    from ..workflow import splits_of_network

    require_choice("Engine", engine, ENGINES)
    network = load_network(net)
    test = splits_of_network(network, data_dir).test.images
    return engine_case(network, engine_for(network, engine), test, images)


@click.command("accelerator")
@_case_options(8)
@click.option(
    "--bus",
    default="none",
    show_default=True,
    help="axi adds the engine with buses, uart the engine behind a UART.",
)
@click.option("--clock-hz", default=25_000_000, show_default=True, help="Clock, for --bus uart.")
@click.option(
    "--baud", default=BAUD_DEFAULT, show_default=True, help="Bits a second, for --bus uart."
)
@click.option("--family", default="generic", show_default=True, help="generic or ecp5.")
@click.option("-o", "--output", required=True, help="Folder for the files.")
@json_option
def verilog_accelerator(
    engine: str,
    net: str,
    data_dir: Path | None,
    images: int,
    bus: str,
    clock_hz: int,
    baud: int,
    family: str,
    output: str,
    as_json: bool,
) -> None:
    r"""Write the accelerator: Verilog, bench with a network's program, FuseSoC core, documents.

    With --bus axi also the engine with AXI4-Stream and AXI4-Lite, its bench, the C header and a
    document of its registers; with --bus uart the engine as boards have it. Memories that are too
    small for the network are enlarged.

    \b
    Example: offramp verilog accelerator --engine 16 --bus axi -o out/
    """
    from ...rtl_sim.delivery import manifest_text
    from ...rtl_sim.engine_delivery import (
        BUSES,
        MANIFEST_NAME,
        VERILOG_NAME,
        engine_delivery,
        engine_manifest,
    )

    require_choice("Bus", bus, BUSES)
    require_choice("Family", family, ("generic", "ecp5"))
    link = LinkConfig(clock_hz=clock_hz, baud=baud) if bus == "uart" else None
    case = _case(engine, net, data_dir, images)
    folder = output_folder(output)
    with messages.status("Writing"):
        files = engine_delivery(case, net, bus, family=family, link=link)
        manifest = engine_manifest(case, net, files)
    for name, text in {**files, MANIFEST_NAME: manifest_text(manifest)}.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    values = {
        **manifest["parameters"],
        "network": net,
        "images": len(case.images),
        "files": [*files, MANIFEST_NAME],
    }
    report(values, as_json=as_json, title="Accelerator", result=folder / VERILOG_NAME)


@click.command("accelerator")
@_case_options(100)
@click.option("-o", "--output", default="out/sim", show_default=True, help="Folder for the build.")
@click.option("--waves", is_flag=True, help="Record waveforms.")
@json_option
def sim_accelerator(
    engine: str,
    net: str,
    data_dir: Path | None,
    images: int,
    output: str,
    waves: bool,
    as_json: bool,
) -> None:
    r"""Run the bench of the engine with buses: stalls, resets, aborts, faults, a network's images.

    \b
    Example: offramp sim accelerator --engine 16 --images 200
    """
    from ...rtl_sim.axi_engine_bench import run_axi_engine_bench

    case = _case(engine, net, data_dir, images)
    folder = output_folder(output)
    with messages.status("Simulating"):
        result = run_axi_engine_bench(case, work=folder, waves=waves)
    values = {name: value for name, value in asdict(result).items() if name != "tests"}
    report(
        {**values, "passed": result.passed, "images": len(case.images)},
        as_json=as_json,
        title="Engine with buses",
        result=folder,
    )
