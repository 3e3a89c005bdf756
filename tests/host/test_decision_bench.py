"""The tables of the decision bench: curves, floors, documents, pictures."""

from pathlib import Path

import numpy as np
import pytest

from offramp.fpga.matrix import MatrixRow
from offramp.golden.spec.baselines import SoftmaxConfig
from offramp.golden.spec.decision import DecisionConfig
from offramp.host.cli.bench_decision import Networks, page_head
from offramp.host.decision_bench import built_table, error_bound, floor_table
from offramp.host.decision_error import (
    baseline_error,
    confidence_error,
    entropy_error,
    random_vectors,
    soundness,
)
from offramp.host.decision_plots import Point, draw_quality, draw_variants, is_better
from offramp.host.decision_quality import RATES, ExitQuality, exit_qualities, quality_curve
from offramp.host.tables import Table
from offramp.host.workflow import load_splits

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    return random_vectors(DecisionConfig(), 2000, seed=9)


def test_curve_counts_the_surest_first_and_the_final_classifier_for_the_rest() -> None:
    sureness = np.array([4, 3, 2, 1])
    right = np.array([True, True, False, False])
    final = np.array([False, True, True, True])
    curve = quality_curve(sureness, right, final)
    assert curve.at(0.25) == (1.0, 1.0)
    assert curve.at(0.5) == (1.0, 1.0)
    assert curve.at(0.75) == pytest.approx((2 / 3, 0.75))
    assert curve.at(1.0) == (0.5, 0.5)
    assert curve.whole[0] == 0.75
    assert np.isnan(curve.leaving[0])


def test_ties_count_by_what_is_expected_of_a_random_part() -> None:
    right = np.array([True, False, True, False])
    final = np.ones(4, dtype=bool)
    curve = quality_curve(np.zeros(4), right, final)
    assert np.allclose(curve.leaving[1:], 0.5)
    assert np.allclose(curve.whole, 1 - RATES / 2)


def test_qualities_of_a_network_and_their_picture(network, tmp_path: Path) -> None:
    test = load_splits("digits", None, 0).test
    qualities = exit_qualities("digits", network, test)
    assert len(qualities) == network.n_exits - 1
    for quality in qualities:
        hardware = quality.curves["confidence, in hardware"]
        exact = quality.curves["softmax, float64"]
        assert hardware.at(1.0) == exact.at(1.0)
        assert hardware.at(1.0)[0] == pytest.approx(quality.accuracy_of_exit)
        assert hardware.whole[0] == pytest.approx(quality.accuracy_of_final)
        assert np.abs(hardware.whole - exact.whole).max() < 0.01
    draw_quality(tmp_path / "quality.png", qualities)
    assert (tmp_path / "quality.png").read_bytes().startswith(PNG)


def test_errors_stay_within_their_bounds(real: np.ndarray) -> None:
    config = DecisionConfig()
    error = confidence_error(config, real)
    assert 0.9 * error.bound < error.largest_seen <= error.bound == error_bound(config)
    assert min(error.agreement.values()) > 0.99
    entropy = entropy_error(DecisionConfig(criteria=("entropy",)), real)
    assert 0.5 * entropy["bound"] < entropy["largest_seen"] <= entropy["bound"]
    softmax = SoftmaxConfig()
    for divides in (True, False):
        assert 0 < baseline_error(softmax, divides=divides, real=real) < 0.05


def test_sound_thresholds_have_no_exit_below_and_nearest_ones_may(real: np.ndarray) -> None:
    rows = soundness(DecisionConfig(), real)
    assert all(row.below == 0 < row.exits for row in rows)
    assert sum(row.nearest_below for row in rows) > 0


def row(case: str, device: str, **changes: object) -> MatrixRow:
    values = {
        "latency": 4, "logic_cells": 150, "lut4": 1, "flip_flops": 90, "dsp": 0, "block_ram": 0,
        "fmax_mhz": (40.0, 250.0),
    }  # fmt: skip
    return MatrixRow(case=case, device=device, **{**values, **changes})


