"""The example of an own accelerator works as it is written, and its checks find what is wrong."""

import json
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from offramp.host.cli import hardware_example
from offramp.host.cli.main import run
from offramp.rtl_sim.emulator.library import EmulationError
from offramp.rtl_sim.examples.own_accelerator import (
    CONFIG,
    CheckFailedError,
    OwnAccelerator,
    OwnCase,
    firmware_run,
    own_accelerator_files,
    run_firmware,
)
from offramp.rtl_sim.verilator import ToolError, verilator_root
from tests.hw.test_delivery import call, needs_fusesoc, needs_icarus

CORE = "offramp:examples:own_accelerator"
RTL = (
    "own_accelerator.v",
    "own_bus.v",
    "layers.v",
    "own_accelerator_logits.v",
    "decision/offramp_decision_axi.v",
)
EXPECTED = "firmware/expected.h"
HEADER = "decision/offramp_decision.h"
OWN_HEADER = "firmware/own_accelerator.h"

needs_riscv = pytest.mark.skipif(
    shutil.which("riscv64-unknown-elf-gcc") is None or find_spec("unicorn") is None,
    reason="gcc-riscv64-unknown-elf or unicorn is missing",
)
compilers = pytest.mark.parametrize("compiler", ["host", pytest.param("riscv", marks=needs_riscv)])


@pytest.fixture(scope="module")
def case() -> OwnCase:
    return hardware_example._case()


@pytest.fixture(scope="module")
def files(case: OwnCase) -> dict[str, str]:
    return own_accelerator_files(case)


@pytest.fixture
def folder(files: dict[str, str], tmp_path: Path) -> Path:
    hardware_example._write(files, tmp_path)
    return tmp_path


@pytest.fixture
def run_it(files: dict[str, str], folder: Path) -> Callable[[str], firmware_run.FirmwareRun]:
    """Run the firmware of the folder against a fresh accelerator."""

    def run_it(compiler: str) -> firmware_run.FirmwareRun:
        with OwnAccelerator(files) as accelerator:
            return run_firmware(folder, accelerator, compiler)

    return run_it


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_samples_leave_at_every_exit(case: OwnCase) -> None:
    assert case.seen[0] == len(case.logits) == sum(case.exited)
    assert min(case.exited) > 0


@compilers
def test_firmware_passes(run_it: Callable[[str], firmware_run.FirmwareRun], compiler: str) -> None:
    result = run_it(compiler)
    assert result.compiler == compiler
    # an access takes two cycles at least
    assert result.cycles > 2 * result.accesses > 1000


@needs_riscv
def test_riscv_code_sees_the_same_bus_as_the_host(
    run_it: Callable[[str], firmware_run.FirmwareRun],
) -> None:
    host, riscv = run_it("host"), run_it("riscv")
    assert (riscv.accesses, riscv.cycles) == (host.accesses, host.cycles)


@compilers
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ((HEADER, "MAGIC_VALUE 0x4f46", "MAGIC_VALUE 0x4f47"), 1),
        ((HEADER, "_EXITS 3", "_EXITS 2"), 2),
        ((EXPECTED, "expected_seen[] = {32, 13", "expected_seen[] = {32, 14"), 4),
        ((EXPECTED, "expected_label[] = {", "expected_label[] = {9 - "), 5),
        ((EXPECTED, "expected_score[] = {", "expected_score[] = {1 + "), 5),
        ((EXPECTED, "expected_exit[] = {", "expected_exit[] = {1 + "), 5),
    ],
)
def test_firmware_finds_what_differs(
    run_it: Callable[[str], firmware_run.FirmwareRun],
    folder: Path,
    compiler: str,
    changed: tuple[str, str, str],
    code: int,
) -> None:
    change(folder / changed[0], *changed[1:])
    with pytest.raises(CheckFailedError, match=f"^Firmware must return 0, not {code} "):
        run_it(compiler)


@compilers
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        # a register that there is not, a threshold beyond the largest score
        ((OWN_HEADER, "CYCLES 0x1004u", "CYCLES 0x1008u"), "Read of 0x1008 must be legal"),
        ((EXPECTED, "threshold[] = {", "threshold[] = {4096 + "), "Write of 0x0400 must be legal"),
    ],
)
def test_refused_access_is_an_error(
    run_it: Callable[[str], firmware_run.FirmwareRun],
    folder: Path,
    compiler: str,
    changed: tuple[str, str, str],
    message: str,
) -> None:
    change(folder / changed[0], *changed[1:])
    with pytest.raises(EmulationError, match=f"^{message}"):
        run_it(compiler)


