"""What is proved of the core, and that faults made on purpose are not."""

import importlib
import types

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.rtl_sim.formal.lemma import definition_holds_up_to, step_holds
from offramp.rtl_sim.formal.prove import prove_decision

CORE = {"n_exits": 1, "with_score": False, "tag_width": 4}
SMALL = DecisionConfig(**CORE, n_classes=20, logit_width=6, fraction_bits=3)


def test_core_equals_its_specification_for_up_to_a_hundred_logits(tmp_path):
    config = DecisionConfig(**CORE, n_classes=100, fraction_bits=4)
    proof = prove_decision(config, n_logits=100, work=tmp_path)
    assert proof.holds, proof.log.read_text()[-3000:]


def test_small_core_equals_its_specification(tmp_path):
    assert prove_decision(SMALL, n_logits=20, work=tmp_path).holds


def test_a_step_sums_everything_but_one_maximum():
    assert step_holds()


def test_streaming_form_equals_the_definition():
    assert definition_holds_up_to(8)


FAULTS = {
    "off_by_one_compare": (
        "running_maximum",
        "lowered.eq(best + self.threshold)",
        "lowered.eq(best + self.threshold + 1)",
    ),
    "missing_overflow_bit": (
        "accumulator",
        "self.addend.never | (~fits & ~fresh)",
        "self.addend.never",
    ),
    "later_maximum_wins_ties": (
        "winner_label",
        "with m.If(self.slot.leads):",
        "with m.If(self.counts):",
    ),
    "sum_kept_between_vectors": ("accumulator", "with m.If(self.between):", "with m.If(0):"),
}


def faulty(name: str, old: str, new: str) -> types.ModuleType:
    """Return a module of the core with a piece of its source replaced."""
    module = importlib.import_module(f"offramp.hw.decision.{name}")
    with open(module.__file__) as file:
        source = file.read()
    assert source.count(old) == 1
    copy = types.ModuleType(module.__name__)
    copy.__package__ = module.__package__
    exec(compile(source.replace(old, new), module.__file__, "exec"), copy.__dict__)
    return copy


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_the_core_is_not_proved(fault, tmp_path, monkeypatch):
    name, old, new = FAULTS[fault]
    pipeline = importlib.import_module("offramp.hw.decision.pipeline")
    module = faulty(name, old, new)
    for attribute in module.__all__:
        if hasattr(pipeline, attribute):
            monkeypatch.setattr(pipeline, attribute, getattr(module, attribute))
    assert not prove_decision(SMALL, n_logits=20, work=tmp_path).holds


def test_wrong_table_entry_is_not_proved(tmp_path, monkeypatch):
    exponential = importlib.import_module("offramp.hw.decision.exponential")

    class WrongTable(exponential.Exponential):
        def __init__(self, config):
            super().__init__(config)
            table = (*config.table[:-1], config.table[-1] - 1)
            self._config = types.SimpleNamespace(
                fraction_bits=config.fraction_bits,
                logit_width=config.logit_width,
                accumulator_width=config.accumulator_width,
                mantissa_bits=config.mantissa_bits,
                registers=config.registers,
                table=table,
            )

    pipeline = importlib.import_module("offramp.hw.decision.pipeline")
    monkeypatch.setattr(pipeline, "Exponential", WrongTable)
    assert not prove_decision(SMALL, n_logits=20, work=tmp_path).holds
