import re
import subprocess

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.hw.decision.delivery import AXI_MODULE_NAME, axi_decision_verilog, axi_ports
from offramp.rtl_sim.verilator import tool_environment, verilator_root

CONFIGS = [
    DecisionConfig(),
    DecisionConfig(n_classes=2, logit_width=4, fraction_bits=2, n_exits=1, tag_width=1),
    DecisionConfig(
        lanes=2, n_classes=100, logit_width=11, fraction_bits=5, n_exits=5, tag_width=28
    ),
]

CHANNELS = {
    "s_axis_t": "data keep last user valid ready",
    "m_axis_t": "data keep last user valid ready",
    "s_axil_aw": "addr prot valid ready",
    "s_axil_w": "data strb valid ready",
    "s_axil_b": "resp valid ready",
    "s_axil_ar": "addr prot valid ready",
    "s_axil_r": "data resp valid ready",
}
AXI_NAMES = [
    "aclk",
    "aresetn",
    *(channel + signal for channel, signals in CHANNELS.items() for signal in signals.split()),
]


@pytest.mark.parametrize("config", CONFIGS, ids=["default", "smallest", "odd"])
def test_module_has_the_ports_of_the_table(config):
    text = axi_decision_verilog(config)
    (module,) = re.findall(
        rf"^module {AXI_MODULE_NAME}\(.*?^endmodule", text, re.DOTALL | re.MULTILINE
    )
    found = {
        name: (direction, int(high or 0) + 1)
        for direction, high, name in re.findall(
            r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", module, re.MULTILINE
        )
    }
    table = axi_ports(config)
    assert [port.name for port in table] == AXI_NAMES
    assert found == {port.name: (port.direction, port.width) for port in table}
    assert all(port.text for port in table)


def test_verilog_is_the_same_each_time_and_says_what_it_is():
    text = axi_decision_verilog(CONFIGS[0])
    assert text == axi_decision_verilog(CONFIGS[0])
    head = text.partition("\nmodule")[0]
    assert "classes" in head
    assert "s_axil_awaddr" in head
    assert "aresetn is too, active low" in head


def test_tag_too_wide_for_the_buses_fails():
    with pytest.raises(
        ValueError, match=r"^Tag width of a unit with buses must be in 1\.\.28, not 30$"
    ):
        axi_decision_verilog(DecisionConfig(tag_width=30))


def test_verilator_sees_no_loop_in_a_unit_with_lanes(tmp_path):
    # it looks for them only where it writes C++
    (tmp_path / "it.v").write_text(axi_decision_verilog(DecisionConfig(lanes=4)))
    subprocess.run(
        [verilator_root() / "bin" / "verilator", "--cc", "-Wall", "-Wno-DECLFILENAME", "it.v"],
        cwd=tmp_path,
        env=tool_environment(),
        check=True,
    )
