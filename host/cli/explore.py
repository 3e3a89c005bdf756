"""Sub-commands that sweep over designs: explore accelerator, explore decision."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...golden.files import replacing
from ...golden.spec.checks import require_choice, require_int
from ...golden.spec.criteria import Criterion
from .output import (
    figures,
    json_option,
    messages,
    output_folder,
    progress_bar,
    report,
    report_rows,
)

if TYPE_CHECKING:
    from ...golden.network import IntegerNetwork
    from ..explore import Candidate, Row

Function = TypeVar("Function", bound=Callable[..., Any])

SEED_MAX = (1 << 31) - 1
SHARES_OFF = 1e-6
"""Shares of exits may miss 1 by the last digit of a text."""


def _run_options(function: Function) -> Function:
    """Add what both sweeps have: seeds, where and how to run."""
    for option in reversed(
        (
            click.option(
                "--seed", "seeds", type=int, multiple=True, default=(1, 2), show_default=True,
                help="Of the placement; the best one counts.",
            ),
            click.option("--address", help="Of a Ray cluster (auto, HOST:PORT); this machine."),
            click.option(
                "--cores", type=int, help="Builds at a time on this machine; all its cores."
            ),
            click.option(
                "-o", "--output", default="out/explore", show_default=True,
                help="Folder for table, picture and builds; what is built there is kept.",
            ),
            json_option,
        )
    ):  # fmt: skip
        function = option(function)
    return function


@click.group()
def explore() -> None:
    r"""Sweep over designs: build all, side by side, and show which no other beats.

    Builds run through Ray (pip install 'offramp[explore]'), on the cores of this machine or of a
    cluster. An interrupted sweep goes on where it was: run the same command again.

    \b
    Example: offramp explore accelerator --net zoo:blenet-mnist --engine 16 --engine 32
    """


@explore.command("accelerator")
@click.option("--net", default="zoo:blenet-mnist", show_default=True, help="Network that it runs.")
@click.option(
    "--engine",
    "engines",
    multiple=True,
    default=("16", "32"),
    show_default=True,
    help="By its multiply-accumulates in a cycle, or input lanes x output lanes x requantizers.",
)
@click.option(
    "--memory",
    "memories",
    multiple=True,
    default=("fitted",),
    show_default=True,
    help="named (the named engine's), fitted (what the network needs), or KiB of "
    "activations+weights.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    default=("ecp5-25k", "ecp5-45k"),
    show_default=True,
    help="A device, or a board's.",
)
@click.option("--exit-shares", metavar="SHARE,...", help="Of images at each exit; as measured.")
@_run_options
def explore_accelerator(
    net: str,
    engines: tuple[str, ...],
    memories: tuple[str, ...],
    devices: tuple[str, ...],
    exit_shares: str | None,
    **run: Any,
) -> None:
    r"""Sweep array size, memory, device and seed of the accelerator engine.

    Images a second are the clock of the best seed over the mean cycles of an image, which are
    predicted exactly; how many images leave where was measured on the test split.

    \b
    Example: offramp explore accelerator --engine 16 --engine 4x8x2 --device ulx3s-85f --seed 1
    """
    from ...fpga.targets import find_engine_target
    from ...golden.network_file import load_network
    from ..explore import engine_candidates, engine_of, memory_of

    for engine in engines:
        engine_of(engine)
    chosen = [memory_of(memory) for memory in _once(memories)]
    targets = [find_engine_target(device) for device in _once(devices)]
    seeds = _checked_seeds(run["seeds"], run["cores"])
    network = load_network(net)
    shares = _exit_shares(network, exit_shares)
    with messages.status("Writing Verilog"):
        candidates = engine_candidates(
            network, shares, engines=_once(engines), memories=chosen, targets=targets
        )
    title = f"Engines for {net.removeprefix('zoo:')}, placed and routed"
    _run("accelerator", title, "images", candidates, **{**run, "seeds": seeds})


@explore.command("decision")
@click.option("--classes", type=int, default=10, show_default=True, help="Logits of a vector.")
@click.option(
    "--criteria",
    multiple=True,
    default=tuple(Criterion)[:3],
    show_default=True,
    help=f"Of {', '.join(Criterion)}; several joined by +.",
)
@click.option("--fraction-bits", type=int, multiple=True, default=(3,), show_default=True)
@click.option("--lanes", type=int, multiple=True, default=(1,), show_default=True)
@click.option(
    "--device",
    "devices",
    multiple=True,
    default=("up5k", "ecp5-25k"),
    show_default=True,
    help="A device, or a board's.",
)
@_run_options
def explore_decision(
    classes: int,
    criteria: tuple[str, ...],
    fraction_bits: tuple[int, ...],
    lanes: tuple[int, ...],
    devices: tuple[str, ...],
    **run: Any,
) -> None:
    r"""Sweep criteria, logit format, lanes, device and seed of the decision unit.

    \b
    Example: offramp explore decision --criteria margin --criteria confidence+margin --device up5k
    """
    from ...fpga.targets import find_target
    from ..explore import decision_candidates

    names = [tuple(text.split("+")) for text in _once(criteria)]
    for name in (name for group in names for name in group):
        require_choice("Criterion", name, Criterion)
    require_int("Classes", classes, 2, 1024)
    targets = [find_target(device) for device in _once(devices)]
    seeds = _checked_seeds(run["seeds"], run["cores"])
    with messages.status("Writing Verilog"):
        candidates = decision_candidates(
            n_classes=classes,
            criteria=names,
            fraction_bits=_once(fraction_bits),
            lanes=_once(lanes),
            targets=targets,
        )
    title = f"Decision units for {classes} classes, placed and routed"
    _run("decision", title, "decisions", candidates, **{**run, "seeds": seeds})


Value = TypeVar("Value")


def _once(values: Sequence[Value]) -> list[Value]:
    """Return the values of an axis, each once."""
    return list(dict.fromkeys(values))


def _checked_seeds(seeds: Sequence[int], cores: int | None) -> list[int]:
    for seed in seeds:
        require_int("Seed", seed, 0, SEED_MAX)
    if cores is not None:
        require_int("Cores", cores, 1, 1024)
    return _once(seeds)


def _exit_shares(network: "IntegerNetwork", text: str | None) -> tuple[float, ...]:
    """Return the shares of exits as given, or as measured."""
    from ..image_cycles import exit_shares

    if text is None:
        measured = exit_shares(network)
        if measured is None:
            raise ValueError(
                f"Exit shares of {network.name} must be given with --exit-shares: its file has none"
            )
        return measured
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    legal = len(shares) == network.n_exits and all(0 <= share <= 1 for share in shares)
    if not legal or abs(sum(shares) - 1) > SHARES_OFF:
        raise ValueError(
            f"Exit shares must be {network.n_exits} numbers in 0..1 with the sum 1, not {text!r}"
        )
    return shares


def _run(
    name: str,
    title: str,
    unit: str,
    candidates: "Sequence[Candidate]",
    *,
    seeds: Sequence[int],
    address: str | None,
    cores: int | None,
    output: str,
    as_json: bool,
) -> None:
    """Build the candidates, write table, picture and rows, and show them."""
    from ..explore import explore as build
    from ..explore_plot import explore_figure
    from ..explore_table import explore_table
    from ..policy_plot import save_figure

    folder = output_folder(output)
    with progress_bar("Building", 1, quiet=as_json) as bar:
        rows = build(
            candidates,
            seeds,
            out=folder / "builds",
            address=address,
            cores=cores,
            progress=lambda done, total: bar.show(done, f"{done} of {total}", total=total),
        )
    if not any(row.reports for row in rows):
        raise click.ClickException(
            f"Sweep must have a design that can be built, and none of {len(rows)} can: "
            f"{rows[0].reason}"
        )
    table = explore_table(rows, title, unit, seeds)
    _write(folder / f"{name}.md", table.markdown())
    _write(folder / f"{name}.json", json.dumps(_values(rows, seeds), indent=2) + "\n")
    save_figure(explore_figure(rows, title, f"{unit} a second"), folder / f"{name}.svg")
    if as_json:
        report(_values(rows, seeds), as_json=True, result=folder / f"{name}.md")
        return
    figures.print(table.tools)
    report_rows(table.title, list(table.columns), table.text_rows())
    figures.print(table.note)
    report({}, as_json=False, result=folder / f"{name}.md")


def _values(rows: "Sequence[Row]", seeds: Sequence[int]) -> dict[str, Any]:
    return {"seeds": list(seeds), "rows": [row.as_dict() for row in rows]}


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
