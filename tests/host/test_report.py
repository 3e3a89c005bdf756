import json
from pathlib import Path

import pytest

from offramp.host.cli.main import run


def test_the_report_shows_policies_classes_and_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert run(["report", "zoo:digits", "-o", str(page), "--seeds", "0", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["images"] == 539
    assert values["decisions_that_differ_from_golden"] == 0
    assert [rule["criterion"] for rule in values["rules"]] == ["confidence"] * 2
    text = page.read_text()
    assert text.count("<img") == 3
    assert "Easiest and hardest images of each exit" in text
    assert "Exit policies" not in text


def test_a_missing_network_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(tmp_path / "none"), "-o", str(tmp_path / "page.html")]) == 1
    assert "Network file must be readable" in capsys.readouterr().err
