"""Patience: leave when exits in a row agree on the class."""

from ..spec.criteria import Criterion
from ..spec.rules import ExitRule
from .base import ExitLogits, Rules, Target, choose


class Patience:
    """Leave at the first exit whose count of agreements in a row reaches the patience p.

    With ``y_k`` the class that exit k says::

        c_0 = 0,    c_k = c_(k-1) + 1 if y_k == y_(k-1) else 0,    exit if c_k >= p

    One p serves all exits: 0 (leave at the first) to ``n_exits - 1`` (never). A network with one
    early exit has these two settings and none between.

    Source: Zhou et al., BERT Loses Patience: Fast and Robust Inference with Early Exit, NeurIPS
    2020, section 3.1, equation 2.
    """

    name = "patience"

    def fit(self, data: ExitLogits, target: Target, *, seed: int = 0) -> Rules:
        """Return a rule for each early exit; see `Policy.fit`."""
        rules = (
            ExitRule(threshold=p, criterion=Criterion.PATIENCE) for p in range(data.n_early + 1)
        )
        return choose(data, ((rule,) * data.n_early for rule in rules), target)
