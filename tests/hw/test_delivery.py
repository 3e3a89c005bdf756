"""What is handed out with the Verilog works where there is neither Python nor cocotb."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.delivery import AXI_MODULE_NAME, C_HEADER_NAME, MODULE_NAME
from offramp.hw.decision.delivery_text import CORE_NAME
from offramp.rtl_sim import object_cache
from offramp.rtl_sim.cache import cache_folder
from offramp.rtl_sim.delivery import (
    CORE_FILE_NAME,
    DOCUMENT_NAME,
    VECTORS_NAME,
    decision_delivery,
    delivery_manifest,
)
from offramp.rtl_sim.verilator import tool_environment, verilator_root

CONFIGS = {
    "default": DecisionConfig(),
    "smallest": DecisionConfig(
        n_classes=2, logit_width=4, fraction_bits=2, mantissa_bits=4, n_exits=1, tag_width=1
    ),
    "large": DecisionConfig(
        n_classes=250, logit_width=10, fraction_bits=4, n_exits=16, tag_width=28
    ),
    "bare": DecisionConfig(n_exits=1, tag_width=0, with_score=False),
    "four lanes": DecisionConfig(lanes=4),
    "two": DecisionConfig(criteria=("confidence", "margin")),
    "margin": DecisionConfig(criteria=("margin",)),
    "wide margin, eight lanes": DecisionConfig(criteria=("margin",), logit_width=16, lanes=8),
    "entropy": DecisionConfig(criteria=("entropy",), logit_width=12, fraction_bits=6),
    "patience": DecisionConfig(criteria=("patience",), n_exits=4),
    "patience, two lanes": DecisionConfig(criteria=("patience",), n_exits=4, lanes=2),
    "all": DecisionConfig(
        criteria=("confidence", "margin", "entropy", "gate", "patience"), n_exits=3, tag_width=5
    ),
}
N_LINES = 800
"""Lines of the files of vectors, a sixth of what is handed out."""
WITHOUT_BUSES = ("bare", "margin", "wide margin, eight lanes", "patience", "patience, two lanes")
MODULES = [MODULE_NAME, AXI_MODULE_NAME]
BY_HAND = Path(__file__).parent / "data" / "by_hand_tb.v"

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus is missing")
needs_fusesoc = pytest.mark.skipif(find_spec("fusesoc") is None, reason="fusesoc is missing")


def bus_of(name: str) -> str:
    return "none" if name in WITHOUT_BUSES else "axi"


@pytest.fixture(scope="module")
def deliveries() -> dict[str, dict[str, str]]:
    return {
        name: decision_delivery(config, bus_of(name), n_lines=N_LINES)
        for name, config in CONFIGS.items()
    }


@pytest.fixture
def delivery(deliveries: dict[str, dict[str, str]], tmp_path: Path) -> Path:
    """A folder with all files of the default configuration."""
    write(deliveries["default"], tmp_path)
    return tmp_path


def write(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


def environment(folder: Path) -> dict[str, str]:
    return {
        **tool_environment(),
        # Verilator's runtime takes most of the time of a build
        "OBJCACHE": shlex.join([sys.executable, object_cache.__file__]),
        object_cache.FOLDER_VARIABLE: str(cache_folder().resolve()),
        # fusesoc keeps its settings there
        **{f"XDG_{kind}_HOME": str(folder / "xdg") for kind in ("CONFIG", "CACHE", "DATA")},
        "OPT_FAST": "-O0",
    }


def call(command: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def run_icarus(folder: Path, *sources: str) -> tuple[int, str]:
    code, said = call(["iverilog", "-Wall", "-o", "tb", *sources], folder)
    assert (code, said) == (0, "")
    return call(["vvp", "-n", "tb"], folder)


def run_verilator(folder: Path, *sources: str) -> tuple[int, str]:
    top = Path(sources[-1]).stem
    command = [str(verilator_root() / "bin" / "verilator"), "--binary", "-CFLAGS", "-std=c++20"]
    code, said = call([*command, "--top-module", top, *sources], folder)
    assert code == 0, said
    assert "%Warning" not in said
    return call([f"obj_dir/V{top}"], folder)


# -- benches -----------------------------------------------------------------------------------


@needs_icarus
@pytest.mark.parametrize(
    ("config", "module"),
    [
        # what FuseSoC runs below is not here
        ("default", AXI_MODULE_NAME),
        ("smallest", MODULE_NAME),
        ("large", AXI_MODULE_NAME),
        ("bare", MODULE_NAME),
        ("margin", MODULE_NAME),
        ("patience", MODULE_NAME),
        *((config, module) for config in ("four lanes", "two", "entropy") for module in MODULES),
    ],
)
def test_bench_passes_on_icarus(
    deliveries: dict[str, dict[str, str]], tmp_path: Path, config: str, module: str
) -> None:
    write(deliveries[config], tmp_path)
    code, said = run_icarus(tmp_path, f"{module}.v", f"{module}_tb.v")
    assert (code, said[:5]) == (0, "PASS:"), said


def test_bench_with_buses_passes_on_verilator(delivery: Path) -> None:
    # the one without is run by FuseSoC below
    code, said = run_verilator(delivery, f"{AXI_MODULE_NAME}.v", f"{AXI_MODULE_NAME}_tb.v")
    assert (code, said[:5]) == (0, "PASS:"), said


@pytest.mark.parametrize("config", CONFIGS)
def test_verilator_finds_nothing_with_all_its_warnings(
    deliveries: dict[str, dict[str, str]], tmp_path: Path, config: str
) -> None:
    write(deliveries[config], tmp_path)
    lint = [str(verilator_root() / "bin" / "verilator"), "--lint-only", "-Wall", "--quiet"]
    for module in MODULES:
        if f"{module}.v" in deliveries[config]:
            assert call([*lint, f"{module}.v"], tmp_path) == (0, "")


FAULTS = {
    "reset that clears nothing": (r"if \(rst\)", "if (1'h0)"),
    "or in place of and": (r"(assign \w+ = \w+) & ", r"\1 | "),
    "difference in place of sum": (r"(assign \w+ = [^;]*) \+ ", r"\1 - "),
}


@needs_icarus
@pytest.mark.parametrize("fault", FAULTS)
def test_bench_fails_on_a_broken_unit(delivery: Path, fault: str) -> None:
    source = delivery / f"{MODULE_NAME}.v"
    right = source.read_text()
    pattern, wrong = FAULTS[fault]
    broken = re.sub(pattern, wrong, right)
    assert broken != right
    source.write_text(broken)
    code, said = run_icarus(delivery, source.name, f"{MODULE_NAME}_tb.v")
    assert code != 0
    assert "FAIL:" in said
    assert "PASS" not in said


@needs_icarus
@pytest.mark.parametrize(
    ("pattern", "wrong", "reason"),
    [
        # a decision: score and label beside the exit
        (r"^(1_.*)_0$", r"\1_1", "o_exit is wrong"),
        (r"^(1_.*)_\w(_\w)$", r"\1_f\2", "o_label is wrong"),
        (r"\A([\s\S]{2000})[\s\S]*", r"\1", "the file of vectors is not whole"),
    ],
)
def test_bench_fails_on_wrong_vectors(
    delivery: Path, pattern: str, wrong: str, reason: str
) -> None:
    vectors = delivery / VECTORS_NAME
    right = vectors.read_text()
    vectors.write_text(re.sub(pattern, wrong, right, count=1, flags=re.MULTILINE))
    code, said = run_icarus(delivery, f"{MODULE_NAME}.v", f"{MODULE_NAME}_tb.v")
    assert code != 0
    assert reason in said


@needs_icarus
def test_bench_fails_on_a_unit_that_hangs(delivery: Path) -> None:
    source = delivery / f"{MODULE_NAME}.v"
    right = source.read_text()
    without_clock = right.replace(".clk(clk)", ".clk(1'h0)")
    assert without_clock != right
    source.write_text(without_clock)
    code, said = run_icarus(delivery, source.name, f"{MODULE_NAME}_tb.v")
    assert code != 0
    assert "hangs" in said


@needs_icarus
def test_bench_written_by_hand_from_the_port_table_passes_on_icarus(delivery: Path) -> None:
    assert run_icarus(delivery, f"{MODULE_NAME}.v", str(BY_HAND)) == (0, "PASS\n")


# -- FuseSoC -----------------------------------------------------------------------------------


@needs_fusesoc
@pytest.mark.parametrize(
    "target",
    [
        "lint",
        "lint_axi",
        pytest.param("sim", marks=needs_icarus),
        "sim_verilator",
    ],
)
def test_fusesoc_runs_the_target(delivery: Path, target: str) -> None:
    fusesoc = [sys.executable, "-m", "fusesoc.main", "--cores-root", "."]
    code, said = call([*fusesoc, "run", "--target", target, CORE_NAME], delivery)
    assert code == 0, said
    assert "%Warning" not in said
    assert ("PASS:" in said) == target.startswith("sim")


@needs_fusesoc
@needs_icarus
@pytest.mark.parametrize("target", ["lint", "lint_axi", "sim", "sim_axi"])
def test_fusesoc_runs_the_target_of_all_criteria(
    deliveries: dict[str, dict[str, str]], tmp_path: Path, target: str
) -> None:
    write(deliveries["all"], tmp_path)
    fusesoc = [sys.executable, "-m", "fusesoc.main", "--cores-root", "."]
    code, said = call([*fusesoc, "run", "--target", target, CORE_NAME], tmp_path)
    assert code == 0, said
    assert "%Warning" not in said
    assert ("PASS:" in said) == target.startswith("sim")


@needs_icarus
@pytest.mark.parametrize(
    ("config", "pattern", "wrong"),
    [
        # the other exit's, and the first criterion's in place of patience and gate
        ("two", r"= selection__1;", "= selection__0;"),
        ("all", r"3'h4:", "3'h5:"),
        ("all", r"3'h3:", "3'h5:"),
    ],
)
def test_bench_fails_on_a_unit_that_selects_another_criterion(
    deliveries: dict[str, dict[str, str]], tmp_path: Path, config: str, pattern: str, wrong: str
) -> None:
    write(deliveries[config], tmp_path)
    source = tmp_path / f"{MODULE_NAME}.v"
    broken = re.sub(pattern, wrong, source.read_text())
    assert broken != source.read_text()
    source.write_text(broken)
    code, said = run_icarus(tmp_path, source.name, f"{MODULE_NAME}_tb.v")
    assert code != 0
    assert "FAIL:" in said


@needs_fusesoc
@needs_icarus
def test_fusesoc_fails_where_the_bench_does(delivery: Path) -> None:
    source = delivery / f"{MODULE_NAME}.v"
    source.write_text(source.read_text().replace("if (rst)", "if (1'h0)"))
    fusesoc = [sys.executable, "-m", "fusesoc.main", "--cores-root", "."]
    code, said = call([*fusesoc, "run", "--target", "sim", CORE_NAME], delivery)
    assert code != 0
    assert "FAIL:" in said


# -- documents ---------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is missing")
def test_header_compiles_without_a_warning(delivery: Path) -> None:
    (delivery / "it.c").write_text(f'#include "{C_HEADER_NAME}"\nint main(void) {{ return 0; }}\n')
    flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    assert call(["gcc", *flags, "-c", "it.c"], delivery) == (0, "")


@pytest.mark.parametrize("config", CONFIGS)
def test_identifiers_are_plain(deliveries: dict[str, dict[str, str]], config: str) -> None:
    for module in MODULES:
        text = deliveries[config].get(f"{module}.v", "")
        assert "\\" not in text
        assert not re.search(r"\bport_\d|\bauto_|rtlil", text)


@pytest.mark.parametrize("config", CONFIGS)
def test_document_has_every_port_of_the_verilog(
    deliveries: dict[str, dict[str, str]], config: str
) -> None:
    files = deliveries[config]
    rows = dict(re.findall(r"^\| `(\w+)` \| (input|output) ", files[DOCUMENT_NAME], re.MULTILINE))
    for module in MODULES:
        if f"{module}.v" not in files:
            continue
        text = re.search(rf"^module {module}\(.*?^endmodule", files[f"{module}.v"], re.S | re.M)
        assert text is not None
        declared = re.findall(r"^  (input|output) (?:\[\d+:0\] )?(\w+);", text[0], re.MULTILINE)
        assert declared
        for direction, port in declared:
            assert rows.pop(port) == direction
    assert not rows


def test_manifest_says_what_the_files_are(deliveries: dict[str, dict[str, str]]) -> None:
    files = deliveries["default"]
    config = CONFIGS["default"]
    manifest = delivery_manifest(config, files, [])
    for name, text in files.items():
        assert manifest["files"][name]["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert manifest["table"] == list(config.table)
    assert list(manifest["modules"]) == MODULES
    assert manifest["modules"][MODULE_NAME]["ports"][0]["name"] == "clk"
    assert "offramp" in manifest["versions"]


def test_delivery_without_buses_names_none(deliveries: dict[str, dict[str, str]]) -> None:
    files = deliveries["bare"]
    assert len(files) == 5
    assert not [name for name in files if "axi" in name or name == C_HEADER_NAME]
    assert "axi" not in files[CORE_FILE_NAME]
    assert "axi" not in files[DOCUMENT_NAME]


def test_delivery_is_the_same_each_time(deliveries: dict[str, dict[str, str]]) -> None:
    again = decision_delivery(CONFIGS["default"], "axi", n_lines=N_LINES)
    assert again == deliveries["default"]
    other = decision_delivery(CONFIGS["default"], "none", seed=2, n_lines=N_LINES)
    different = {name for name, text in other.items() if text != again[name]}
    assert VECTORS_NAME in different
    assert f"{MODULE_NAME}.v" not in different


def test_unknown_bus_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Bus must be .*, not 'wishbone'"):
        decision_delivery(CONFIGS["default"], "wishbone")


def test_verilog_of_the_benches_names_no_path(deliveries: dict[str, dict[str, str]]) -> None:
    # what differs from machine to machine has no place in it
    for text in deliveries["default"].values():
        assert os.sep + "tmp" not in text
        assert str(Path.home()) not in text
