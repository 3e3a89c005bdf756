"""Exit policies: ways to choose the registers of the early exits on a calibration split.

Each ends in one `ExitRule` per early exit and nothing else, so that the decision unit runs all of
them.
"""

from ..spec.checks import require_choice
from ..spec.criteria import FEATURES
from .base import Budget, ExitLogits, Loss, Policy, Rules, Target
from .eenet import LearnedScheduler
from .eenets import LearnedExitGate
from .fixed import FixedCriterion
from .msdnet import BudgetedBatch
from .patience import Patience
from .temperature import PerExitTemperature

__all__ = [
    "FIXED",
    "POLICIES",
    "Budget",
    "ExitLogits",
    "Loss",
    "Policy",
    "Rules",
    "Target",
    "policy_of",
]

FIXED = tuple(str(criterion) for criterion in FEATURES)
"""Policies with one criterion and free thresholds; the criteria by name as well."""

_ALL: tuple[Policy, ...] = (
    *(FixedCriterion(criterion) for criterion in FEATURES),
    Patience(),
    *(BudgetedBatch(criterion) for criterion in FEATURES),
    PerExitTemperature(),
    LearnedScheduler(),
    LearnedScheduler(search=True),
    LearnedScheduler(features=tuple(str(criterion) for criterion in FEATURES)),
    LearnedExitGate(),
)

POLICIES = {policy.name: policy for policy in _ALL}
"""All policies by name."""


def policy_of(name: str) -> Policy:
    """Return the policy of a name; ValueError if there is none."""
    return POLICIES[require_choice("Policy", name, POLICIES)]