def rows() -> list[MatrixRow]:
    cores = ("F = 4", "F = 3", "F = 4, lowest latency", "F = 4, highest clock")
    found = [row(case, device) for case in cores for device in ("up5k", "hx8k", "ecp5-25k")]
    found[6] = row(cores[2], "up5k", latency=1)
    return [
        *found,
        row("margin", "up5k", logic_cells=85),
        row("confidence and margin, F = 4", "up5k"),
        row("entropy, F = 3", "up5k", latency="N + 4", block_ram=4),
    ]


def test_floors_say_what_holds_and_what_does_not(real: np.ndarray) -> None:
    errors = {3: confidence_error(DecisionConfig(), real)}
    sound = [(3, entry) for entry in soundness(DecisionConfig(), real)]
    entropy = [(10, 3, 0.009, 0.011)]
    table = floor_table(rows(), errors, sound, entropy, {"tool": "1"})
    verdicts = {(row[0], row[1]): row[3] for row in table.rows}
    assert verdicts["margin", "iCE40 cells <= 85"] is True
    assert verdicts["F = 4, lowest latency", "latency <= 1"] is True
    assert verdicts["entropy", "largest error seen in bits <= 0.01"] is False
    assert verdicts["F = 4", "ecp5-25k MHz >= 200"] is True
    assert len(verdicts) == len(table.rows) >= 30


def test_table_is_the_same_in_a_document_and_in_json() -> None:
    table = built_table(
        "Builds", "core", [row("a", "up5k")], {"yosys": "1"}, extra={"error": {"a": 0.25}}
    )
    lines = table.markdown().splitlines()
    assert lines[:3] == ["### Builds", "", "yosys 1"]
    assert lines[-1] == "| a | up5k | 150 | 90 | 0 | 0 | 4 | 250.0 | 40, 250 | 0.25000 |"
    assert table.as_dict()["rows"][0]["error"] == 0.25
    assert table.as_dict()["rows"][0]["Fmax MHz, best"] == 250.0


def test_table_shows_truth_values_and_gaps_as_words() -> None:
    table = Table(
        title="t", columns={"a": "", "b": ".2f"}, rows=[(True, None), (False, 1)], versions={}
    )
    assert table.text_rows() == [["yes", ""], ["no", "1.00"]]


def test_page_says_what_was_run_and_what_was_left_out() -> None:
    qualities = [ExitQuality("zoo:digits", exit_index, 9, 0.5, 0.6, {}) for exit_index in (0, 1)]
    networks = Networks(real={}, images="", qualities=qualities)
    run, _ = page_head(2, ("zoo:digits",), networks, with_data=False)
    assert run == (
        "Written by `offramp bench decision --seeds 2 --network zoo:digits --docs docs`: cores "
        "placed with seeds 1 to 2, other criteria and baselines with seeds 1 to 2; decision "
        "quality of zoo:digits.\n"
    )
    networks = Networks(real={}, images="", qualities=qualities, left_out=["zoo:a", "zoo:b"])
    run, _ = page_head(5, (), networks, with_data=True)
    assert "decision --seeds 5 --data-dir DATA --docs docs`" in run
    assert "cores placed with seeds 1 to 5, other criteria and baselines with seeds 1 to 2;" in run
    assert run.endswith("zoo:digits; left out, as their data was not at hand: zoo:a, zoo:b.\n")


def test_variant_is_better_only_if_nowhere_worse() -> None:
    point = Point("4", 4, 150, 200.0, latency=4)
    assert is_better(Point("3", 4, 150, 200.0, latency=3), point)
    assert is_better(Point("4", 4, 149, 201.0, latency=4), point)
    for cells, clock, latency in ((150, 200.0, 4), (149, 199.0, 4), (149, 300.0, 5), (151, 300, 1)):
        assert not is_better(Point("", 4, cells, clock, latency=latency), point)


def test_variants_are_drawn(tmp_path: Path) -> None:
    points = [Point("1", 4, 140, 75.0), Point("4", 4, 150, 200.0), Point("6", 4, 170, 190.0)]
    draw_variants(
        tmp_path / "variants.png", points, points, clock_device="ECP5", cell_device="UP5K"
    )
    assert (tmp_path / "variants.png").read_bytes().startswith(PNG)
