import json

import pytest
from amaranth.hdl import Cat, Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from offramp.fpga.board_build import build_board, check_capacity
from offramp.fpga.boards import find_board
from offramp.fpga.flow import CapacityError
from offramp.golden.spec.engine import ENGINES
from offramp.hw.engine.multiplier import Multiplier
from offramp.hw.engine.wide_memory import WideMemory

BOARD = find_board("tang-nano-20k")


class Blocks(wiring.Component):
    """A multiplier behind a memory, both as in the engine."""

    rx: In(1)
    tx: Out(1)

    def elaborate(self, platform):
        m = Module()
        past = Signal(32)
        m.d.sync += past.eq(Cat(self.rx, past))
        m.submodules.memory = memory = WideMemory(1, 1024, "gowin")
        m.submodules.multiplier = multiplier = Multiplier(signed(16), unsigned(16), "gowin")
        m.d.comb += [
            memory.line.eq(past),
            memory.word_address.eq(past),
            memory.word.eq(past),
            memory.enable.eq(past[-1]),
            Cat(multiplier.a, multiplier.b).eq(memory.data.as_value()),
        ]
        m.d.sync += self.tx.eq(multiplier.product.xor())
        return m


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return build_board(
        BOARD,
        lambda _clock: Blocks(),
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
    added = [
        cell for name, cell in design["cells"].items()
        if "passthrough" in name and cell["connections"].get("I3")
    ]  # fmt: skip
    assert added == []


def test_multiplier_and_memory_are_blocks_and_all_else_is_counted(build):
    (design,) = json.loads(build.files[".pnr.json"].read_text())["modules"].values()
    kinds = [cell["type"] for cell in design["cells"].values()]
    used = build.routed.used
    # 1,024 words of 32 bits: two blocks of 16
    assert (used["dsp"], used["block_ram"]) == (1, 2)
    assert used["flip_flops"] == sum(kind.startswith("DFF") for kind in kinds)
    assert used["logic_cells"] == sum(kind.startswith(("LUT", "ALU")) for kind in kinds)
    (block,) = (cell for cell in design["cells"].values() if cell["type"] == "MULT18X18")
    registers = ("AREG", "BREG", "PIPE_REG", "OUT_REG")
    assert [int(block["parameters"][name], 2) for name in registers] == [1, 1, 1, 1]


def test_engine_of_16_macs_takes_what_is_known_before():
    needs = BOARD.flow.needs(ENGINES["16"])
    assert needs == {"dsp": 18, "block_ram": 41}
    check_capacity(BOARD, needs, "it")


def test_engine_that_is_too_large_is_refused_in_one_line():
    message = "^Block RAMs of it must be at most the 46 of tang-nano-20k, not "
    with pytest.raises(CapacityError, match=message):
        check_capacity(BOARD, BOARD.flow.needs(ENGINES["32"]), "it")
