from dataclasses import replace

import pytest

from offramp.fpga import linked
from offramp.fpga.board_top import board_sources
from offramp.fpga.boards import find_board
from offramp.fpga.linked import LinkedCore, hash_of
from offramp.golden.spec.engine import EngineConfig

BOARD = find_board("ulx3s-25f")
CONFIG = EngineConfig(activation_bytes=1024, weight_lines=16, channel_lines=16, program_words=32)
CLOCK, BAUD = 100_000_000, 3_000_000


@pytest.fixture(scope="module")
def core():
    return LinkedCore(BOARD, CONFIG, BAUD)


def test_build_hash_is_in_the_design(core):
    number = core.build_hash(CLOCK)
    made = core(CLOCK)
    assert made.link_config.build_hash == number
    assert hash_of(BOARD.name, board_sources(BOARD, made, CLOCK)) != number


@pytest.mark.parametrize(
    ("config", "baud", "clock"),
    [(replace(CONFIG, weight_lines=17), BAUD, CLOCK), (CONFIG, BAUD, 105_000_000)],
)
def test_build_hash_differs_where_the_design_does(core, config, baud, clock):
    assert LinkedCore(BOARD, config, baud).build_hash(clock) != core.build_hash(CLOCK)


def test_hash_is_of_board_version_and_texts_without_comments(monkeypatch):
    sources = {".v": "a b\n", ".lpf": "c"}
    number = hash_of("board", sources)
    assert hash_of("board", {".v": "a b\n\n// remark\n", ".lpf": "c"}) == number
    assert hash_of("board", {".v": "a b", ".lpf": "d"}) != number
    assert hash_of("other", sources) != number
    monkeypatch.setattr(linked, "version", lambda name: f"{name} of tomorrow")
    assert hash_of("board", sources) != number
