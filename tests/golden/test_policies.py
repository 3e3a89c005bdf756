import itertools

import numpy as np
import pytest

from offramp.golden.budget import budget_thresholds, thresholds_of_shares
from offramp.golden.calibrate import CalibrationConfig, most_accurate_thresholds
from offramp.golden.policies import FIXED, POLICIES, Budget, ExitLogits, Loss, policy_of
from offramp.golden.policies.base import choose
from offramp.golden.spec.criteria import Criterion
from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.rules import ExitRule, criteria_of_rules
from offramp.golden.unit_model import UnitModel, check_rule

MACS = (100, 250, 1000)
LEARNED = ("eenet", "eenet-entropy", "eenets")


def random_logits(n: int, seed: int) -> ExitLogits:
    """Return logits of three exits, each surer and better than the one before."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n)
    ease = rng.exponential(1.0, n)
    logits = []
    for strength in (18, 30, 60):
        values = rng.normal(0, 14, (n, 10))
        values[np.arange(n), labels] += strength * ease
        logits.append(np.clip(values.round() - 20, -128, 127).astype(np.int8))
    config = DecisionConfig(n_exits=3)
    return ExitLogits(config=config, logits=tuple(logits), labels=labels, macs_at_exit=MACS)


DATA = random_logits(500, 0)
# unsure images have no entropy score
REACHED = dict.fromkeys(POLICIES, 400) | {"entropy": 800, "msdnet-entropy": 800}


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn less: enough for a few hundred made-up images."""
    monkeypatch.setattr("offramp.golden.policies.eenet.STEPS", 60)
    monkeypatch.setattr("offramp.golden.policies.eenets.STEPS", 30)
    monkeypatch.setattr("offramp.golden.policies.base.N_BUDGETS", 5)
    monkeypatch.setattr("offramp.golden.budget.N_RATIOS", 60)


def exits_of_unit(data: ExitLogits, rules: tuple[ExitRule, ...]) -> np.ndarray:
    """Return where images leave a unit that has the criteria of the rules and no others."""
    config = DecisionConfig(n_exits=3, criteria=criteria_of_rules(rules), tag_width=12)
    unit = UnitModel(config)
    taken = []
    for index, rule in enumerate(rules):
        unit.set_rule(index, check_rule(config, rule))
        taken.append(unit.decide(data.logits[index], index).exit)
    return np.column_stack([*taken, np.ones(len(data), bool)]).argmax(axis=1)


@pytest.mark.parametrize("name", POLICIES)
def test_a_budget_is_kept_by_registers_of_the_unit_alone(name: str) -> None:
    budget = REACHED[name]
    rules = policy_of(name).fit(DATA, Budget(macs=budget))
    figures = DATA.figures(rules)
    assert figures.mean_macs <= budget
    exits = exits_of_unit(DATA, rules)
    assert np.array_equal(np.bincount(exits, minlength=3) / len(DATA), figures.exit_shares)
    assert np.asarray(MACS)[exits].mean() == figures.mean_macs
    if name != "patience":  # which has three settings only
        assert figures.mean_macs > 0.9 * budget
        at_first_exit = DATA.predictions[:, 0] == DATA.labels
        assert figures.accuracy > at_first_exit.mean()


@pytest.mark.parametrize("name", POLICIES)
def test_an_accuracy_target_is_kept_with_its_margin(name: str) -> None:
    figures = DATA.figures(policy_of(name).fit(DATA, Loss(max_loss_points=10)))
    variance = (figures.n_harmed + figures.n_helped) / figures.n
    assert figures.loss_points + 2 * 100 * (variance / figures.n) ** 0.5 <= 10.05
    assert figures.mean_macs < 990


@pytest.mark.parametrize("name", LEARNED)
def test_the_same_seed_learns_the_same_gate(name: str) -> None:
    first = policy_of(name).fit(random_logits(300, 1), Budget(macs=300), seed=3)
    assert policy_of(name).fit(random_logits(300, 1), Budget(macs=300), seed=3) == first
    assert policy_of(name).fit(random_logits(300, 1), Budget(macs=300), seed=4) != first
    assert all(rule.criterion == Criterion.GATE for rule in first)
    assert all(max(map(abs, rule.weights.values())) == 127 for rule in first)


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_gate_finds_the_score_that_tells_right_from_wrong(name: str) -> None:
    """Confidence and entropy say nothing here: only the margin does."""
    rng = np.random.default_rng(5)
    n = 800
    margin = rng.integers(1, 60, n)
    logits = np.full((n, 10), -100)
    logits[:, 0] = 20
    logits[:, 1] = 20 - margin
    # all others together keep the confidence where it is, whatever the margin
    right = margin > 30
    last = np.zeros((n, 10))
    last[:, 0] = 50
    labels = np.where(right, 0, 2)
    last[np.arange(n), labels] = 100
    data = ExitLogits(
        config=DecisionConfig(n_exits=2),
        logits=(logits.astype(np.int8), last.astype(np.int8)),
        labels=labels,
        macs_at_exit=(100, 1000),
    )
    figures = data.figures(policy_of(name).fit(data, Budget(macs=580)))
    assert figures.accuracy > 0.98
    assert figures.mean_macs > 550


