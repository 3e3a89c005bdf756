"""The unit with buses against the golden model, of every shape: offramp bench buses."""

import click

from ...golden.spec.checks import require_choice, require_int
from .output import json_option, output_folder, progress_bar, report, report_rows


@click.command("buses")
@click.option("--only", "names", multiple=True, help="Name of a configuration; all without it.")
@click.option(
    "--simulator", "simulators", multiple=True, help="verilator or icarus; all without it."
)
@click.option(
    "--vectors", type=int, default=150, show_default=True, help="For each pair of stalls."
)
@click.option(
    "-o", "--output", default="out/buses", show_default=True, help="Folder for builds and logs."
)
@json_option
def bench_buses(
    names: tuple[str, ...], simulators: tuple[str, ...], vectors: int, output: str, as_json: bool
) -> None:
    r"""Run the bench of the unit with buses on configurations of every shape.

    Third-party bus models with random stalls, resets in mid-vector and races of registers with
    vectors; every answer is held against the golden model.

    \b
    Example: offramp bench buses
             offramp bench buses --only four-lanes --simulator icarus
    """
    from ...rtl_sim.axi_decision_bench import BUS_CONFIGS, run_axi_decision_bench
    from ...rtl_sim.runner import available_simulators

    for name in names:
        require_choice("Configuration", name, tuple(BUS_CONFIGS))
    require_int("Number of vectors", vectors, 1, 100_000)
    jobs = [
        (name, simulator)
        for name in names or BUS_CONFIGS
        for simulator in simulators or available_simulators()
    ]
    folder = output_folder(output)
    found = {}
    with progress_bar("Simulating", len(jobs), quiet=as_json) as bar:
        for done, (name, simulator) in enumerate(jobs):
            bar.show(done, f"{name}, {simulator}")
            (found[name, simulator],) = run_axi_decision_bench(
                BUS_CONFIGS[name], [simulator], work=folder / name, n_vectors=vectors
            )
    if as_json:
        rows = [{"configuration": name} | result.describe() for (name, _), result in found.items()]
        report({"results": rows}, as_json=True, result=folder)
        return
    report_rows(
        "Units with buses against the golden model",
        ("configuration", "simulator", "tests passed", "cycles", "time"),
        [
            (name, simulator, result.passed, result.cycles, f"{result.seconds:.1f} s")
            for (name, simulator), result in found.items()
        ],
    )
    report({}, as_json=False, result=folder)
