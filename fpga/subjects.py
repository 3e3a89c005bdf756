"""What the decision unit's bench builds beside the cores: criteria, variants, baselines."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from amaranth.hdl import Fragment
from amaranth.lib import wiring

from ..golden.spec.baselines import SoftmaxConfig
from ..golden.spec.criteria import GATE_WEIGHT, Criterion
from ..golden.spec.decision import DEFAULT_REGISTERS, PIPELINE_REGISTERS, DecisionConfig
from ..hw.baselines import DividerUnit, SoftmaxUnit
from ..hw.decision import create_unit
from ..hw.decision.delivery import MODULE_NAME, decision_verilog
from ..hw.decision.delivery_ports import decision_latency
from ..hw.decision.entropy import EntropyUnit
from ..hw.decision.patience import PatienceStage
from ..hw.verilog import generate_verilog

__all__ = ["BASELINES", "CRITERIA", "MANTISSAS", "REGISTERS", "Baseline", "Subject"]

_MANY = 100
"""A number of logits at which latencies that grow with it are asked for."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The unit of a configuration, to be built.

    Attributes
    ----------
    config : DecisionConfig
    """

    config: DecisionConfig

    @cached_property
    def verilog(self) -> str:
        """The text of the design, with the module `MODULE_NAME`."""
        if self.config.has_plain_criteria:
            return decision_verilog(self.config)
        return generate_verilog(create_unit(self.config), MODULE_NAME, {})

    def interval(self, n_logits: int) -> int:
        """Return the cycles from a decision to the next, of vectors of so many logits.

        Four logits at least where the entropy is there: see `throughput_text` of the unit.
        """
        beats = -(-n_logits // self.config.lanes)
        if Criterion.GATE not in self.config.criteria:
            return beats
        return max(beats, GATE_WEIGHT.width * len(self.config.features) + 3)

    @property
    def latency(self) -> str:
        """Cycles from the last of N logits to the decision, N from 3 on."""
        config = self.config
        if config.has_plain_criteria:
            return str(decision_latency(config))
        if config.criteria == (Criterion.ENTROPY,):
            return f"N + {_entropy_latency(config)}"
        if config.criteria in ((Criterion.MARGIN,), (Criterion.PATIENCE,)):
            return str(_latency(config))
        return _composite_latency(config)


def _entropy_latency(config: DecisionConfig) -> int:
    unit = EntropyUnit(replace(config, criteria=(Criterion.ENTROPY,)))
    return int(_elaborated(unit).latency(_MANY)) - _MANY


def _latency(config: DecisionConfig) -> int:
    return int(_elaborated(create_unit(config)).latency)


def _composite_latency(config: DecisionConfig) -> str:
    """Add up the slowest score, its queue, and the stages behind it."""
    head, slowest = "", _latency(replace(config, criteria=(Criterion.MARGIN,)))
    if Criterion.CONFIDENCE in config.criteria:
        slowest = decision_latency(replace(config, criteria=(Criterion.CONFIDENCE,)))
    if Criterion.ENTROPY in config.criteria:
        head, slowest = "N + ", _entropy_latency(config)
    total = slowest + 1
    if Criterion.PATIENCE in config.criteria:
        total += PatienceStage.latency
    if Criterion.GATE not in config.criteria:
        return f"{head}{total}"
    gate = GATE_WEIGHT.width * len(config.features) + 2
    return f"{head}{total}, under the gate {head}{total + gate}"


def _elaborated(unit: wiring.Component) -> wiring.Component:
    # Amaranth warns of components that never are
    Fragment.get(unit, None)
    return unit


@dataclass(frozen=True, kw_only=True)
class Baseline(Subject):
    """A unit that others would build for the same decision.

    Attributes
    ----------
    config : SoftmaxConfig
    divides : bool
        Whether it has the serial divider, else the pipelined reciprocal.
    with_probabilities : bool
        Of `SoftmaxUnit`.
    """

    config: SoftmaxConfig
    divides: bool = False
    with_probabilities: bool = False

    def _unit(self) -> wiring.Component:
        if self.divides:
            return DividerUnit(self.config)
        return SoftmaxUnit(self.config, with_probabilities=self.with_probabilities)

    @cached_property
    def verilog(self) -> str:
        """The text of the design, with the module `MODULE_NAME`."""
        return generate_verilog(self._unit(), MODULE_NAME, {})

    @property
    def latency(self) -> str:
        """Cycles from the last of N logits to the decision."""
        unit = _elaborated(self._unit())
        slope = unit.latency(_MANY + 1) - unit.latency(_MANY)
        factor = "N" if slope == 1 else f"{slope} N"
        return f"{factor} + {unit.latency(_MANY) - slope * _MANY}"


_CORE = DecisionConfig(n_classes=128, fraction_bits=4, n_exits=1, tag_width=0, with_score=False)
# the units of several criteria, and that of patience, always carry score and tag
_LEAN = replace(_CORE, fraction_bits=3)
_TAGGED = DecisionConfig(n_classes=128, n_exits=1, tag_width=1)
_BOTH = (Criterion.CONFIDENCE, Criterion.MARGIN)

CRITERIA: Mapping[str, Subject] = {
    name: Subject(config=config)
    for name, config in {
        "margin": replace(_LEAN, criteria=(Criterion.MARGIN,)),
        "confidence and margin, F = 4": replace(_CORE, criteria=_BOTH),
        "confidence and margin, F = 3": replace(_CORE, criteria=_BOTH, fraction_bits=3),
        "confidence and margin, F = 4, with score": replace(_CORE, criteria=_BOTH, with_score=True),
        "margin, with score": replace(_LEAN, criteria=(Criterion.MARGIN,), with_score=True),
        "margin, four lanes": replace(_LEAN, criteria=(Criterion.MARGIN,), lanes=4),
        "entropy, F = 3": replace(_LEAN, criteria=(Criterion.ENTROPY,)),
        "entropy, F = 4": replace(_LEAN, criteria=(Criterion.ENTROPY,), fraction_bits=4),
        "entropy, F = 3, with score": replace(
            _LEAN, criteria=(Criterion.ENTROPY,), with_score=True
        ),
        "patience, 4 exits, 8-bit tag": replace(
            _TAGGED, criteria=(Criterion.PATIENCE,), n_exits=4, tag_width=8
        ),
        "margin and gate, 2 exits": replace(
            _TAGGED, criteria=(Criterion.MARGIN, Criterion.GATE), n_exits=2
        ),
        "all five, 2 exits, 8-bit tag": replace(
            _TAGGED, criteria=tuple(Criterion), n_exits=2, tag_width=8
        ),
    }.items()
}
"""Units of other criteria: int8 logits, up to 128 classes, one exit, or as said.

