import json
import math
from pathlib import Path

import numpy as np
import pytest

from offramp.golden.network_file import load_network
from offramp.golden.policies import Budget, policy_of
from offramp.host.cli.main import run
from offramp.host.devices import GoldenDevice
from offramp.host.pipeline import run as run_pipeline
from offramp.host.pipeline import set_rules, unit_config
from offramp.host.policies import MATCHED, Comparison, Point, compare_policies, comparison_of_dict
from offramp.host.policy_document import BEGIN, END, replace_results
from offramp.host.workflow import exit_logits, load_splits


@pytest.mark.parametrize("name", ["patience", "eenets"])
def test_a_device_runs_what_a_policy_chose(name: str) -> None:
    network, splits = load_network("zoo:digits"), load_splits("digits", None, 0)
    rules = policy_of(name).fit(exit_logits(network, splits.calibration), Budget(macs=60_000))
    network = network.with_rules(rules)
    device = GoldenDevice(unit_config(network))
    set_rules(network, device)
    results = run_pipeline(network, device, splits.test.images)
    figures = exit_logits(network, splits.test).figures(rules)
    assert results.accuracy(splits.test.labels) == figures.accuracy
    assert results.exit_shares() == list(figures.exit_shares)
    assert results.mean_macs() == pytest.approx(figures.mean_macs)


