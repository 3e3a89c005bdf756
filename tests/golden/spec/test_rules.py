import re
from typing import Any

import pytest

from offramp.golden.spec.criteria import Criterion
from offramp.golden.spec.rules import ExitRule, criteria_of_rules, rule_of_description

GATE = ExitRule(criterion=Criterion.GATE, threshold=70_000, weights={"margin": -128}, offset=-5)


@pytest.mark.parametrize("rule", [GATE, ExitRule(threshold=3), ExitRule(threshold=-7)])
def test_a_rule_survives_its_description(rule: ExitRule) -> None:
    assert rule_of_description(rule.describe()) == rule


def test_a_unit_needs_what_is_selected_and_what_is_weighed() -> None:
    rules = [GATE, ExitRule(criterion=Criterion.PATIENCE, threshold=1)]
    assert criteria_of_rules(rules) == ("margin", "gate", "patience")
    assert criteria_of_rules([ExitRule(threshold=0)]) == ("confidence",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"threshold": 0.5}, "Threshold must be an integer, not 0.5"),
        ({"threshold": 1 << 16}, "Threshold must be in -65535..65535, not 65536"),
        ({"threshold": 0, "criterion": "luck"}, "Criterion must be one of confidence, margin, "),
        ({"threshold": 0, "offset": 1}, "Weights and offset must be given for the gate and for "),
        ({"threshold": 0, "criterion": "gate"}, "Weights and offset must be given for the gate"),
        (
            {"threshold": 0, "criterion": "gate", "weights": {"margin": 128}},
            "Weight of margin must be in -128..127, not 128",
        ),
        (
            {"threshold": 0, "criterion": "gate", "weights": {"patience": 1}},
            "Feature of a weight must be one of confidence, margin, entropy, not 'patience'",
        ),
        ({"threshold": 0, "weights": [1]}, "Weights must be a mapping, not [1]"),
    ],
)
def test_illegal_rules_are_refused_in_one_line(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}"):
        ExitRule(**fields)


@pytest.mark.parametrize("description", [3, {}, {"criterion": "margin"}])
def test_what_is_no_rule_is_refused(description: Any) -> None:
    with pytest.raises(ValueError, match=r"^Rule must have a criterion and a threshold, not "):
        rule_of_description(description)