@needs_riscv
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("for (;;) ;", "Firmware must end within 2000000 instructions, and does not"),
        ("return *(volatile char *)0x40000000;", "Access of 0x0000 must be of 4 bytes, not 1"),
        ("return *(volatile int *)0x80000000;", "Firmware must run without a fault, but: "),
    ],
)
def test_riscv_code_that_goes_wrong_is_an_error(
    run_it: Callable[[str], firmware_run.FirmwareRun], folder: Path, body: str, message: str
) -> None:
    (folder / "firmware" / "main.c").write_text(f"int main(void) {{ {body} }}\n")
    with pytest.raises(EmulationError, match=f"^{message}"):
        run_it("riscv")


@compilers
def test_firmware_that_does_not_compile_is_one_line(
    run_it: Callable[[str], firmware_run.FirmwareRun], folder: Path, compiler: str
) -> None:
    (folder / "firmware" / "main.c").write_text("int main(void) { return x; }\n")
    with pytest.raises(ToolError, match=r"^Firmware must compile with .*gcc, see .*\.log$"):
        run_it(compiler)


def test_missing_compiler_is_named(
    run_it: Callable[[str], firmware_run.FirmwareRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firmware_run, "RISCV_PREFIX", "no-such-riscv-")
    with pytest.raises(ToolError, match=r"^Tool no-such-riscv-gcc must be installed \(Debian"):
        run_it("riscv")


def test_unknown_compiler_is_refused(run_it: Callable[[str], firmware_run.FirmwareRun]) -> None:
    with pytest.raises(ValueError, match=r"^Compiler must be one of riscv, host, not 'avr'$"):
        run_it("avr")


def test_case_of_another_shape_is_refused(case: OwnCase) -> None:
    with pytest.raises(ValueError, match=r"^Logits must be \[32, 3, 10\], not \[31, 3, 10\]$"):
        OwnCase(logits=case.logits[:31], thresholds=case.thresholds)
    with pytest.raises(ValueError, match=r"^Thresholds must be 3, not 2$"):
        OwnCase(logits=case.logits, thresholds=case.thresholds[:2])
    with pytest.raises(ValueError, match=r"^Logits must be in -128\.\.127, not "):
        OwnCase(logits=case.logits.astype(np.int16) * 9, thresholds=case.thresholds)


def test_command_runs_the_firmware(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["sim", "own-accelerator", "--compiler", "host", "-o", str(tmp_path), "--json"]
    assert run(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["passed"]
    assert sum(result["exited"]) == 32
    assert (tmp_path / "decision" / "offramp_decision.core").exists()


# -- the Verilog -------------------------------------------------------------------------------


def test_verilator_finds_nothing_with_all_its_warnings(folder: Path) -> None:
    lint = [str(verilator_root() / "bin" / "verilator"), "--lint-only", "-Wall", "--quiet"]
    assert call([*lint, "--top-module", "own_accelerator", *RTL], folder) == (0, "")


def run_target(folder: Path, target: str) -> tuple[int, str]:
    fusesoc = [sys.executable, "-m", "fusesoc.main", "--cores-root", "."]
    return call([*fusesoc, "run", "--target", target, CORE], folder)


@needs_fusesoc
@pytest.mark.parametrize(
    "target", ["lint", "sim_verilator", pytest.param("sim", marks=needs_icarus)]
)
def test_fusesoc_runs_the_target_with_the_delivered_core(folder: Path, target: str) -> None:
    code, said = run_target(folder, target)
    assert code == 0, said
    assert "%Warning" not in said
    assert ("PASS: 32 samples" in said) == target.startswith("sim")


@needs_fusesoc
@needs_icarus
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("own_accelerator.v", "decision[0] || ", ""),
        ("own_accelerator.v", "sample, stage}),", "sample, 2'd0}),"),
        ("own_accelerator_expected.hex", "0000000d", "0000000c"),
        ("own_bus.v", "s_axil_bresp <= unit_bresp", "s_axil_bresp <= 2'b00"),
    ],
)
def test_bench_fails_on_what_is_broken(folder: Path, file: str, old: str, new: str) -> None:
    change(folder / file, old, new)
    code, said = run_target(folder, "sim")
    assert code != 0
    assert "FAIL:" in said
    assert "PASS" not in said


def test_configuration_is_that_of_the_verilog() -> None:
    # the widths that own_accelerator.v is written for
    assert (CONFIG.exit_index_width, CONFIG.tag_width, CONFIG.logit_width) == (2, 8, 8)