@pytest.mark.parametrize("name", FIXED)
def test_the_best_thresholds_within_a_budget_are_found(name: str) -> None:
    data = random_logits(60, 2)
    found = data.figures(policy_of(name).fit(data, Budget(macs=800)))
    scores = data.criterion_scores(name)
    low, high = data.bounds(name)
    values = [
        [low, *(v for v in np.unique(scores[:, k]).tolist() if low < v < high), high]
        for k in range(2)
    ]
    every = (data.figures_of(thresholds, scores) for thresholds in itertools.product(*values))
    affordable = [figures for figures in every if figures.mean_macs <= 800]
    best = max(figures.accuracy for figures in affordable)
    assert found.accuracy == best
    assert found.mean_macs == min(f.mean_macs for f in affordable if f.accuracy == best)


def test_temperatures_scale_one_threshold() -> None:
    halved = DATA.logits[1] // 2  # the second exit says half of what it should
    data = ExitLogits(
        config=DATA.config,
        logits=(DATA.logits[0], halved, DATA.logits[2]),
        labels=DATA.labels,
        macs_at_exit=MACS,
    )
    ratios = []
    for case in (DATA, data):
        first, second = policy_of("temperature").fit(case, Budget(macs=600))
        ratios.append(second.threshold / first.threshold)
    assert ratios[1] == pytest.approx(ratios[0] / 2, rel=0.1)


def test_budgeted_batch_is_that_of_the_confidence() -> None:
    low, high = DATA.bounds("confidence")
    scores = DATA.criterion_scores("confidence")
    rules = policy_of("msdnet").fit(DATA, Budget(macs=400))
    expected = budget_thresholds(scores, MACS, 400, low=low, high=high)
    assert tuple(rule.threshold for rule in rules) == expected
    other = policy_of("msdnet-margin").fit(DATA, Budget(macs=400))
    assert {rule.criterion for rule in other} == {Criterion.MARGIN}


def test_patience_has_one_setting_for_all_exits() -> None:
    found = [
        [rule.threshold for rule in policy_of("patience").fit(DATA, Budget(macs=budget))]
        for budget in (100, 900, 1000)
    ]
    assert found == [[0, 0], [1, 1], [2, 2]]


def test_learned_shares_are_where_budgets_start_from() -> None:
    fine = np.random.default_rng(0).integers(-30_000, 30_000, (4000, 2))
    chosen = budget_thresholds(fine, MACS, 400, low=-30_000, high=30_000, shares=(3, 1, 2))
    taken = np.column_stack([fine >= chosen, np.ones(4000, bool)]).argmax(axis=1)
    first, second, last = np.bincount(taken, minlength=3) / 4000 / np.array([3, 1, 2])
    assert second / first == pytest.approx(last / second, rel=0.05)
    exact = thresholds_of_shares(fine, np.array([0.5, 0.2, 0.3]), -30_000, 30_000)
    taken = np.column_stack([fine >= exact, np.ones(4000, bool)]).argmax(axis=1)
    assert np.bincount(taken) / 4000 == pytest.approx([0.5, 0.2, 0.3], abs=0.001)
    with pytest.raises(ValueError, match=r"^Shares must be 3 positive numbers, not \(1, 0, 2\)$"):
        budget_thresholds(fine, MACS, 400, low=0, high=1, shares=(1, 0, 2))


@pytest.mark.parametrize("name", POLICIES)
def test_what_cannot_be_reached_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^Budget must be at least (the )?\d+ MACs.*, not 99\.0$"):
        policy_of(name).fit(DATA, Budget(macs=99.0))


def test_an_impossible_accuracy_is_refused() -> None:
    message = r"^Accuracy loss must be attainable, not 0 points: this policy loses at least \d+\.\d"
    always = (ExitRule(threshold=-255), ExitRule(threshold=-255))
    with pytest.raises(ValueError, match=message):
        choose(DATA, [always], Loss(max_loss_points=0))


def test_unknown_policies_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^Policy must be one of confidence, .*, not 'luck'$"):
        policy_of("luck")
    with pytest.raises(ValueError, match=r"^Budget must be at least 100 MACs, not 5$"):
        most_accurate_thresholds(
            CalibrationConfig(),
            DATA.criterion_scores("confidence"),
            DATA.predictions,
            DATA.labels,
            MACS,
            budget=5,
        )
