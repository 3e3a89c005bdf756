import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from offramp.fpga.components import component_table
from offramp.fpga.devices import find_device
from offramp.hw.verilog import generate_verilog


class Registers(wiring.Component):
    """A row of registers behind inverters, as many as it is wide."""

    def __init__(self, width):
        super().__init__({"a": In(width), "y": Out(width)})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.y.eq(~self.a)
        return m


class Engine(wiring.Component):
    """Two parts, and three registers between them."""

    a: In(8)
    y: Out(8)

    def elaborate(self, platform):
        m = Module()
        m.submodules.wide = wide = Registers(8)
        m.submodules.narrow = narrow = Registers(5)
        between = Signal(3)
        m.d.sync += between.eq(~wide.y[5:])
        m.d.comb += [wide.a.eq(self.a), narrow.a.eq(wide.y[:5]), self.y[:5].eq(narrow.y)]
        m.d.comb += self.y[5:].eq(between)
        return m


class Design(wiring.Component):
    """An engine behind a register, and nothing else."""

    a: In(8)
    y: Out(8)

    def elaborate(self, platform):
        m = Module()
        m.submodules.engine = engine = Engine()
        m.submodules.link = link = Registers(8)
        m.d.comb += [link.a.eq(self.a), engine.a.eq(link.y), self.y.eq(engine.y)]
        return m


@pytest.mark.parametrize(
    ("inside", "flip_flops"),
    [
        ((), {"": 0, "engine": 16, "link": 8}),
        (("engine",), {"": 0, "link": 8, "engine": 3, "wide": 8, "narrow": 5}),
    ],
)
def test_parts_are_counted_by_name_with_all_inside_them(inside, flip_flops, tmp_path):
    text = generate_verilog(Design(), "design", {})
    table = component_table(text, "design", find_device("ecp5-25k"), out=tmp_path, inside=inside)
    assert {name: row["flip_flops"] for name, row in table.items()} == flip_flops
    assert all(row["dsp"] == row["block_ram"] == 0 for row in table.values())
