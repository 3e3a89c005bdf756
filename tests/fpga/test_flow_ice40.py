import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from offramp.fpga.board_build import build_board, check_capacity
from offramp.fpga.boards import find_board
from offramp.fpga.flow import CapacityError
from offramp.golden.spec.engine import ENGINES

BOARD = find_board("icebreaker")


class Echo(wiring.Component):
    rx: In(1)
    tx: Out(1)

    def elaborate(self, platform):
        m = Module()
        past = Signal(4)
        m.d.sync += [past.eq(past << 1 | self.rx), self.tx.eq(past[-1])]
        return m


def test_small_core_becomes_a_bitstream(tmp_path):
    build = build_board(BOARD, lambda _clock: Echo(), out=tmp_path, clock_hz=24_000_000, seeds=(1,))
    assert build.bitstream.read_bytes()[:6] == bytes.fromhex("ff0000ff7eaa")  # comment, preamble
    assert build.attempt.reached_hz > 24e6
    assert "SB_PLL40_PAD" in build.files[".v"].read_text()
    assert "set_io clk12_0__io 35\n" in build.files[".pcf"].read_text()


def test_engine_of_8_macs_takes_what_is_known_before():
    needs = BOARD.flow.needs(ENGINES["8"])
    assert needs == {"dsp": 6, "block_ram": 17, "spram": 4}
    check_capacity(BOARD, needs, "it")


def test_engine_that_is_too_large_is_refused_in_one_line():
    message = "^Multipliers of it must be at most the 8 of icebreaker, not 10$"
    with pytest.raises(CapacityError, match=message):
        check_capacity(BOARD, BOARD.flow.needs(ENGINES["16"]), "it")
