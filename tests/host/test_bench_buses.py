"""offramp bench buses: units of every shape, by name."""

import json
from pathlib import Path

import pytest

from offramp.host.cli.main import run
from offramp.rtl_sim.runner import available_simulators


def test_unit_with_lanes_passes_the_bench(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    # builds in no time
    fast = available_simulators()[-1]
    options = ["--only", "four-lanes", "--simulator", fast, "--vectors", "25", "--json"]
    assert run(["bench", "buses", *options, "-o", str(tmp_path)]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["configuration"], result["simulator"]) == ("four-lanes", fast)
    assert result["passed"] > 30
    assert result["skipped"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "five-lanes"], "Configuration must be one of three-exits, smallest, "),
        (["--vectors", "0"], "Number of vectors must be in 1..100000, not 0"),
    ],
)
def test_what_there_is_not_is_refused(
    capsys: pytest.CaptureFixture, tmp_path: Path, options: list[str], message: str
) -> None:
    assert run(["bench", "buses", *options, "-o", str(tmp_path)]) != 0
    assert message in capsys.readouterr().err
