from dataclasses import replace

import pytest

from offramp.fpga import build_hash as module
from offramp.fpga.build_hash import build_hash
from offramp.golden.spec.engine import EngineConfig

CONFIG = EngineConfig()
ONE = ("ulx3s-85f", CONFIG, 100_000_000, 3_000_000)


def test_hash_is_32_bits_and_the_same_each_time():
    assert build_hash(*ONE) == build_hash(*ONE)
    assert 0 <= build_hash(*ONE) < 1 << 32


@pytest.mark.parametrize(
    "other",
    [
        ("ulx3s-25f", *ONE[1:]),
        (ONE[0], replace(CONFIG, weight_lines=4097), *ONE[2:]),
        (ONE[0], replace(CONFIG, decision=replace(CONFIG.decision, n_exits=3)), *ONE[2:]),
        (*ONE[:2], 100_000_001, ONE[3]),
        (*ONE[:3], 1_000_000),
    ],
)
def test_hash_differs_with_all_that_the_design_depends_on(other):
    assert build_hash(*other) != build_hash(*ONE)


def test_hash_differs_with_version_and_sources(monkeypatch):
    before = build_hash(*ONE)
    monkeypatch.setattr(module, "version", lambda name: f"{name} of tomorrow")
    assert build_hash(*ONE) != before
    monkeypatch.undo()
    monkeypatch.setattr(module, "SOURCES", ("golden/spec",))
    assert build_hash(*ONE) != before
