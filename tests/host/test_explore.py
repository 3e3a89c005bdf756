"""Sweeps over designs: candidates, rates, the front, and what the command writes and refuses."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offramp.fpga import cluster
from offramp.fpga.devices import ENGINE_DEVICES
from offramp.fpga.kept import build_with_seeds
from offramp.fpga.subjects import Subject
from offramp.fpga.synth import SynthesisReport
from offramp.fpga.targets import find_engine_target, find_target
from offramp.golden.network import IntegerNetwork
from offramp.golden.network_file import load_network, save_network
from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.engine import ENGINES
from offramp.host.accelerator import with_unit_for
from offramp.host.cli.main import run
from offramp.host.compile import CompileError, compile_network, predict_cycles, smallest_engine
from offramp.host.explore import (
    COSTS,
    Candidate,
    Row,
    decision_candidates,
    engine_candidates,
    engine_of,
    memory_of,
    pareto_front,
)
from offramp.host.explore_table import explore_table
from offramp.host.image_cycles import exit_shares, image_cycles
from offramp.hw.decision.delivery import MODULE_NAME
from tests.host.test_bad_input import fails


@pytest.fixture(scope="module")
def digits() -> IntegerNetwork:
    return load_network("zoo:digits")


# -- what is swept ---------------------------------------------------------------------------------


def test_engine_is_named_or_a_shape() -> None:
    assert engine_of("32") == ENGINES["32"]
    config = engine_of("8x16x4")
    assert (config.in_lanes, config.out_lanes, config.requantizers) == (8, 16, 4)
    with pytest.raises(ValueError, match=r"^Engine must be one of 8, 16, .* like 4x8x1, not '17'$"):
        engine_of("17")
    with pytest.raises(ValueError, match=r"^Output lanes must be one of 2, 4, 8, 16, 32, not 9$"):
        engine_of("4x9x1")


def test_memory_is_named_fitted_or_in_kib(digits: IntegerNetwork) -> None:
    named, fitted = memory_of("named").of(digits, "16"), memory_of("fitted").of(digits, "16")
    assert named.activation_bytes == ENGINES["16"].activation_bytes
    assert fitted.weight_lines < named.weight_lines
    given_sizes = memory_of("8+64").of(digits, "4x8x1")
    assert given_sizes.activation_bytes == 8192
    assert given_sizes.weight_lines * given_sizes.line_bytes == 65536
    with pytest.raises(ValueError, match=r"^Memory of engine 4x8x1 must be fitted or in KiB"):
        memory_of("named").of(digits, "4x8x1")
    for text in ("large", "8", "8+", "-8+8", ""):
        with pytest.raises(
            ValueError, match=rf"^Memory must be named, .*, not {text!r}$".replace("+", r"\+")
        ):
            memory_of(text)


def test_fitted_memories_are_the_smallest_that_do(digits: IntegerNetwork) -> None:
    config = smallest_engine(digits, with_unit_for(digits, ENGINES["16"]))
    compile_network(digits, config)
    less = {
        "activation_bytes": config.activation_bytes - 2 * config.in_lanes,
        "weight_lines": config.weight_lines - 1,
        "channel_lines": config.channel_lines - 1,
        "program_words": config.program_words - 1,
    }
    for memory, size in less.items():
        with pytest.raises(CompileError, match="must be at least"):
            compile_network(digits, replace(config, **{memory: size}))


def test_candidates_are_every_engine_memory_and_device(digits: IntegerNetwork) -> None:
    shares = exit_shares(digits)
    assert shares is not None
    candidates = engine_candidates(
        digits,
        shares,
        engines=["16"],
        memories=[memory_of("fitted")],
        targets=[find_engine_target("ecp5-25k"), find_engine_target("ulx3s-85f")],
    )
    here, there = (candidate.job for candidate in candidates)
    assert here is not None
    assert there is not None
    # the same design for another device
    assert here.verilog == there.verilog
    assert (here.device, there.device) == ("ecp5-25k", "ecp5-85k-cabga381-6")
    assert here.target_mhz == ENGINE_DEVICES["ecp5-25k"].target_mhz
    cycles = image_cycles(digits, memory_of("fitted").of(digits, "16"))
    assert {candidate.cycles for candidate in candidates} == {cycles.mean(shares)}
    assert {candidate.cycles_without for candidate in candidates} == {cycles.without_exits}


def test_candidate_that_cannot_be_built_says_why(digits: IntegerNetwork) -> None:
    reasons = {
        ("4x8x1", "named"): "Memory of engine 4x8x1 must be fitted or in KiB, not 'named'",
        ("4x8x1", "fitted"): "Multipliers of an engine of 32 MACs must be at most the 28",
        ("4x8x1", "1+1"): "Activation bytes must be at least 1,152 for digits, not 1,024",
        ("4x8x1", "2+1"): "Weight lines must be at least ",
        ("4x8x1", "0+1"): "Activation bytes must be in 1024..524288, not 0",
    }
    candidates = engine_candidates(
        digits,
        (1.0, 0.0, 0.0),
        engines=["4x8x1"],
        memories=[memory_of(memory) for _, memory in reasons],
        targets=[find_engine_target("ecp5-25k")],
    )
    assert [candidate.job for candidate in candidates] == [None] * len(reasons)
    for candidate, (axes, reason) in zip(candidates, reasons.items(), strict=True):
        assert tuple(candidate.axes.values()) == (*axes, "ecp5-25k")
        assert candidate.reason.startswith(reason)
        assert "\n" not in candidate.reason


def test_cycles_are_predicted_and_weighted_by_the_shares(digits: IntegerNetwork) -> None:
    shares = exit_shares(digits)
    assert shares is not None
    assert sum(shares) == pytest.approx(1)
    config = with_unit_for(digits, ENGINES["16"])
    cycles = image_cycles(digits, config)
    predicted = predict_cycles(compile_network(digits, config).program)
    assert cycles.at_exits == tuple(predicted.interval(k) for k in range(digits.n_exits))
    assert all(a < b for a, b in pairwise(cycles.at_exits))
    # an image that passes exits pays for deciding
    assert cycles.without_exits < cycles.at_exits[-1]
    assert cycles.mean((0.5, 0.25, 0.25)) == (
        0.5 * cycles.at_exits[0] + 0.25 * cycles.at_exits[1] + 0.25 * cycles.at_exits[2]
    )


def test_decision_candidates_are_every_combination_or_say_why_not() -> None:
    places = [find_target("up5k")]
    good = decision_candidates(
        n_classes=10, criteria=[("confidence",)], fraction_bits=[3], lanes=[1, 4], targets=places
    )
    assert [(c.axes["lanes"], c.cycles, c.reason) for c in good] == [("1", 10, ""), ("4", 3, "")]
    assert all(c.job is not None for c in good)
    bad = decision_candidates(
        n_classes=10, criteria=[("entropy",)], fraction_bits=[3, 9], lanes=[4], targets=places
    )
    assert [c.job for c in bad] == [None, None]
    assert bad[0].reason.startswith("Criteria with 4 lanes must be without entropy")
    assert bad[1].reason.startswith("Fraction bits must be in ")


def test_interval_of_the_gate_is_that_of_its_multiplier() -> None:
    gate = DecisionConfig(criteria=("margin", "gate"))
    assert Subject(config=gate).interval(2) == Subject(config=gate).interval(5) > 5
    assert Subject(config=gate).interval(200) == 200


# -- rates and the front ---------------------------------------------------------------------------


def report_of(**values: float) -> SynthesisReport:
    facts = {"logic_cells": 100, "dsp": 0, "block_ram": 0, "fmax_mhz": 50.0, "seed": 1} | values
    return SynthesisReport(
        top="top", device="up5k", logic_cell="ICESTORM_LC", lut4=90, flip_flops=10, carry=0,
        tools={}, **facts,  # type: ignore[arg-type]
    )  # fmt: skip


def test_rate_is_that_of_the_best_seed() -> None:
    candidate = Candidate(axes={"device": "up5k"}, cycles=1000.5, cycles_without=4000)
    reports = tuple(report_of(fmax_mhz=mhz, seed=seed) for seed, mhz in ((2, 80.0), (1, 60.0)))
    row = Row(candidate=candidate, reports=reports)
    assert row.rate == 80e6 / 1000.5
    assert row.rate_without == 80e6 / 4000
    assert row.as_dict()["fmax_mhz"] == {"2": 80.0, "1": 60.0}
    empty = Row(candidate=candidate, reason="no room")
    assert (empty.rate, empty.rate_without, empty.cost("dsp")) == (None, None, None)


def test_table_has_every_row_and_its_reason() -> None:
    axes = {"engine": "16", "device": "up5k"}
    good = Row(
        candidate=Candidate(axes=axes, cycles=1000.0, cycles_without=4000),
        reports=(report_of(fmax_mhz=80.0),), reason="seed 2: no room", on_front=True,
    )  # fmt: skip
    bad = Row(candidate=Candidate(axes={**axes, "engine": "32"}), reason="too large")
    table = explore_table([good, bad], "Engines", "images", [1, 2])
    rows = [line for line in table.markdown().splitlines() if line.startswith("| ")]
    assert rows[-2] == (
        "| 16 | up5k | 100 | 10 | 0 | 0 | 80.0 | 1,000 | 80,000 | 20,000 | yes | seed 2: no room |"
    )
    assert rows[-1] == "| 32 | up5k |  |  |  |  |  |  |  |  |  | too large |"
    assert "ICESTORM_LC), MHz those of the best of seeds 1, 2." in table.note


def test_front_is_what_no_other_beats() -> None:
    points = [(1, 5), (2, 4), (2, 5), (3, 3), (3, 3), (4, 4)]
    assert pareto_front(points) == [True, True, False, True, True, False]
    assert pareto_front([]) == []


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), min_size=1, max_size=12))
def test_front_beats_or_equals_everything(points: list[tuple[int, ...]]) -> None:
    front = [point for point, on in zip(points, pareto_front(points), strict=True) if on]
    assert front
    for point in points:
        better = [f for f in front if all(a <= b for a, b in zip(f, point, strict=True))]
        assert better
        # none on the front is beaten
        assert point not in front or all(f == point for f in better)


# -- the command -----------------------------------------------------------------------------------


def test_command_shows_kept_builds_and_rows_that_cannot_be_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # what is kept takes no Ray
    monkeypatch.setattr(cluster, "find_spec", lambda _name: None)
    unit = Subject(config=DecisionConfig(n_classes=10, criteria=("margin",)))
    (built,) = build_with_seeds(
        unit.verilog, MODULE_NAME, "up5k", seeds=[1], out=tmp_path / "builds", target_mhz=60.0
    )
    command = [
        "explore", "decision", "--criteria", "margin", "--device", "up5k", "--seed", "1",
        "--fraction-bits", "3", "--fraction-bits", "9", "--fraction-bits", "3",
        "-o", str(tmp_path),
    ]  # fmt: skip
    assert run(command) == 0
    shown = capsys.readouterr().out
    assert "Fraction bits must be in 2..6, not 9" in shown
    assert shown.splitlines()[-1] == f"Result: {tmp_path / 'decision.md'}"
    assert run([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    good, bad = printed["rows"]
    assert good["rate"] == 1e6 * built.fmax_mhz / 10
    assert [good[cost] for cost in COSTS] == [getattr(built, cost) for cost in COSTS]
    assert (good["on_front"], bad["on_front"]) == (True, False)
    assert json.loads((tmp_path / "decision.json").read_text())["rows"] == printed["rows"]
    assert "| margin | 3 | 1 | up5k |" in (tmp_path / "decision.md").read_text()
    assert ElementTree.parse(tmp_path / "decision.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["accelerator", "--engine", "17"], "Engine must be one of 8, 16, 32"),
        (["accelerator", "--engine", "3x4x1"], "Input lanes must be in 4..16, not 3"),
        (["accelerator", "--memory", "big"], "Memory must be named, fitted or KiB"),
        (["accelerator", "--device", "hx1k"], "Device must be one of ecp5-25k, "),
        (["accelerator", "--seed", "-1"], "Seed must be in 0..2147483647, not -1"),
        (["accelerator", "--cores", "0"], "Cores must be in 1..1024, not 0"),
        (["accelerator", "--net", "zoo:none"], "Network of the zoo must be one of "),
        (["accelerator", "--exit-shares", "0.5,x"], "Exit shares must be 2 numbers in 0..1 with"),
        (["accelerator", "--exit-shares", "0.5,0.6"], "Exit shares must be 2 numbers in 0..1 with"),
        (["accelerator", "--exit-shares", "1"], "Exit shares must be 2 numbers in 0..1 with"),
        (["accelerator", "--engine", "128", "--device", "orangecrab"], "Sweep must have a design "),
        (["decision", "--criteria", "softmax"], "Criterion must be one of confidence, "),
        (["decision", "--criteria", "margin+"], "Criterion must be one of confidence, "),
        (["decision", "--classes", "1"], "Classes must be in 2..1024, not 1"),
        (["decision", "--device", "ecp5-12k"], "Device must be one of ecp5-25k, "),
        (["decision", "--lanes", "3"], "Sweep must have a design that can be built, and none of "),
    ],
)
def test_bad_value_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    said = fails(capsys, "explore", *arguments, "-o", tmp_path / "out")
    assert said.startswith(f"Error: {message}")


def test_network_without_measured_shares_asks_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], digits: IntegerNetwork
) -> None:
    path = tmp_path / "digits.safetensors"
    metadata = {name: value for name, value in digits.metadata.items() if name != "metrics"}
    save_network(replace(digits, metadata=metadata), path)
    said = fails(capsys, "explore", "accelerator", "--net", path, "-o", tmp_path / "out")
    assert "must be given with --exit-shares: its file has none" in said
