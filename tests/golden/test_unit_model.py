import numpy as np
import pytest

from offramp.golden.criteria import entropy_score, gate_score, margin_score
from offramp.golden.decision import log_odds_score
from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.rules import ExitRule
from offramp.golden.unit_model import UnitModel, all_pass_rule, check_rule

CONFIG = DecisionConfig(
    n_exits=4, criteria=("confidence", "margin", "entropy", "gate", "patience"), tag_width=4
)
WEIGHTS = {"confidence": 3, "entropy": -100}
RULES = (
    ExitRule(threshold=20),
    ExitRule(criterion="margin", threshold=15),
    ExitRule(criterion="gate", threshold=45_000, weights=WEIGHTS, offset=-40),
    ExitRule(criterion="entropy", threshold=-200),
)


def logits(n: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0, 25, (n, 10))
    return np.clip(values.round(), -128, 127).astype(np.int8)


def test_each_exit_decides_by_its_own_rule() -> None:
    unit = UnitModel(CONFIG)
    for index, rule in enumerate(RULES):
        unit.set_rule(index, rule)
    vectors, exits = logits(400, 0), np.arange(400) % 4
    decisions = unit.decide(vectors, exits)
    weights = {**WEIGHTS, "margin": 0}
    scores = np.stack(
        [
            log_odds_score(CONFIG, vectors),
            margin_score(CONFIG, vectors),
            gate_score(CONFIG, vectors, weights, -40),
            entropy_score(CONFIG, vectors),
        ],
        axis=1,
    )[np.arange(400), exits]
    thresholds = np.array([rule.threshold for rule in RULES])[exits]
    assert np.array_equal(decisions.score, scores)
    assert np.array_equal(decisions.exit, scores >= thresholds)
    assert np.array_equal(decisions.label, vectors.argmax(axis=1))
    assert len(set(zip(exits.tolist(), decisions.exit.tolist(), strict=True))) == 8


def test_patience_counts_over_the_exits_of_a_sample_whatever_they_decide_by() -> None:
    unit = UnitModel(CONFIG)
    for index in range(4):
        unit.set_rule(index, ExitRule(criterion="patience", threshold=2))
    unit.set_rule(1, RULES[1])
    agreeing, *changing = (100 * np.eye(10, dtype=np.int8))[:3]
    counts = []
    for index, second in enumerate((agreeing, changing[0], changing[1], changing[1])):
        decisions = unit.decide(np.stack([agreeing, second]), index, tag=np.array([17, 18]))
        counts.append(decisions.score.tolist())
    assert [counts[0], counts[2], counts[3]] == [[0, 0], [2, 0], [3, 1]]


def test_the_rule_of_the_final_classifier_takes_all() -> None:
    for criteria in (("confidence",), ("margin",), ("patience",), ("margin", "gate")):
        config = DecisionConfig(criteria=criteria)
        unit = UnitModel(config)
        unit.set_rule(1, all_pass_rule(config))
        assert unit.decide(logits(200, 3), 1).exit.all()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (ExitRule(threshold=256), "Threshold of confidence must be in -255..255, not 256"),
        (
            ExitRule(criterion="entropy", threshold=0),
            "Threshold of entropy must be in -486..-1, not 0",
        ),
        (
            ExitRule(criterion="gate", threshold=0, weights={"margin": 1}, offset=1 << 19),
            "Gate bias must be in -262144..262143, not 524288",
        ),
    ],
)
def test_a_rule_that_registers_cannot_hold_is_refused(rule: ExitRule, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_rule(CONFIG, rule)


def test_a_rule_of_a_criterion_that_is_absent_is_refused() -> None:
    message = "Criteria of a rule must be among confidence, not gate, margin"
    rule = ExitRule(criterion="gate", threshold=0, weights={"margin": 1})
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_rule(DecisionConfig(), rule)
