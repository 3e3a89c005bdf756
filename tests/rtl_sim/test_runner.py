"""The runner returns only when tests ran and passed: everything else raises, in one line."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from offramp.rtl_sim import object_cache
from offramp.rtl_sim.object_cache import compile_cached
from offramp.rtl_sim.runner import BenchError, available_simulators, run_bench
from offramp.rtl_sim.verilator import ToolError

BENCH = "tests.rtl_sim.sample_bench"
COUNTER = """\
module counter(input clk, output reg [7:0] value);
  initial value = 0;
  always @(posedge clk) value <= value + 8'd1;
endmodule
"""


@pytest.fixture(scope="module", params=available_simulators())
def simulator(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all runs: what is built is built once."""
    return tmp_path_factory.mktemp("bench")


def run(work: Path, simulator: str, behaviour: str, **arguments: object) -> object:
    return run_bench(
        BENCH,
        COUNTER,
        "counter",
        simulator=simulator,
        work=work,
        environment={"SAMPLE_BENCH": behaviour},
        **arguments,  # type: ignore[arg-type]
    )


def test_passing_bench_returns_what_ran(work: Path, simulator: str) -> None:
    result = run_bench(BENCH, COUNTER, "counter", simulator=simulator, work=work)
    assert result.tests == ("counts_clock_cycles",)
    assert (result.passed, result.skipped) == (1, 1)
    # 100 rising edges, the first at once
    assert result.cycles in (99, 100)
    assert result.seconds < 60
    assert "counts_clock_cycles passed" in result.log.read_text()
    assert result.waves is None
    assert result.describe()["simulator"] == simulator


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ("fail", r"Tests of {} must all pass, but 1 of 2 failed \(counts_clock_cycles first\)"),
        ("skip", "Bench {} must run a test, but none ran"),
        ("no test", "Bench {} must leave results, but ended early"),
        ("import error", "Bench {} must leave results, but ended early"),
        ("die", "Bench {} must leave results, but ended early"),
    ],
)
def test_bench_without_a_pass_raises_with_the_log(
    work: Path, simulator: str, behaviour: str, text: str
) -> None:
    # results of a run before must not be taken for this one's
    run(work, simulator, "pass")
    where = re.escape(f"{BENCH} on {simulator}")
    with pytest.raises(BenchError, match=f"^{text.format(where)}, see .*simulation.log$") as error:
        run(work, simulator, behaviour)
    assert "\n" not in str(error.value)
    assert Path(str(error.value).rpartition("see ")[2]).exists()


def test_unknown_bench_raises(work: Path, simulator: str) -> None:
    with pytest.raises(BenchError, match=r"^Bench no\.such\.bench on .* must leave results"):
        run_bench("no.such.bench", COUNTER, "counter", simulator=simulator, work=work)


def test_design_that_does_not_build_raises_with_the_log(tmp_path: Path, simulator: str) -> None:
    with pytest.raises(BenchError, match=rf"^Build of counter for {simulator} must succeed, see"):
        run_bench(BENCH, "module counter(;", "counter", simulator=simulator, work=tmp_path)
    assert "syntax error" in (tmp_path / simulator / "build.log").read_text()


def test_nothing_is_written_outside_the_work_folder(
    work: Path, simulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(work, simulator, "pass")
    assert list(tmp_path.iterdir()) == []


def test_environment_is_put_back_and_an_outer_run_slips_nothing_in(
    work: Path, simulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCOTB_TEST_FILTER", "matches nothing")
    monkeypatch.setenv("WAVES", "1")
    before = dict(os.environ)
    run(work, simulator, "pass")
    assert dict(os.environ) == before


@pytest.mark.skipif("icarus" not in available_simulators(), reason="Icarus is not installed")
def test_waves_are_written_on_request_only(tmp_path: Path) -> None:
    assert run(tmp_path, "icarus", "pass").waves is None  # type: ignore[attr-defined]
    assert not list(tmp_path.rglob("*.fst"))
    waves = run(tmp_path, "icarus", "pass", waves=True).waves  # type: ignore[attr-defined]
    assert waves.stat().st_size > 0


def test_simulator_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert available_simulators() == ("verilator",)
    with pytest.raises(ToolError, match=r"^Simulator icarus must be installed"):
        run(tmp_path, "icarus", "pass")
    with pytest.raises(ToolError, match=r"^Tool g\+\+ must be installed \(Debian package g\+\+\)$"):
        run(tmp_path, "verilator", "pass")


def test_unknown_simulator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^Simulator must be one of verilator, icarus, not 'questa'$"
    ):
        run(tmp_path, "questa", "pass")


# -- the object cache --------------------------------------------------------------------------


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replace the compiler by one that copies the source; return the commands it was called by."""
    calls: list[list[str]] = []

    def call(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        source = Path(command[-1])
        broken = "error" in source.read_text()
        if not broken:
            Path(command[command.index("-o") + 1]).write_text(f"object of {source.read_text()}")
        return subprocess.CompletedProcess(command, int(broken))

    monkeypatch.setattr(object_cache.subprocess, "run", call)
    monkeypatch.chdir(tmp_path)
    for name in ("cache", "runtime", "model"):
        (tmp_path / name).mkdir()
    return calls


def compile_source(tmp_path: Path, source: Path, *options: str) -> int:
    command = ["c++", *options, "-c", "-o", "it.o", str(source)]
    return compile_cached(command, tmp_path / "cache", tmp_path / "runtime")


def test_runtime_is_compiled_once_for_each_content_and_options(
    tmp_path: Path, compiler: list[list[str]]
) -> None:
    source = tmp_path / "runtime" / "verilated.cpp"
    source.write_text("a")
    assert compile_source(tmp_path, source) == 0
    (tmp_path / "it.o").unlink()
    assert compile_source(tmp_path, source) == 0
    assert (tmp_path / "it.o").read_text() == "object of a"
    assert len(compiler) == 1
    compile_source(tmp_path, source, "-O1")
    source.write_text("b")
    compile_source(tmp_path, source)
    assert len(compiler) == 3
    assert (tmp_path / "it.o").read_text() == "object of b"


def test_model_is_compiled_each_time_and_errors_are_not_kept(
    tmp_path: Path, compiler: list[list[str]]
) -> None:
    model, wrong = tmp_path / "model" / "Vtop.cpp", tmp_path / "runtime" / "wrong.cpp"
    model.write_text("a")
    wrong.write_text("error")
    for _ in range(2):
        assert compile_source(tmp_path, model) == 0
        assert compile_source(tmp_path, wrong) == 1
    assert len(compiler) == 4
    assert list((tmp_path / "cache").iterdir()) == []
