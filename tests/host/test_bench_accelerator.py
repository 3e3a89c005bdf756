import json

import pytest

from offramp.host import engine_bench
from offramp.host.cli.main import run
from offramp.host.results import Results


def arguments(*more: str) -> list[str]:
    few = ["--engine", "16", "--images", "30", "--layer-images", "1"]
    return ["bench", "accelerator", "zoo:digits", *few, *more]


def test_engine_equals_golden_and_exits_save_cycles(capsys):
    assert run(arguments("--json")) == 0
    (row,) = json.loads(capsys.readouterr().out)["measured"]
    assert row["images"] == 30
    assert row["layers_compared"] >= 6
    assert row["layers_differing"] == row["results_differing"] == row["cycles_differing"] == 0
    assert row["gain"] > 1
    assert row["cycles_at_exit"] == sorted(row["cycles_at_exit"])
    assert row["gain"] == pytest.approx(row["cycles_without_exits"] / row["mean_cycles"])


def test_result_that_differs_is_counted_and_fails(capsys, monkeypatch):
    genuine = engine_bench._golden

    def wrong(network, images):
        results = genuine(network, images)
        label = results.label.copy()
        label[3] += 1
        return Results(label, results.exit_index, results.score, results.macs, results.n_exits)

    monkeypatch.setattr(engine_bench, "_golden", wrong)
    assert run(arguments()) != 0
    assert "Engine must equal golden" in capsys.readouterr().err
