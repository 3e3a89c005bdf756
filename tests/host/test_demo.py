"""The demo's claims, measured on the test split of the digits."""

import json
import re

import pytest

from offramp.host.cli.main import run


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    assert run(["demo", "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def figures(demo, capsys):
    assert run(["demo", "-o", str(demo), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_rtl_decides_as_the_golden_model(figures):
    assert figures["decisions_that_differ_from_golden"] == 0
    assert figures["decisions_compared"] == 3 * figures["images"]


def test_exits_save_most_of_the_work_and_little_accuracy(figures):
    assert figures["images"] > 450
    assert figures["macs_saved"] >= 0.45
    lost = figures["accuracy_int8_without_exits"] - figures["accuracy_int8_with_exits"]
    assert lost <= 0.006
    assert abs(figures["accuracy_float"] - figures["accuracy_int8_without_exits"]) <= 0.005


def test_every_exit_is_used(figures):
    assert all(share > 0 for share in figures["share_of_images_per_exit"])


def test_decisions_agree_with_float64_softmax(figures):
    assert figures["agreement_with_float64_softmax"] >= 0.999


def test_demo_leaves_network_verilog_results_and_report(demo):
    names = {path.name for path in demo.iterdir()}
    assert {
        "digits.safetensors",
        "offramp_decision.v",
        "results.csv",
        "report.html",
    } <= names
    page = (demo / "report.html").read_text()
    assert len(re.findall("<img ", page)) == 3
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is fetched


def test_second_run_gives_the_same_report(demo):
    first = (demo / "report.html").read_bytes()
    assert run(["demo", "-o", str(demo)]) == 0
    assert (demo / "report.html").read_bytes() == first