No tag and no score, as for the core; gate and patience carry both, with a tag of 1 bit or as said.
"""

_SOFTMAX = SoftmaxConfig(n_classes=128, fraction_bits=4, n_exits=1, tag_width=0, with_score=False)

BASELINES: Mapping[str, Baseline] = {
    "table, sum, serial divider": Baseline(config=_SOFTMAX, divides=True),
    "pipelined softmax, confidence only": Baseline(config=_SOFTMAX),
    "pipelined softmax, all probabilities": Baseline(config=_SOFTMAX, with_probabilities=True),
}
"""The same decision by a softmax in fixed point, confidences of 16 bits."""

_REGISTER_SETS: tuple[tuple[str, ...], ...] = (
    (),
    ("decision",),
    ("addend",),
    ("operand", "addend"),
    DEFAULT_REGISTERS,
    ("input", *DEFAULT_REGISTERS),
    ("input", "operand", "threshold", "addend", "decision"),
    PIPELINE_REGISTERS,
)

REGISTERS: Mapping[str, Subject] = {
    ", ".join(names) or "none": Subject(config=replace(_CORE, registers=names))
    for names in _REGISTER_SETS
}
"""The core at F = 4 by its pipeline registers."""

_TABLES = ((2, (7,)), (3, range(4, 11)), (4, range(4, 11)), (5, (7,)), (6, (7,)))
"""Fraction bits, and mantissa bits with each."""

MANTISSAS: Mapping[str, Subject] = {
    f"F = {bits}, mantissa of {mantissa} bits": Subject(
        config=replace(_CORE, fraction_bits=bits, mantissa_bits=mantissa)
    )
    for bits, mantissas in _TABLES
    for mantissa in mantissas
}
"""The core by what its error depends on."""
