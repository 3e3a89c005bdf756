"""The tables of the decision bench: everything that is claimed of the unit, with its floors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..fpga.matrix import MatrixRow
from ..fpga.subjects import BASELINES, MANTISSAS, REGISTERS, Subject
from ..golden.decision import Logits
from ..golden.spec.decision import DecisionConfig
from .decision_error import (
    CONFIDENCES,
    ConfidenceError,
    Soundness,
    baseline_error,
    confidence_error,
    entropy_error,
    soundness,
)
from .decision_plots import Point
from .decision_quality import ExitQuality
from .tables import Table

AREA_DEVICE = "up5k"
CLOCK_DEVICE = "ecp5-25k"
EXIT_RATES = (0.3, 0.5, 0.7, 0.9)
SIZES = (2, 10, 100, 128, 1000)
"""Numbers of classes for which the entropy's error is bounded."""

_BUILT = {
    "device": "", "cells": "", "FF": "", "DSP": "", "block RAM": "", "latency": "",
    "Fmax MHz, best": ".1f", "each seed": "",
}  # fmt: skip


def built_table(
    title: str,
    first: str,
    rows: Sequence[MatrixRow],
    versions: Mapping[str, str],
    *,
    extra: Mapping[str, Mapping[str, float]] | None = None,
    note: str = "",
) -> Table:
    """Return the table of some builds.

    Parameters
    ----------
    title : str
    first : str
        What the rows are, the head of the first column.
    rows : sequence of MatrixRow
    versions : mapping
    extra : mapping of str to mapping
        Further columns: for each the value by case.
    note : str
    """
    further = extra or {}
    columns = {first: "", **_BUILT, **dict.fromkeys(further, ".5f")}
    return Table(
        title=title,
        columns=columns,
        rows=[
            (
                row.case, row.device, row.logic_cells, row.flip_flops, row.dsp, row.block_ram,
                row.latency, row.best_mhz, ", ".join(f"{fmax:.0f}" for fmax in row.fmax_mhz),
                *(values.get(row.case) for values in further.values()),
            )
            for row in rows
        ],
        versions=versions,
        note=note,
    )  # fmt: skip


def error_bound(config: DecisionConfig) -> float:
    """Return ``rho - 1``: the most that a decision errs, over ``T (1 - T)``."""
    return math.expm1(math.log(config.spread_power) / (1 << config.fraction_bits))


def bounds_of(subjects: Mapping[str, Subject]) -> dict[str, float]:
    """Return the error bound of each confidence core."""
    return {name: error_bound(subject.config) for name, subject in subjects.items()}


# -- errors ----------------------------------------------------------------------------------------


def confidence_errors(real: Mapping[int, Logits]) -> dict[int, ConfidenceError]:
    """Return the errors by F, on real logits for each F."""
    return {bits: confidence_error(_config(bits, logits), logits) for bits, logits in real.items()}


def _config(fraction_bits: int, logits: Logits) -> DecisionConfig:
    return DecisionConfig(n_classes=logits.shape[1], fraction_bits=fraction_bits)


def confidence_error_table(
    errors: Mapping[int, ConfidenceError], images: str, versions: Mapping[str, str]
) -> Table:
    """Return certificate, largest error and agreement."""
    return Table(
        title="Confidence: error against float64 softmax on the same logits",
        columns={
            "F": "", "bound": ".6f", "largest seen": ".6f",
            **{f"agree, T = {confidence}": ".5f" for confidence in CONFIDENCES},
        },
        rows=[
            (bits, error.bound, error.largest_seen, *error.agreement.values())
            for bits, error in errors.items()
        ],
        versions=versions,
        note=(
            "Errors are in units of T (1 - T), at the effective threshold: how far the softmax "
            "lies on the wrong side of it. The bound is rho - 1 by the exact certificate and holds "
            "for every N and every input; the largest seen is over random, real and worst-case "
            f"vectors. Agreement is the share of equal decisions on real logits: {images}."
        ),
    )  # fmt: skip


