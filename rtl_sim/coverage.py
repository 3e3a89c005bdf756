"""Line and toggle coverage of the decision unit under its standalone bench, by Verilator."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ..golden.spec.decision import DecisionConfig
from ..hw.decision.delivery import MODULE_NAME, decision_verilog
from ..hw.decision.delivery_ports import decision_latency, decision_ports
from . import object_cache
from .cache import cache_folder
from .standalone import bench_name, decision_bench, vector_file
from .verilator import ToolError, require_tool, tool_environment, verilator_root
from .yosys import must_run_yosys

__all__ = ["CoverageReport", "Gap", "measure_coverage"]

N_LINES = 300_000
"""Lines of vectors: a million cycles in all rounds."""


@dataclass(frozen=True)
class Gap:
    """A point that was never reached.

    Attributes
    ----------
    kind : str
        ``line``, ``branch`` or ``toggle``.
    where : str
        Line of the Verilog.
    what : str
        The bit that never changed, with the direction, or the text of the line.
    reason : str or None
        ``constant`` if synthesis finds that the bit cannot change, None if no reason is known.
    """

    kind: str
    where: int
    what: str
    reason: str | None


@dataclass(frozen=True)
class CoverageReport:
    """Points reached and in all, by kind, and the gaps."""

    reached: dict[str, int]
    points: dict[str, int]
    gaps: tuple[Gap, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return {
            **{kind: self.reached[kind] / self.points[kind] for kind in sorted(self.points)},
            "points": self.points,
            "reached": self.reached,
            "gaps_explained": sum(gap.reason is not None for gap in self.gaps),
            "gaps_not_explained": sum(gap.reason is None for gap in self.gaps),
            "gaps": [asdict(gap) for gap in self.gaps],
            "versions": {name: version(name) for name in ("offramp", "verilator")},
        }


def measure_coverage(config: DecisionConfig, *, seed: int = 1, work: Path) -> CoverageReport:
    """Run the standalone bench with many vectors and report what of the unit it reaches.

    Parameters
    ----------
    config : DecisionConfig
    seed : int
        Of the random vectors.
    work : Path
        Folder for the build, made if need be.

    Raises
    ------
    ToolError
        A tool is missing or fails, or the bench does.
    """
    require_tool("g++", "Debian package g++")
    require_tool("make", "Debian package make")
    require_tool("perl", "Debian package perl")
    work.mkdir(parents=True, exist_ok=True)
    verilog = decision_verilog(config)
    vectors = vector_file(config, seed=seed, n_lines=N_LINES)
    ports, latency = decision_ports(config), decision_latency(config)
    bench = bench_name(MODULE_NAME)
    (work / "unit.v").write_text(verilog)
    (work / "vectors.hex").write_text(vectors.text)
    (work / f"{bench}.v").write_text(decision_bench(config, ports, latency, vectors, "vectors.hex"))
    _call(
        [str(verilator_root() / "bin" / "verilator"), "--binary", "-CFLAGS", "-std=c++20",
         "--coverage-line", "--coverage-toggle",
         # the counters of single bits keep Verilator from splitting vectors: slower, but no loop
         "-Wno-UNOPTFLAT", "--top-module", bench, "unit.v", f"{bench}.v"],
        work, "build",
    )  # fmt: skip
    _call([f"obj_dir/V{bench}"], work, "run")
    counts: Counter[_Point] = Counter()
    for point, count in _points((work / "coverage.dat").read_text(), f"{bench}.dut"):
        counts[point] += count
    constants = _constant_bits(work)
    lines = verilog.splitlines()
    gaps = tuple(
        Gap(
            point.kind,
            point.line,
            f"{point.bit} {point.change}" if point.bit else lines[point.line - 1].strip(),
            "constant" if point.bit in constants else None,
        )
        for point, count in sorted(counts.items())
        if not count
    )
    points = Counter(point.kind for point in counts)
    reached = Counter(point.kind for point, count in counts.items() if count)
    return CoverageReport(dict(reached), dict(points), gaps)


class _Point(NamedTuple):
    """What may be reached; `bit` and `change` of toggles only, the bit with its path."""

    kind: str
    line: int
    bit: str
    change: str


def _points(text: str, top: str) -> Iterator[tuple[_Point, int]]:
    """Yield each point in the unit, whose instance is `top`, and how often it was reached."""
    for keys, count in re.findall(r"^C '(.*)' (\d+)$", text, re.MULTILINE):
        fields = dict(part.split("\x02", 1) for part in keys.split("\x01") if part)
        if fields["f"] == "unit.v":
            kind = fields["page"].partition("/")[0].removeprefix("v_")
            bit = change = ""
            if kind == "toggle":
                name, _, change = fields["o"].rpartition(":")
                bit = f"{fields['h']}.{name}".removeprefix(f"{top}.")
                bit = bit if bit.endswith("]") else f"{bit}[0]"
            yield _Point(kind, int(fields["l"]), bit, change), int(count)


def _constant_bits(work: Path) -> set[str]:
    """Return the bits that synthesis finds to be constant, whatever the inputs are."""
    must_run_yosys(
        f"read_verilog unit.v\nsynth -flatten -noabc -top {MODULE_NAME}\nwrite_json unit.json\n",
        work,
        "constants",
    )
    nets = json.loads((work / "unit.json").read_text())["modules"][MODULE_NAME]["netnames"]
    return {
        f"{name}[{place + net.get('offset', 0)}]"
        for name, net in nets.items()
        for place, bit in enumerate(net["bits"])
        # a number is a signal
        if isinstance(bit, str)
    }


def _call(command: list[str], folder: Path, name: str) -> None:
    environment = {
        **tool_environment(),
        "OBJCACHE": shlex.join([sys.executable, object_cache.__file__]),
        object_cache.FOLDER_VARIABLE: str(cache_folder().resolve()),
    }
    log = folder / f"{name}.log"
    with log.open("w") as stream:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    if done.returncode:
        raise ToolError(f"Tool {os.path.basename(command[0])} must succeed, see {log}")
