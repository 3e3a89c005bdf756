"""`offramp verilog accelerator` writes a folder that works where there is no Python."""

import hashlib
import json
import re
import sys
from pathlib import Path

import pytest

from offramp.host.cli.main import run
from offramp.hw.engine.delivery_text import CORE_NAME
from offramp.rtl_sim.verilator import verilator_root
from tests.hw.test_delivery import call, needs_fusesoc, needs_icarus, run_icarus

NAME = "offramp_accelerator"
DATA = ("program", "images", "results")
PLAIN = {f"{NAME}.v", f"{NAME}_tb.v", f"{NAME}.core", f"{NAME}.md"} | {
    f"{NAME}_{data}.hex" for data in DATA
}
AXI = {f"{NAME}_axi.v", f"{NAME}_axi_tb.v", f"{NAME}.h", f"{NAME}_registers.md"}
MODULES = [NAME, f"{NAME}_axi"]


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivery")
    options = ["--engine", "16", "--images", "3", "--bus", "axi"]
    assert run(["verilog", "accelerator", *options, "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(delivery: Path, tmp_path: Path) -> Path:
    for name in PLAIN | AXI:
        (tmp_path / name).write_bytes((delivery / name).read_bytes())
    return tmp_path


def test_folder_holds_what_the_manifest_says(delivery: Path) -> None:
    manifest = json.loads((delivery / f"{NAME}.json").read_text())
    assert {path.name for path in delivery.iterdir()} == PLAIN | AXI | {f"{NAME}.json"}
    assert set(manifest["files"]) == PLAIN | AXI
    for name, facts in manifest["files"].items():
        assert hashlib.sha256((delivery / name).read_bytes()).hexdigest() == facts["sha256"]
    assert manifest["parameters"]["macs"] == 16
    assert manifest["network"] == "zoo:digits"
    assert set(manifest["modules"]) == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_ports_are_those_of_the_verilog(delivery: Path, module: str) -> None:
    text = (delivery / f"{module}.v").read_text()
    written = re.findall(r"^// (\w+) +(?:in|out)put +\d+ bit", text, re.MULTILINE)
    manifest = json.loads((delivery / f"{NAME}.json").read_text())
    assert [port["name"] for port in manifest["modules"][module]["ports"]] == written
    document = (delivery / f"{NAME}.md").read_text()
    assert all(f"| `{port}` |" in document for port in written)


@needs_icarus
def test_bench_passes_on_icarus(copy: Path) -> None:
    code, said = run_icarus(copy, f"{NAME}.v", f"{NAME}_tb.v")
    assert (code, said[:5]) == (0, "PASS:"), said


@needs_icarus
@pytest.mark.parametrize(
    ("bit", "reason"), [(1, "exit"), (5, "label"), (15, "score"), (32, "cycles")]
)
def test_bench_fails_on_a_wrong_result(copy: Path, bit: int, reason: str) -> None:
    path = copy / f"{NAME}_results.hex"
    first, *others = path.read_text().split()
    path.write_text("\n".join([f"{int(first, 16) ^ 1 << bit:016x}", *others, ""]))
    code, said = run_icarus(copy, f"{NAME}.v", f"{NAME}_tb.v")
    assert code != 0
    assert f"the {reason} " in said


@needs_fusesoc
@pytest.mark.parametrize(
    "target", ["lint", "lint_axi", pytest.param("sim_axi", marks=needs_icarus)]
)
def test_fusesoc_runs_the_target(copy: Path, target: str) -> None:
    fusesoc = [sys.executable, "-m", "fusesoc.main", "--cores-root", "."]
    code, said = call([*fusesoc, "run", "--target", target, CORE_NAME], copy)
    assert code == 0, said
    assert "%Warning" not in said
    assert ("PASS:" in said) == target.startswith("sim")


@pytest.mark.parametrize("module", MODULES)
def test_verilator_finds_nothing_in_the_benches(copy: Path, module: str) -> None:
    lint = [str(verilator_root() / "bin" / "verilator"), "--lint-only", "--timing", "--quiet"]
    sources = [f"{module}.v", f"{module}_tb.v"]
    assert call([*lint, "--top-module", f"{module}_tb", *sources], copy) == (0, "")


@pytest.mark.parametrize(
    ("command", "options", "text"),
    [
        ("verilog", ["--bus", "apb"], "Bus must be"),
        ("verilog", ["--engine", "17"], "Engine must be"),
        ("verilog", ["--family", "xc7"], "Family must be"),
        ("sim", ["--engine", "17"], "Engine must be"),
    ],
)
def test_bad_option_is_one_line_and_leaves_no_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    options: list[str],
    text: str,
) -> None:
    assert run([command, "accelerator", *options, "-o", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {text}")
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_engine_behind_a_uart_comes_with_its_ports(tmp_path: Path) -> None:
    options = ["--images", "3", "--bus", "uart", "--clock-hz", "24000000", "--baud", "3000000"]
    assert run(["verilog", "accelerator", *options, "-o", str(tmp_path)]) == 0
    manifest = json.loads((tmp_path / f"{NAME}.json").read_text())
    text = (tmp_path / f"{NAME}_uart.v").read_text()
    assert re.search(r"^// baud +3000000$", text, re.MULTILINE)
    written = re.findall(r"^// (\w+) +(?:in|out)put +\d+ bit", text, re.MULTILINE)
    ports = manifest["modules"][f"{NAME}_uart"]["ports"]
    assert [port["name"] for port in ports] == written == ["clk", "rst", "rx", "tx"]
    # what has no bench in Verilog is no target of the core
    assert f"{NAME}_uart" not in (tmp_path / f"{NAME}.core").read_text()


def test_clock_that_cannot_give_the_baud_rate_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--bus", "uart", "--clock-hz", "10000000", "--baud", "3000000"]
    assert run(["verilog", "accelerator", *options, "-o", str(tmp_path)]) != 0
    assert "Baud rate must be at most 1/8 of the clock" in capsys.readouterr().err
