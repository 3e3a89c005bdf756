"""The decision unit with the rules of its exits: the specification of every device."""

import numpy as np
import numpy.typing as npt

from .criteria import (
    PatienceMemory,
    check_any_threshold,
    feature_score,
    gate_score,
)
from .decision import Decisions, Integers, Logits, check_logits
from .spec.bounds import gate_bias_bounds, threshold_bounds
from .spec.checks import require_int
from .spec.criteria import Criterion
from .spec.decision import DecisionConfig
from .spec.rules import ExitRule


class UnitModel:
    """Registers of each exit, and the memory of the patience.

    Parameters
    ----------
    config : DecisionConfig

    Notes
    -----
    Before its rule is set, an exit decides by the first criterion present with the threshold 0, or
    the legal one next to 0.
    """

    def __init__(self, config: DecisionConfig):
        self.config = config
        first = config.criteria[0]
        weights = {str(f): 1 for f in config.features} if first == Criterion.GATE else {}
        threshold = int(np.clip(0, *threshold_bounds(config, first)))
        self._rules = [ExitRule(threshold=threshold, criterion=first, weights=weights)] * (
            config.n_exits
        )
        self._memory = PatienceMemory(config)

    def set_rule(self, exit_index: int, rule: ExitRule) -> None:
        """Set the registers of an exit, for the vectors decided after.

        Raises
        ------
        TypeError, ValueError
            If there is no such exit, or the unit cannot hold the rule.
        """
        require_int("Exit index", exit_index, 0, self.config.n_exits - 1)
        self._rules[exit_index] = check_rule(self.config, rule)

    def decide(
        self,
        logits: Logits,
        exit_index: int | npt.NDArray[np.integer] = 0,
        tag: npt.NDArray[np.integer] | None = None,
    ) -> Decisions:
        """Decide vectors of logits in their order.

        Parameters
        ----------
        logits : integer [n, N]
        exit_index : int or integer [n]
        tag : integer [n], optional
            Of the samples; their numbers unless given, modulo the width of a tag.
        """
        exits = np.broadcast_to(exit_index, len(logits))
        if exits.size and not (exits.min() >= 0 and exits.max() < self.config.n_exits):
            raise ValueError(
                f"Exit index must be in 0..{self.config.n_exits - 1}, not {int(exits.max())}"
            )
        label = check_logits(self.config, logits).argmax(axis=1).astype(np.int64)
        counts = np.zeros(len(logits), np.int64)
        if Criterion.PATIENCE in self.config.criteria:
            tags = np.arange(len(logits)) if tag is None else np.asarray(tag)
            counts = self._memory.score(label, exits, tags % (1 << self.config.tag_width))
        score = np.zeros(len(logits), np.int64)
        threshold = np.zeros(len(logits), np.int64)
        for index in np.unique(exits):
            here = exits == index
            rule = self._rules[index]
            threshold[here] = rule.threshold
            if rule.criterion == Criterion.PATIENCE:
                score[here] = counts[here]
            else:
                score[here] = rule_score(self.config, rule, logits[here])
        return Decisions(score >= threshold, label, score)


def rule_score(config: DecisionConfig, rule: ExitRule, logits: Logits) -> Integers:
    """Return the score of a rule that looks at one exit only, [n, N] -> int64 [n]."""
    if rule.criterion == Criterion.GATE:
        weights = {str(feature): rule.weights.get(feature, 0) for feature in config.features}
        return gate_score(config, logits, weights, rule.offset)
    return feature_score(config, rule.criterion, logits)


def check_rule(config: DecisionConfig, rule: ExitRule) -> ExitRule:
    """Return `rule` if the registers of a unit of `config` can hold it.

    Raises
    ------
    ValueError
        If they cannot.
    """
    needed = {rule.criterion, *rule.weights}
    if not needed <= set(config.criteria):
        raise ValueError(
            f"Criteria of a rule must be among {', '.join(config.criteria)}, "
            f"not {', '.join(sorted(needed))}"
        )
    if rule.criterion == Criterion.GATE:
        require_int("Gate bias", rule.offset, *gate_bias_bounds(config))
    low, high = threshold_bounds(config, rule.criterion)
    require_int(f"Threshold of {rule.criterion}", rule.threshold, low, high)
    return rule


def all_pass_rule(config: DecisionConfig) -> ExitRule:
    """Return the rule of the final classifier: the first criterion with its lowest threshold."""
    first = config.criteria[0]
    low, _ = threshold_bounds(config, first)
    weights = {str(f): 0 for f in config.features} if first == Criterion.GATE else {}
    return ExitRule(threshold=check_any_threshold(config, low), criterion=first, weights=weights)
