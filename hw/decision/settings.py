"""How each exit decides: from registers that may change at any time to the ports of the core."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import GATE_WEIGHT, SELECTION_WIDTH, Criterion
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_registers import decision_registers

__all__ = ["ExitSettings", "HeldSettings", "SampledSettings"]


class ExitSettings(data.StructLayout):
    """How an exit decides, in the formats of the core's ports.

    Members
    -------
    threshold : signed
    selection : SELECTION_WIDTH
        Code of the criterion, if there are several.
    offset : signed
        Of the gate, if that is there.
    weight_confidence, weight_margin, weight_entropy : signed(8)
        Of the scores present, with the gate.
    """

    def __init__(self, config: DecisionConfig):
        fields = {"threshold": signed(config.score_format.width)}
        if len(config.criteria) > 1:
            fields["selection"] = SELECTION_WIDTH
        if Criterion.GATE in config.criteria:
            fields["offset"] = signed(config.score_format_of(Criterion.GATE).width)
            fields |= {f"weight_{name}": signed(GATE_WEIGHT.width) for name in config.features}
        super().__init__(fields)


REGISTER_OF_SETTING = {
    "threshold": ("threshold", "score"),
    "selection": ("exit_control", "criterion"),
    "offset": ("gate_bias", "bias"),
    "weight_confidence": ("weight_confidence", "weight"),
    "weight_margin": ("weight_margin", "weight"),
    "weight_entropy": ("weight_entropy", "weight"),
}
"""Register and field of each of the `ExitSettings`."""


class SampledSettings(wiring.Component):
    """Sample the settings of a vector's exit with its last beat, for a core that needs them next.

    A core with several lanes needs them as it takes that beat, another in the cycle after.

    Members
    -------
    settings : In(ExitSettings) [n_exits]
    taken : In(1)
        The last beat of a vector is taken in this cycle.
    exit_index : In(exit_index_width)
        The exit of that vector.
    closes : In(1)
        A last beat is offered to the core.
    passed : In(1)
        It takes it.
    o : Out(ExitSettings) [n_exits]
        All alike: those of the vector whose last beat the core has taken, from the cycle after
        that until it takes the next one. With several lanes those of the last beat that is offered
        to the core, while it is.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        layout = ExitSettings(config)
        super().__init__(
            {
                "settings": In(layout).array(config.n_exits),
                "taken": In(1),
                "exit_index": In(config.exit_index_width),
                "closes": In(1),
                "passed": In(1),
                "o": Out(layout).array(config.n_exits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layout = ExitSettings(self._config)
        chosen, sampled, kept = (
            Signal(layout, name=name) for name in ("chosen", "sampled", "kept")
        )
        m.d.comb += chosen.eq(self.settings[0])
        with m.Switch(self.exit_index):
            for number in range(1, self._config.n_exits):
                with m.Case(number):
                    m.d.comb += chosen.eq(self.settings[number])
        with m.If(self.taken):
            m.d.sync += sampled.eq(chosen)
        if self._config.lanes > 1:
            m.d.comb += kept.eq(sampled)
        else:
            # the next vector may end here before the core has closed the last one
            with m.If(self.closes & self.passed):
                m.d.sync += kept.eq(sampled)
        for o in self.o:
            m.d.comb += o.eq(kept)
        return m


class HeldSettings(wiring.Component):
    """Hold the settings of all exits still while vectors are in the core.

    After a write no vector enters until those inside are decided; then all settings are taken over.

    Members
    -------
    settings : In(ExitSettings) [n_exits]
    written : In(1)
        Settings change at the end of this cycle; may be high when they do not.
    empty : In(1)
        No vector is in the core, and none whose last beat was taken is on its way there.
    hold : Out(1)
        No beat must be taken in this cycle.
    o : Out(ExitSettings) [n_exits]
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        layout = ExitSettings(config)
        registers = decision_registers(config)
        init = {
            name: registers[register].field(field).reset
            for name, (register, field) in REGISTER_OF_SETTING.items()
            if name in layout.members
        }
        super().__init__(
            {
                "settings": In(layout).array(config.n_exits),
                "written": In(1),
                "empty": In(1),
                "hold": Out(1),
                "o": Out(layout, init=init).array(config.n_exits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        with m.If(self.hold & self.empty):
            m.d.sync += self.hold.eq(0)
            m.d.sync += [o.eq(new) for o, new in zip(self.o, self.settings, strict=True)]
        with m.If(self.written):
            m.d.sync += self.hold.eq(1)
        return m
