"""Vectors for every set of criteria: how each exit decides, what comes, and the right decisions."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..golden.spec.bounds import gate_bias_bounds, threshold_bounds
from ..golden.spec.criteria import GATE_WEIGHT, Criterion
from ..golden.spec.decision import DecisionConfig
from ..golden.spec.rules import ExitRule
from ..golden.unit_model import UnitModel, rule_score
from .stimuli import Outcome, Vector, edge_workloads, random_workload

_N_SAMPLES = 4
"""Samples under way at a time with patience: few, so that they come again."""

_N_RANDOM = 20
"""Random vectors between two changes of the rules."""


@dataclass(frozen=True)
class Scene:
    """Vectors that come in this order while the exits decide by these rules, one for each."""

    rules: tuple[ExitRule, ...]
    vectors: tuple[Vector, ...]


def latency_scene(config: DecisionConfig) -> Scene:
    """Return one vector of two logits, which nothing delays."""
    rule = _rule(config, Criterion(config.criteria[0]), random.Random(0))
    return Scene((rule,) * config.n_exits, (Vector((0, 0)),))


def edge_scenes(config: DecisionConfig, seed: int) -> Iterator[Scene]:
    """Yield for each criterion the edge vectors at thresholds at and beside their scores."""
    source = random.Random(seed)
    for criterion in map(Criterion, config.criteria):
        rule = _rule(config, criterion, source)
        score_of = partial(_score, config, rule)
        for workload in edge_workloads(config, score_of, threshold_bounds(config, criterion)):
            rules = tuple(replace(rule, threshold=value) for value in workload.thresholds)
            yield Scene(rules, workload.vectors)


def random_scenes(config: DecisionConfig, seed: int) -> Iterator[Scene]:
    """Yield random vectors under random criteria for ever; some vector just reaches a threshold."""
    source = random.Random(seed)
    while True:
        vectors = random_workload(config, _N_RANDOM, source.getrandbits(32)).vectors
        rules = []
        # exits decide by different criteria as far as these go
        order = source.sample(config.criteria, len(config.criteria))
        for exit_index in range(config.n_exits):
            rule = _rule(config, Criterion(order[exit_index % len(order)]), source)
            low, high = threshold_bounds(config, rule.criterion)
            reached = _score(config, rule, source.choice(vectors).logits)
            if rule.criterion == Criterion.PATIENCE:
                reached = source.randint(low, high)
            rules.append(replace(rule, threshold=min(high, max(low, reached))))
        yield Scene(tuple(rules), vectors)


def _rule(config: DecisionConfig, criterion: Criterion, source: random.Random) -> ExitRule:
    """Return a rule of this criterion with the highest threshold, of the gate at random."""
    threshold = threshold_bounds(config, criterion)[1]
    if criterion != Criterion.GATE:
        return ExitRule(threshold=threshold, criterion=criterion)
    low, high = gate_bias_bounds(config)
    # all sizes from nothing to the ends of the range
    reach = source.choice((0, 1 << (high.bit_length() // 2), high))
    extremes = (GATE_WEIGHT.low, GATE_WEIGHT.high)
    return ExitRule(
        threshold=threshold,
        criterion=criterion,
        offset=max(low, source.randint(-reach, reach)),
        weights={
            str(name): source.choice((*extremes, 0, source.randint(*extremes)))
            for name in config.features
        },
    )


def _score(config: DecisionConfig, rule: ExitRule, logits: tuple[int, ...]) -> int:
    """Return the score of a vector; under patience 0, which is that of any at exit 0."""
    if rule.criterion == Criterion.PATIENCE:
        return 0
    return int(rule_score(config, rule, np.array([logits]))[0])


class Teller:
    """Tells tags and right decisions of the vectors of scenes, one scene after the other.

    Parameters
    ----------
    config : DecisionConfig
    seed : int
        Of the samples under patience.
    """

    def __init__(self, config: DecisionConfig, seed: int):
        self._config = config
        self._source = random.Random(seed)
        self._model = UnitModel(config)
        self._n_vectors = 0
        self._begun: set[int] = set()

    def set_rules(self, rules: tuple[ExitRule, ...]) -> None:
        """Have the exits decide in this way."""
        for exit_index, rule in enumerate(rules):
            self._model.set_rule(exit_index, rule)

    def tell(self, vector: Vector) -> tuple[int, Outcome]:
        """Return tag and decision of the next vector.

        Under patience a sample begins at exit 0, as its memory is not cleared by a reset: the
        decision's exit index may then be another than the vector's.
        """
        n_tags = 1 << self._config.tag_width
        tag = self._n_vectors % n_tags
        exit_index = vector.exit_index
        if Criterion.PATIENCE in self._config.criteria:
            tag = self._source.randrange(min(_N_SAMPLES, n_tags))
            exit_index = exit_index if tag in self._begun else 0
            self._begun.add(tag)
        self._n_vectors += 1
        right = self._model.decide(np.array([vector.logits]), exit_index, np.array([tag]))
        outcome = Outcome(bool(right.exit[0]), int(right.label[0]), int(right.score[0]), exit_index)
        return tag, outcome
