import json

import pytest

from offramp.fpga.board_build import build_board, check_capacity
from offramp.fpga.boards import find_board
from offramp.fpga.flow import CapacityError
from offramp.golden.spec.engine import ENGINES

from .cores import Echo

BOARD = find_board("tang-nano-20k")


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return build_board(
        BOARD,
        lambda _clock: Echo(),
        out=tmp_path_factory.mktemp("board"),
        clock_hz=108_000_000,
        seeds=(1,),
    )


def test_small_core_becomes_a_bitstream(build):
    lines = build.bitstream.read_text().splitlines()
    # a synchronization word, and the identity of GW2A-18 that the device compares
    assert int(lines[2], 2) == 0xA5C3
    assert int(lines[3], 2) == 0x06 << 56 | 0x0000081B
    assert build.attempt.reached_hz > 108e6
    assert 'IO_LOC "clk27_0__io" 4;\n' in build.files[".cst"].read_text()


def test_clock_comes_from_the_pll_at_the_frequency_asked_for(build):
    (design,) = json.loads(build.files[".pnr.json"].read_text())["modules"].values()
    (pll,) = (cell for cell in design["cells"].values() if cell["type"] == "rPLL")
    # 27 MHz * 4 = 108 MHz, 864 MHz in the oscillator; two fields hold one less
    wanted = {"IDIV_SEL": 0, "FBDIV_SEL": 3, "ODIV_SEL": 8}
    assert {name: int(pll["parameters"][name], 2) for name in wanted} == wanted
    assert pll["parameters"]["FCLKIN"] == "27"


def test_no_path_is_left_out_of_the_clock_that_is_reported(build):
    (design,) = json.loads(build.files[".pnr.json"].read_text())["modules"].values()
    kinds = [cell["type"] for cell in design["cells"].values()]
    # five of the core, two behind the lock of the PLL
    assert sum(kind.startswith("DFF") for kind in kinds) == 7
    assert not [name for name in design["cells"] if "passthrough" in name]


def test_engine_of_16_macs_takes_what_is_known_before():
    needs = BOARD.flow.needs(ENGINES["16"])
    assert needs == {"dsp": 18, "block_ram": 41}
    check_capacity(BOARD, needs, "it")


def test_engine_that_is_too_large_is_refused_in_one_line():
    message = "^Block RAMs of it must be at most the 46 of tang-nano-20k, not "
    with pytest.raises(CapacityError, match=message):
        check_capacity(BOARD, BOARD.flow.needs(ENGINES["32"]), "it")
