import json
from pathlib import Path

import pytest

from offramp.golden.calibrate import exit_indices
from offramp.golden.network_file import load_network
from offramp.golden.risk import RiskConfig
from offramp.host.cli.main import run
from offramp.host.pipeline import unit_config
from offramp.host.workflow import (
    calibrate_with_risk,
    load_splits,
    quantize_checkpoint,
    scores_and_predictions,
)


def test_calibrate_prints_and_stores_what_holds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "safe.safetensors"
    arguments = ["calibrate", "zoo:digits", "--risk", "0.03", "--delta", "0.1", "-o", str(path)]
    assert run([*arguments, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (
        "is at most 0.03 with probability at least 0.9 over the draw of the 359"
        in (values["guarantee"])
    )
    assert "Not counted: the network's ranges" in values["guarantee"]
    record = load_network(path).metadata["calibration"]
    assert record["statement"] == values["guarantee"]
    assert record["risk"]["method"] == "ltt"
    assert len(set(values["thresholds"])) == 1


def test_reserved_images_make_the_statement_whole(checkpoint: Path) -> None:
    splits = load_splits("digits", None, 0)
    network = quantize_checkpoint(checkpoint, None, reserve=True)
    assert network.metadata["quantization"]["images"] == 180
    calibrated, figures = calibrate_with_risk(network, splits, RiskConfig(epsilon=0.05))
    record = calibrated.metadata["calibration"]
    assert (record["images"], figures.n) == (179, 179)
    assert "Not counted" not in record["statement"]
    assert figures.n_harmed <= 0.05 * 179


@pytest.mark.parametrize("method", ["ltt", "ucb", "crc"])
def test_the_lower_the_risk_the_higher_the_threshold(method: str) -> None:
    network, splits = load_network("zoo:digits"), load_splits("digits", None, 0)
    found = []
    for epsilon in (0.02, 0.05, 0.2):
        config = RiskConfig(epsilon=epsilon, delta=0.1, method=method)
        calibrated, _ = calibrate_with_risk(network, splits, config)
        found.append((calibrated.thresholds or ())[0])
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]
    # what the test split says, which nothing was chosen on
    scores, predictions = scores_and_predictions(
        unit_config(network), network.forward(splits.test.images)
    )
    exits = exit_indices([found[1]] * 2, scores)
    taken = predictions[range(len(exits)), exits]
    harmed = (predictions[:, -1] == splits.test.labels) & (taken != splits.test.labels)
    assert harmed.mean() <= 0.05


def test_a_risk_that_so_few_images_cannot_show_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["calibrate", "zoo:digits", "--risk", "0.001", "-o", str(tmp_path / "x")]
    assert run(arguments) == 1
    error = capsys.readouterr().err
    assert "Risk must be attainable with 359 calibration images, not 0.001" in error
    assert not (tmp_path / "x").exists()
    assert run([*arguments[:2], "--risk", "2", "-o", str(tmp_path / "x")]) == 1
    assert "Risk must be in (0, 1), not 2.0" in capsys.readouterr().err


def test_a_budget_is_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = tmp_path / "cheap"
    arguments = ["calibrate", "zoo:digits", "--budget", "30000", "-o", str(output), "--json"]
    assert run(arguments) == 0
    assert 25_000 < json.loads(capsys.readouterr().out)["calibration_mean_macs"] <= 30_000
    assert load_network(output).metadata["calibration"]["budget_macs"] == 30_000
    assert run([*arguments, "--risk", "0.1"]) == 1
    assert "Budget and risk must not be given together" in capsys.readouterr().err
