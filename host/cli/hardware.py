"""Sub-commands about the RTL: verilog, sim, synth."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
import numpy.typing as npt

from ...golden.files import replacing
from ...golden.spec.checks import require_choice
from ...golden.spec.criteria import Criterion
from ...golden.spec.decision import PIPELINE_REGISTERS, DecisionConfig
from ...golden.spec.decision_streams import check_bus_config
from .hardware_accelerator import sim_accelerator, verilog_accelerator
from .hardware_example import sim_own_accelerator, verilog_own_accelerator
from .hardware_link import sim_link, synth_link
from .output import json_option, messages, output_folder, progress_bar, report, report_rows
from .synth_accelerator import synth_accelerator

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = (
    ("--classes", "n_classes", "Largest number of classes, 2 to 1024."),
    ("--logit-width", "logit_width", "Bits of a logit, 4 to 16."),
    ("--fraction-bits", "fraction_bits", "F: a logit LSB is 2^-F octaves, 2 to 6."),
    ("--mantissa-bits", "mantissa_bits", "Bits of the exponential table, 4 to 10."),
    ("--exits", "n_exits", "Exits with a threshold of their own, 1 to 16."),
    ("--tag-width", "tag_width", "Bits of the sample tag, 0 (none) to 32."),
    ("--lanes", "lanes", "Logits taken in a cycle: 1, 2, 4 or 8."),
)

_LISTS = (
    ("--criteria", "criteria", f"Of {', '.join(Criterion)}; an exit selects one of them."),
    ("--registers", "registers", f"Of {', '.join(PIPELINE_REGISTERS)}, or none."),
)


def _names(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    """Return the names of a list on the command line."""
    return () if text == "none" else tuple(name.strip() for name in text.split(","))


def config_options(function: Function) -> Function:
    """Add an option for each parameter of `DecisionConfig`, under the parameter's name."""
    default = DecisionConfig()
    function = click.option(
        "--score/--no-score",
        "with_score",
        default=default.with_score,
        show_default=True,
        help="Whether a decision carries its score.",
    )(function)
    for option, name, text in reversed(_LISTS):
        function = click.option(
            option,
            name,
            metavar="NAME,...",
            default=",".join(getattr(default, name)),
            show_default=True,
            callback=_names,
            help=text,
        )(function)
    for option, name, text in reversed(_OPTIONS):
        function = click.option(
            option, name, type=int, default=getattr(default, name), show_default=True, help=text
        )(function)
    return function


@click.group()
def verilog() -> None:
    r"""Write Verilog for an accelerator of your own.

    \b
    Example: offramp verilog decision --classes 10 -o out/
    """


@verilog.command("decision")
@config_options
@click.option("--bus", default="none", show_default=True, help="axi adds the unit with buses.")
@click.option("--synth", "devices", multiple=True, help="Device to give resources and Fmax for.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the bench's vectors.")
@click.option("-o", "--output", required=True, help="Folder for the files.")
@json_option
def verilog_decision(
    output: str, bus: str, devices: tuple[str, ...], seed: int, as_json: bool, **parameters: Any
) -> None:
    r"""Write the exit decision unit: Verilog, bench, FuseSoC core, documents.

    With --bus axi also the unit with AXI4-Stream and AXI4-Lite, its bench, the C header and a
    document of its registers.

    \b
    Example: offramp verilog decision --classes 10 --fraction-bits 3 --bus axi -o out/
    """
    from ...hw.decision.delivery import AXI_MODULE_NAME, MODULE_NAME
    from ...rtl_sim.delivery import (
        MANIFEST_NAME,
        decision_delivery,
        delivery_manifest,
        manifest_text,
    )

    config = DecisionConfig(**parameters)
    folder = output_folder(output)
    files = decision_delivery(config, bus, seed=seed)
    path = folder / f"{MODULE_NAME}.v"
    tops = [MODULE_NAME] + [AXI_MODULE_NAME] * (bus == "axi")
    resources = _resources({top: files[f"{top}.v"] for top in tops}, devices)
    manifest = delivery_manifest(config, files, resources)
    for name, text in {**files, MANIFEST_NAME: manifest_text(manifest)}.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    values: dict[str, Any] = {
        "module": MODULE_NAME,
        **config.describe(),
        "criteria": list(config.criteria),
        "latency_cycles": manifest["modules"][MODULE_NAME]["latency_cycles"],
        "softmax_spread": config.spread,
    }
    for resource in resources:
        place = resource["device"]
        if resource["top"] != MODULE_NAME:
            place = f"{place}, {bus}"
        values[place] = {key: resource[key] for key in ("logic_cells", "flip_flops", "fmax_mhz")}
    values["files"] = [*files, MANIFEST_NAME]
    report(values, as_json=as_json, title="Exit decision unit", result=path)


