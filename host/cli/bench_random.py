"""Sub-command that compares the accelerator with its interpreter: bench accelerator-random."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from ...golden.spec.engine import ENGINES
from .output import json_option, messages, output_folder, progress_bar, report, report_rows


@click.command("accelerator-random")
@click.option(
    "--engine",
    "engines",
    type=click.Choice(list(ENGINES)),
    multiple=True,
    help="May be given several times; 16, 64 and 128 unless given.",
)
@click.option("--count", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The first.")
@click.option(
    "--gates",
    is_flag=True,
    help="The netlist for ECP5 instead of the RTL: cells, block RAMs and multipliers.",
)
@click.option(
    "-o", "--output", default="out/bench-gates", show_default=True, help="Folder for its synthesis."
)
@json_option
def bench_accelerator_random(
    engines: Sequence[str], count: int, seed: int, gates: bool, output: str, as_json: bool
) -> None:
    r"""Compare the emulated RTL with the interpreter on random networks and random operations.

    Labels, exits, scores and cycles; of networks every layer, of programs of random operations the
    whole activation memory behind each operation. `--count` of each.

    \b
    Example: offramp bench accelerator-random --engine 16 --count 200
             offramp bench accelerator-random --engine 16 --count 20 --gates
    """
    from ...rtl_sim.emulator.accelerator import EngineEmulator
    from ..engine_check import compare_random
    from ..engine_gates import gate_emulator

    measured: dict[str, dict[str, Any]] = {}
    for engine in engines or ("16", "64", "128"):
        with messages.status(f"Building engine {engine}"):
            config = ENGINES[engine]
            folder = output_folder(output) / engine
            emulator = gate_emulator(config, folder) if gates else EngineEmulator(config)
        counts: Counter[str] = Counter()
        differences = []
        start = time.perf_counter()
        with emulator, progress_bar(f"Engine {engine}", 2 * count, quiet=as_json) as bar:
            for kind, found in compare_random(emulator, count=count, seed=seed):
                counts[kind] += 1
                differences += found
                bar.show(sum(counts.values()))
            cycles = emulator.cycles
        measured[engine] = {
            "networks": counts["network"],
            "networks_too_large": counts["too large"],
            "programs": counts["program"],
            "cycles": cycles,
            "seconds": time.perf_counter() - start,
            "differences": [asdict(difference) for difference in differences],
        }
    if as_json:
        report(measured, as_json=True)
    else:
        head = ("MACs", "networks", "too large", "programs", "cycles", "seconds", "differences")
        rows = [
            (
                engine,
                *(values[name] for name in ("networks", "networks_too_large", "programs")),
                f"{values['cycles']:,}",
                f"{values['seconds']:.0f}",
                len(values["differences"]),
            )
            for engine, values in measured.items()
        ]
        what = "Netlist" if gates else "RTL"
        report_rows(f"{what} against interpreter, from seed {seed}", head, rows)
    for engine, values in measured.items():
        for difference in values["differences"][:10]:
            messages.print(f"Engine {engine}, seed {difference['seed']}: {difference['what']}")
    if any(values["differences"] for values in measured.values()):
        raise click.ClickException("Differences must be 0, and are not")
