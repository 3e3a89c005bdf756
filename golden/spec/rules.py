"""What the registers of a decision unit hold for one exit; every exit policy ends in these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .checks import require_choice, require_int
from .criteria import FEATURES, GATE_WEIGHT, Criterion

THRESHOLD_LIMIT = 1 << 16
"""Magnitude that every threshold stays below; a decision unit may allow less."""

GATE_LIMIT = 1 << 31
"""The same of thresholds and offsets of the gate."""


@dataclass(frozen=True, kw_only=True)
class ExitRule:
    """When images leave at one exit: ``score >= threshold`` under one criterion.

    Parameters
    ----------
    threshold : int
        In units of the score.
    criterion : str
        Name of a `Criterion`.
    weights : mapping of str to int
        Of the gate alone: a signed 8-bit weight for one or more of `FEATURES`; others weigh 0.
    offset : int
        Of the gate alone: added to the weighted sum.

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong kind, out of range, or not one of the criterion's.
    """

    threshold: int
    criterion: str = Criterion.CONFIDENCE
    weights: Mapping[str, int] = field(default_factory=dict)
    offset: int = 0

    def __post_init__(self) -> None:
        require_choice("Criterion", self.criterion, Criterion)
        object.__setattr__(self, "criterion", Criterion(self.criterion))
        gate = self.criterion == Criterion.GATE
        limit = GATE_LIMIT if gate else THRESHOLD_LIMIT
        require_int("Threshold", self.threshold, 1 - limit, limit - 1)
        require_int("Offset", self.offset, 1 - limit, limit - 1)
        if not isinstance(self.weights, Mapping):
            raise TypeError(f"Weights must be a mapping, not {self.weights!r}")
        for feature, weight in self.weights.items():
            require_choice("Feature of a weight", feature, FEATURES)
            require_int(f"Weight of {feature}", weight, GATE_WEIGHT.low, GATE_WEIGHT.high)
        if gate != bool(self.weights) or (self.offset and not gate):
            raise ValueError(
                "Weights and offset must be given for the gate and for nothing else, "
                f"not {dict(self.weights)!r} and {self.offset} for {self.criterion}"
            )

    def describe(self) -> dict[str, Any]:
        """Return the rule as JSON data."""
        description: dict[str, Any] = {
            "criterion": str(self.criterion),
            "threshold": self.threshold,
        }
        if self.criterion == Criterion.GATE:
            weights = {str(feature): weight for feature, weight in self.weights.items()}
            description |= {"weights": weights, "offset": self.offset}
        return description


def rule_of_description(description: Any) -> ExitRule:
    """Return the rule that `ExitRule.describe` described.

    Raises
    ------
    TypeError, ValueError
        If it describes none.
    """
    known = {"criterion", "threshold", "weights", "offset"}
    if not isinstance(description, dict) or not {"criterion", "threshold"} <= description.keys():
        raise ValueError(f"Rule must have a criterion and a threshold, not {description!r}")
    if not description.keys() <= known:
        raise ValueError(f"Rule must have {', '.join(sorted(known))} alone, not {description!r}")
    return ExitRule(**description)


def criteria_of_rules(rules: Sequence[ExitRule]) -> tuple[Criterion, ...]:
    """Return the criteria that a unit needs for `rules`, those that a gate weighs among them."""
    needed = {name for rule in rules for name in (rule.criterion, *rule.weights)}
    return tuple(criterion for criterion in Criterion if criterion in needed)