def soundness_rows(real: Mapping[int, Logits]) -> list[tuple[int, Soundness]]:
    """Return what sound thresholds let pass, with F."""
    return [
        (bits, row)
        for bits, logits in real.items()
        for row in soundness(_config(bits, logits), logits)
    ]


def soundness_table(rows: Sequence[tuple[int, Soundness]], versions: Mapping[str, str]) -> Table:
    """Return how many exits lie below T."""
    return Table(
        title="Sound thresholds: no exit below T",
        columns={
            "F": "", "T": "", "sound threshold": "", "vectors": ",", "exits": ",",
            "exits below T": ",", "nearest threshold": "", "exits below T there": ",",
        },
        rows=[
            (
                bits, row.confidence, row.threshold, row.vectors, row.exits, row.below,
                row.nearest, row.nearest_below,
            )
            for bits, row in rows
        ],
        versions=versions,
        note="Random, worst-case and real vectors; softmax and T are compared in exact arithmetic.",
    )  # fmt: skip


def entropy_rows(real: Mapping[int, Logits]) -> list[tuple[int, int, float, float]]:
    """Return classes, F, bound and largest error seen of the entropy, in bits."""
    rows = []
    for bits in real:
        for n_classes in SIZES:
            config = DecisionConfig(n_classes=n_classes, fraction_bits=bits, criteria=("entropy",))
            own = real[bits] if real[bits].shape[1] == n_classes else None
            error = entropy_error(config, own)
            rows.append((n_classes, bits, error["bound"], error["largest_seen"]))
    return rows


def entropy_table(
    rows: Sequence[tuple[int, int, float, float]], versions: Mapping[str, str]
) -> Table:
    """Return error bound and largest error of the entropy."""
    return Table(
        title="Entropy: error in bits",
        columns={"classes": "", "F": "", "bound": ".4f", "largest seen": ".4f"},
        rows=rows,
        versions=versions,
        note="For entropies up to 1.9 bits, above which scores may saturate.",
    )


def baseline_errors(real: Mapping[int, Logits]) -> dict[str, float]:
    """Return the largest error of the baselines' decisions, by their names."""
    errors = {}
    for name, baseline in BASELINES.items():
        logits = real[baseline.config.fraction_bits]
        config = replace(baseline.config, n_classes=logits.shape[1])
        errors[name] = baseline_error(config, divides=baseline.divides, real=logits)
    return errors


# -- decision quality ------------------------------------------------------------------------------


def quality_table(qualities: Sequence[ExitQuality], versions: Mapping[str, str]) -> Table:
    """Return accuracies at matched exit rates."""
    columns = {"network": "", "exit": "", "images": ",", "criterion": ""}
    for rate in EXIT_RATES:
        columns |= {f"{rate:.0%}: leaving": ".2f", f"{rate:.0%}: all": ".2f"}
    rows = []
    for quality in qualities:
        for name, curve in quality.curves.items():
            pairs = [100 * value for rate in EXIT_RATES for value in curve.at(rate)]
            rows.append((quality.network, quality.exit_index + 1, quality.images, name, *pairs))
    return Table(
        title="Decision quality at matched exit rate: accuracy in % on the test split",
        columns=columns,
        rows=rows,
        versions=versions,
        note=(
            "Of the images the stated share leaves at the exit, those that the criterion is surest "
            "of: their accuracy, and that of all images with the others classified at the end."
        ),
    )


# -- floors ----------------------------------------------------------------------------------------


