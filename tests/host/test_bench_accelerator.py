import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offramp.host import engine_bench
from offramp.host.cli.main import run
from offramp.host.results import Results


@pytest.fixture(autouse=True)
def short_timing(monkeypatch):
    monkeypatch.setattr(engine_bench, "SPEED_SECONDS", 0.01)


def arguments(folder, *more: str) -> list[str]:
    few = [
        "--engine",
        "16",
        "--images",
        "30",
        "--layer-images",
        "1",
        "--jobs",
        "1",
        "--no-simulators",
    ]
    return ["bench", "accelerator", "zoo:digits", *few, "-o", str(folder), *more]


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[Path, str]:
    """Return a folder with `out` and `docs` of one run, and what it said."""
    folder = tmp_path_factory.mktemp("bench")
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(engine_bench, "SPEED_SECONDS", 0.01)
        assert run(arguments(folder / "out", "--docs", str(folder / "docs"))) == 0
    return folder, said.getvalue()


@pytest.fixture
def row(measured) -> dict[str, Any]:
    (row,) = json.loads((measured[0] / "out" / "accelerator.json").read_text())["measured"]
    return row


def test_engine_equals_golden_and_exits_save_cycles(row):
    assert row["images"] == 30
    assert row["layers_compared"] >= 6
    assert row["layers_differing"] == row["results_differing"] == row["cycles_differing"] == 0
    assert row["restarts_differing"] == row["off_differing"] == 0
    assert row["off_images"] == 40
    assert row["gain_same_program"] > row["gain"] > 1
    assert row["cycles_at_exit"] == sorted(row["cycles_at_exit"])
    assert row["gain"] == pytest.approx(row["cycles_without_exits"] / row["mean_cycles"])


def test_finished_network_is_not_measured_again_unless_the_work_changes(
    capsys, monkeypatch, measured, row
):
    def fail(*_arguments, **_options):
        raise AssertionError("measured again")

    monkeypatch.setattr(engine_bench, "measure_engine", fail)
    folder = measured[0] / "out"
    assert run(arguments(folder, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["measured"] == [row]
    assert run(arguments(folder, "--images", "31")) != 0
    assert "measured again" in capsys.readouterr().err


def test_terminal_and_document_have_the_figures(measured, row):
    folder, said = measured
    page = (folder / "docs" / "benchmarks-accelerator.md").read_text()
    for text in (
        "digits, 16 MACs",
        "cycles at exit 3",
        f"{row['mean_cycles']:,.0f}",
        f"{row['gain']:.2f}",
        f"{row['percent_lost']:.2f}",
    ):
        assert text in said
        assert text in page


def test_cycles_that_are_not_those_predicted_are_counted_and_fail(capsys, monkeypatch, tmp_path):
    genuine = engine_bench.predict_cycles

    def wrong(program):
        prediction = genuine(program)
        # the exits later on are right, and the program without early ones is
        early = {0: prediction.exits[0] + 1} if len(prediction.exits) > 1 else {}
        return replace(prediction, exits=prediction.exits | early)

    monkeypatch.setattr(engine_bench, "predict_cycles", wrong)
    assert run(arguments(tmp_path, "--json")) != 0
    (row,) = json.loads(capsys.readouterr().out)["measured"]
    assert 0 < row["cycles_differing"] < 30
    assert 0 < row["restarts_differing"] < 30
    assert row["results_differing"] == 0


def test_result_that_differs_is_counted_and_fails(capsys, monkeypatch, tmp_path):
    genuine = engine_bench._golden

    def wrong(network, images):
        results = genuine(network, images)
        label = results.label.copy()
        label[3] += 1
        return Results(label, results.exit_index, results.score, results.macs, results.n_exits)

    monkeypatch.setattr(engine_bench, "_golden", wrong)
    assert run(arguments(tmp_path)) != 0
    assert "Engine must equal golden" in capsys.readouterr().err
