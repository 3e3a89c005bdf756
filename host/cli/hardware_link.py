"""Sub-commands about the RTL of the link: synth link, sim link."""

from dataclasses import asdict

import click

from ...golden.spec.engine import ENGINES
from ...golden.spec.link import BAUD_DEFAULT, LinkConfig
from .output import json_option, messages, output_folder, report


@click.command("link")
@click.option("--device", required=True, help="ecp5-25k, up5k or hx8k.")
@click.option("--clock-hz", default=24_000_000, show_default=True, help="Clock.")
@click.option("--baud", default=BAUD_DEFAULT, show_default=True, help="Bits a second.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "-o", "--output", default="out/synth", show_default=True, help="Folder for the build."
)
@json_option
def synth_link(
    device: str, clock_hz: int, baud: int, seed: int, output: str, as_json: bool
) -> None:
    r"""Report LUTs, flip-flops, block RAM and Fmax of the link alone, without an engine.

    \b
    Example: offramp synth link --device up5k --baud 3000000
    """
    from ...fpga.synth import synthesize
    from ...hw.link.delivery import LINK_MODULE_NAME, link_verilog

    link = LinkConfig(clock_hz=clock_hz, baud=baud)
    folder = output_folder(output)
    family = "ecp5" if device.startswith("ecp5") else "generic"
    with messages.status(f"Building for {device}"):
        text = link_verilog(link, family=family)
        built = synthesize(text, LINK_MODULE_NAME, device, seed=seed, out=folder)
    report(built.as_dict(), as_json=as_json, title=f"Link on {device}", result=folder)


@click.command("link")
@click.option("-o", "--output", default="out/sim", show_default=True, help="Folder for the build.")
@click.option("--waves", is_flag=True, help="Record waveforms.")
@json_option
def sim_link(output: str, waves: bool, as_json: bool) -> None:
    r"""Run the bench of the engine behind a UART at its pins: clocks that differ, noise, glitches.

    \b
    Example: offramp sim link
    """
    from ...rtl_sim.link_bench import run_link_bench

    folder = output_folder(output)
    # 8 clock cycles a bit, the least
    link = LinkConfig(clock_hz=8_000_000, baud=1_000_000)
    with messages.status("Simulating"):
        result = run_link_bench(ENGINES["16"], link, work=folder, waves=waves)
    values = {name: value for name, value in asdict(result).items() if name != "tests"}
    report(
        {**values, "passed": result.passed},
        as_json=as_json,
        title="Engine behind a UART",
        result=folder,
    )