def floor_table(
    rows: Sequence[MatrixRow],
    errors: Mapping[int, ConfidenceError],
    sound: Sequence[tuple[int, Soundness]],
    entropy: Sequence[tuple[int, int, float, float]],
    versions: Mapping[str, str],
) -> Table:
    """Return what the unit must hold beside what was measured."""
    found = {(row.case, row.device): row for row in rows}
    checks: list[tuple[str, str, float, float, bool]] = []

    def at_most(subject: str, what: str, limit: float, value: float) -> None:
        checks.append((subject, f"{what} <= {limit:g}", limit, value, value <= limit))

    def at_least(subject: str, what: str, limit: float, value: float) -> None:
        checks.append((subject, f"{what} >= {limit:g}", limit, value, value >= limit))

    for case, cells, comb, registers, clocks in (
        ("F = 4", 155, 165, 100, (60, 150, 200)),
        ("F = 3", 210, 220, 150, (45, 115, 170)),
    ):
        ice40 = [found[case, device] for device in ("up5k", "hx8k")]
        ecp5 = found[case, "ecp5-25k"]
        at_most(case, "iCE40 cells", cells, max(row.logic_cells for row in ice40))
        at_most(case, "ECP5 cells", comb, ecp5.logic_cells)
        at_most(case, "ECP5 FF", registers, ecp5.flip_flops)
        at_most(case, "DSP, block RAM", 0, max(r.dsp + r.block_ram for r in (*ice40, ecp5)))
        at_most(case, "latency", 4, float(ecp5.latency))
        for device, clock in zip(("up5k", "hx8k", "ecp5-25k"), clocks, strict=True):
            at_least(case, f"{device} MHz", clock, found[case, device].best_mhz)
    lowest = found["F = 4, lowest latency", AREA_DEVICE]
    at_most("F = 4, lowest latency", "latency", 1, float(lowest.latency))
    at_most("F = 4, lowest latency", "iCE40 cells", 150, lowest.logic_cells)
    highest = found["F = 4, highest clock", CLOCK_DEVICE]
    at_least("F = 4, highest clock", "ECP5 MHz", 230, highest.best_mhz)
    at_most("margin", "iCE40 cells", 85, found["margin", AREA_DEVICE].logic_cells)
    both = "confidence and margin, F = 4"
    at_most(both, "iCE40 cells", 180, found[both, AREA_DEVICE].logic_cells)
    case = "entropy, F = 3"
    at_most(case, "iCE40 cells", 260, found[case, AREA_DEVICE].logic_cells)
    at_most(case, "block RAM", 4, found[case, AREA_DEVICE].block_ram)
    beyond = float(str(found[case, AREA_DEVICE].latency).removeprefix("N + "))
    at_most(case, "latency beyond N", 4, beyond)
    at_most("entropy", "bound of the error in bits", 0.01, max(row[2] for row in entropy))
    at_most("entropy", "largest error seen in bits", 0.01, max(row[3] for row in entropy))
    for bits, error in errors.items():
        at_most(f"F = {bits}", "bound of error / (T (1 - T))", 0.0075, error.bound)
        at_most(f"F = {bits}", "largest error seen / (T (1 - T))", 0.0075, error.largest_seen)
        at_least(f"F = {bits}", "agreement", 0.9995, min(error.agreement.values()))
    at_most("sound thresholds", "exits below T", 0, sum(row.below for _, row in sound))
    return Table(
        title="What the unit must hold",
        columns={"subject": "", "must hold": "", "measured": ".6g", "holds": ""},
        rows=[(subject, claim, value, holds) for subject, claim, _, value, holds in checks],
        versions=versions,
    )


# -- pictures --------------------------------------------------------------------------------------


def clock_points(rows: Sequence[MatrixRow]) -> list[Point]:
    """Return the variants of registers: cells, clock, and latency as the label."""
    cells = {row.case: row.logic_cells for row in rows if row.device == AREA_DEVICE}
    return [
        Point(
            str(row.latency),
            REGISTERS[row.case].config.fraction_bits,
            cells[row.case],
            row.best_mhz,
            int(row.latency),
        )
        for row in rows
        if row.device == CLOCK_DEVICE
    ]


def error_points(rows: Sequence[MatrixRow]) -> list[Point]:
    """Return the variants of tables: cells, error bound, and mantissa bits as the label."""
    points = []
    for row in rows:
        if row.device == AREA_DEVICE:
            config = MANTISSAS[row.case].config
            points.append(
                Point(
                    str(config.mantissa_bits),
                    config.fraction_bits,
                    row.logic_cells,
                    error_bound(config),
                )
            )
    return points