def test_calibrate_writes_the_rules_of_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "gated.safetensors")
    arguments = ["calibrate", "zoo:digits", "--policy", "eenet", "--budget", "30000", "-o", path]
    assert run([*arguments, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["criteria"] == ["gate", "gate"]
    assert len(values["weights"]) == len(values["offsets"]) == 2
    assert 25_000 < values["calibration_mean_macs"] <= 30_000
    rules = load_network(path).rules or ()
    assert [rule.threshold for rule in rules] == values["thresholds"]
    assert load_network(path).metadata["calibration"]["policy"] == "eenet"
    assert run(["run", path, "--device", "golden", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["rules"] == [rule.describe() for rule in rules]
    assert values["mean_macs"] < 35_000


def test_the_default_is_the_confidence_and_with_a_budget_budgeted_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "plain.safetensors")
    for options, policy in (([], "confidence"), (["--budget", "50000"], "msdnet")):
        assert run(["calibrate", "zoo:digits", *options, "-o", path, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["policy"] == policy


def test_a_guarantee_is_given_for_fixed_criteria_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "safe.safetensors")
    arguments = ["calibrate", "zoo:digits", "--risk", "0.05", "-o", path]
    assert run([*arguments, "--policy", "margin", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["criteria"] == ["margin", "margin"]
    assert "is at most 0.05 with probability" in values["guarantee"]
    assert run([*arguments, "--policy", "eenet"]) == 1
    message = "Policy with a risk must be one of confidence, margin, entropy, not 'eenet'"
    assert message in capsys.readouterr().err


def comparison(**curves: list[tuple[float, float]]) -> Comparison:
    return Comparison(
        network="made up",
        macs_at_exit=(100, 1100),
        macs_without_exits=1000,
        accuracy_without_exits=0.9,
        calibration_images=10,
        test_images=10,
        curves={
            name: [[Point(macs=macs, accuracy=accuracy) for macs, accuracy in points]]
            for name, points in curves.items()
        },
    )


def test_accuracies_are_matched_at_equal_cost() -> None:
    """At 150, 200, 300 and 500 MACs."""
    made = comparison(
        confidence=[(100, 0.5), (200, 0.6), (400, 0.8)],
        margin=[(100, 0.6), (500, 0.7)],
        entropy=[(170, 0.9), (600, 0.9)],
    )
    assert made.matched("confidence") == pytest.approx([0.55, 0.6, 0.7, 0.8])
    assert made.matched("margin") == pytest.approx([0.6125, 0.625, 0.65, 0.7])
    assert math.isnan(made.matched("entropy")[0])
    assert made.matched("entropy")[1:] == pytest.approx([0.9] * 3)
    # what cannot be reached at all costs is no rival
    assert made.best_fixed() == "confidence"


def test_policies_are_compared_on_the_test_split(tmp_path: Path) -> None:
    network, splits = load_network("zoo:digits"), load_splits("digits", None, 0)
    done: list[int] = []
    names = ("margin", "msdnet")
    found = compare_policies(network, splits, seeds=2, names=names, progress=done.append)
    assert done == [1, 2, 3, 4]
    assert found.test_images == len(splits.test)
    first, second = found.curves["margin"]
    assert first != second  # other images were fitted on
    for curve in (first, second):
        costs = [point.macs for point in curve]
        assert costs == sorted(costs)
        assert network.macs_at_exit[0] <= costs[0]
        assert costs[-1] <= network.macs_at_exit[-1]
    assert np.all(found.matched("margin") <= 1)
    assert len(found.as_dict()["matched_accuracy"]["msdnet"]) == len(MATCHED)
    assert comparison_of_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_nothing_is_compared_of_no_seeds() -> None:
    network, splits = load_network("zoo:digits"), load_splits("digits", None, 0)
    message = "Seeds and policies must be at least one, not 0 and 1"
    with pytest.raises(ValueError, match=f"^{message}$"):
        compare_policies(network, splits, seeds=0, names=("margin",))


def test_results_replace_what_a_document_had(tmp_path: Path) -> None:
    made = comparison(
        confidence=[(100, 0.5), (1100, 0.6)],
        **{"eenet": [(100, 0.6), (1100, 0.7)], "eenet-search": [(100, 0.6), (1100, 0.7)]},
    )
    path = tmp_path / "page.md"
    path.write_text(f"# Title\n{BEGIN}\nold\n{END}\nlast\n")
    replace_results(path, {"made-up": made})
    text = path.read_text()
    assert text.startswith(f"# Title\n{BEGIN}\n")
    assert text.endswith(f"{END}\nlast\n")
    assert "| `made-up` | confidence | 51.88 | 61.88 | 61.88 |" in text
    assert "| eenet | 60.50 | 61.00 | 62.00 | 64.00 | 61.88 |" in text
    assert "old" not in text
    assert (tmp_path / "page-made-up.svg").read_text().startswith("<?xml")
    replace_results(path, {"made-up": made})
    assert path.read_text() == text
    path.write_text("nothing")
    with pytest.raises(ValueError, match=r"^Document must have the lines <!-- measured: begin"):
        replace_results(path, {})


def test_bench_policies_keeps_what_was_measured_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = comparison(
        confidence=[(100, 0.5), (1100, 0.6)],
        **{"eenet": [(100, 0.6), (1100, 0.7)], "eenet-search": [(100, 0.6), (1100, 0.7)]},
    )
    figures = tmp_path / "policies.json"
    figures.write_text(json.dumps({"networks": {"old": made.as_dict()}}))
    document = tmp_path / "page.md"
    document.write_text(f"{BEGIN}\n{END}\n")
    names = ("confidence", "eenet", "eenet-search")
    monkeypatch.setattr("offramp.host.policies.BUDGETS", (0.2,))
    monkeypatch.setattr("offramp.host.cli.bench_policies.POLICIES", dict.fromkeys(names))
    arguments = ["bench", "policies", "zoo:digits", "--seeds", "1", "-o", str(tmp_path)]
    assert run([*arguments, "--document", str(document)]) == 0
    text = document.read_text()
    assert "| `old` |" in text
    assert "| `digits` |" in text
    assert list(json.loads(figures.read_text())["networks"]) == ["old", "digits"]
    assert (tmp_path / "digits.svg").exists()
    capsys.readouterr()
    figures.write_text("{}")
    assert run(arguments) == 1
    assert "Figures must be those of bench policies, not " in capsys.readouterr().err
