from amaranth.hdl import Fragment

from offramp.fpga.matrix import CASES, MatrixRow, format_table, latency_of, run_matrix
from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision import DecisionUnit


def test_latency_in_the_table_is_that_of_the_unit():
    for config in [*CASES.values(), DecisionConfig()]:
        unit = DecisionUnit(config)
        Fragment.get(unit, None)
        assert latency_of(config) == unit.latency


def test_core_stays_within_the_area_that_the_documents_state(tmp_path):
    cases = {name: CASES[name] for name in ("F = 4", "F = 3")}
    four, three = run_matrix(tmp_path, cases=cases, devices=["up5k"], seeds=[1])
    assert four.logic_cells <= 155
    assert three.logic_cells <= 210
    assert (four.latency, three.latency) == (4, 4)
    assert (four.dsp, four.block_ram) == (0, 0)


def test_table_has_a_line_for_each_row_and_the_best_of_the_seeds():
    row = MatrixRow(
        case="core", device="up5k", latency=4, logic_cells=150, lut4=120, flip_flops=90,
        dsp=0, block_ram=0, fmax_mhz=(60.1, 64.9),
    )  # fmt: skip
    assert row.as_dict()["best_mhz"] == 64.9
    last = format_table([row]).splitlines()[-1]
    assert last == "| core | up5k | 150 | 90 | 0 | 0 | 4 | 64.9 | 60, 65 |"