def _resources(texts: dict[str, str], devices: tuple[str, ...]) -> list[dict[str, Any]]:
    """Synthesize, place and route each module for each device; only the reports are kept."""
    from tempfile import TemporaryDirectory

    from ...fpga.synth import synthesize

    reports: list[dict[str, Any]] = []
    jobs = [(device, top) for device in devices for top in texts]
    with progress_bar("Synthesizing", len(jobs), quiet=not jobs) as bar:
        for done, (device, top) in enumerate(jobs):
            bar.show(done, f"{top}, {device}")
            with TemporaryDirectory() as work:
                reports.append(synthesize(texts[top], top, device, out=Path(work)).as_dict())
    return reports


@click.group()
def sim() -> None:
    r"""Run cocotb benches on the generated Verilog.

    \b
    Example: offramp sim decision
    """


@sim.command("decision")
@config_options
@click.option(
    "--simulator",
    "simulators",
    multiple=True,
    help="verilator or icarus; all that are installed without it.",
)
@click.option(
    "-o",
    "--output",
    default="out/sim",
    show_default=True,
    help="Folder for builds, logs and waveforms.",
)
@click.option("--bus", default="none", show_default=True, help="axi: the unit with buses.")
@click.option("--waves", is_flag=True, help="Record waveforms.")
@click.option("--network", help="Network file: its logits of the test split are compared as well.")
@json_option
def sim_decision(
    output: str,
    simulators: tuple[str, ...],
    bus: str,
    waves: bool,
    network: str | None,
    as_json: bool,
    **parameters: Any,
) -> None:
    r"""Compare the exit decision unit with the golden model, cycle by cycle.

    \b
    Example: offramp sim decision --simulator verilator --classes 10
    """
    from ...rtl_sim.axi_decision_bench import run_axi_decision_bench
    from ...rtl_sim.decision_bench import run_decision_bench
    from ...rtl_sim.delivery import BUSES

    config = DecisionConfig(**parameters)
    require_choice("Bus", bus, BUSES)
    if bus == "axi" and network is not None:
        raise ValueError("Bus with a network must be none, not 'axi'")
    logits = None if network is None else _test_logits(network)
    chosen = list(simulators) or None
    if bus == "axi":
        check_bus_config(config)
    folder = output_folder(output)
    with messages.status("Simulating"):
        if bus == "axi":
            results = run_axi_decision_bench(config, chosen, work=folder, waves=waves)
        else:
            results = run_decision_bench(config, chosen, logits, work=folder, waves=waves)
    if as_json:
        report({"results": [asdict(result) for result in results]}, as_json=True, result=folder)
        return
    rows = [(r.simulator, r.passed, f"{r.seconds:.1f} s") for r in results]
    report_rows("Decision unit against the golden model", ("simulator", "passed", "time"), rows)
    report({}, as_json=False, result=folder)


def _test_logits(network_file: str) -> npt.NDArray[np.int8]:
    """Return the logits of every exit for a network's test split, one after the other."""
    from ...golden.network_file import load_network
    from ..workflow import splits_of_network

    network = load_network(network_file)
    images = splits_of_network(network, None).test.images
    return np.concatenate(network.forward(images))


@click.group()
def synth() -> None:
    r"""Synthesize, place and route with the open toolchain.

    \b
    Example: offramp synth decision --device up5k
    """


@synth.command("decision")
@config_options
@click.option("--device", required=True, help="ecp5-25k, up5k or hx8k.")
@click.option("--seed", "seeds", type=int, multiple=True, default=(1,), show_default=True)
@click.option(
    "-o",
    "--output",
    default="out/synth",
    show_default=True,
    help="Folder for netlist, log and report.",
)
@json_option
def synth_decision(
    output: str, device: str, seeds: tuple[int, ...], as_json: bool, **parameters: Any
) -> None:
    r"""Report LUTs, flip-flops, DSPs, block RAM and Fmax of the exit decision unit.

    The best seed of those given counts.

    \b
    Example: offramp synth decision --device ecp5-25k --fraction-bits 4 --seed 1 --seed 2
    """
    from ...fpga.synth import synthesize
    from ...hw.decision.delivery import MODULE_NAME, decision_verilog

    config = DecisionConfig(**parameters)
    folder = output_folder(output)
    text = decision_verilog(config)
    reports = []
    with progress_bar("Synthesizing", len(seeds)) as bar:
        for done, seed in enumerate(seeds):
            bar.show(done, f"{device}, seed {seed}")
            reports.append(synthesize(text, MODULE_NAME, device, seed=seed, out=folder))
    best = max(reports, key=lambda result: result.fmax_mhz)
    report(best.as_dict(), as_json=as_json, title=f"Decision unit on {device}", result=folder)


verilog.add_command(verilog_accelerator)
verilog.add_command(verilog_own_accelerator)
sim.add_command(sim_accelerator)
sim.add_command(sim_own_accelerator)
sim.add_command(sim_link)
synth.add_command(synth_accelerator)
synth.add_command(synth_link)
