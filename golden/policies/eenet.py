"""EENet's scheduler: exit scores and an exit assignment, learned together under a budget."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use
from torch import Tensor

from ..budget import budget_thresholds
from ..calibrate import CalibrationConfig, most_accurate_thresholds
from ..spec.criteria import Criterion
from .base import Budget, ExitLogits, Rules, Target, choose_over_budgets
from .gate import GATE_FEATURES, IntegerGate, integer_gates, one_thread, standard_scores

STEPS = 200
LEARNING_RATE = 0.05
WEIGHT_DECAY = 1e-3
HIDDEN = 4
ASSIGNMENT_WEIGHT = 1e-3
COST_WEIGHT = 1e-2
SHARPNESS = 1.0
"""The last three are alpha_ce, alpha_cost and beta of the authors' program."""

SHARE_MIN = 1e-4
"""Smallest share of an exit: all of them have to be positive."""


@dataclass(frozen=True)
class LearnedScheduler:
    """Leave where a learned score reaches the threshold of a learned share of the images.

    Over images n and exits k, with the scores ``x_nk`` of the unit, exit scores q and assignments
    r are learned together (``z_nk`` says whether exit k is right, ``c_k`` what it costs)::

        q_nk = sigmoid(w_k . x_nk + b_k)
        r_n  = softmax over k of MLP_k(x_nk)
        L    = L_score + alpha_ce L_assign + alpha_cost L_cost

        L_score  = 1/K sum_k sum_n v_nk BCE(q_nk, z_nk),   v_nk = r_nk / sum_n r_nk
        L_assign = mean_n KL(q_n^beta / sum_k q_nk^beta  ||  r_n) / K
        L_cost   = | mean_n sum_k r_nk c_k - B | / B

    Then, exit by exit, the surest ``N p_k`` of the images that are still there leave, with ``p_k =
    mean_n r_nk`` scaled by one ratio to meet the budget (`budget_thresholds`): that fixes the
    threshold. What decides is a linear function of the unit's scores, hence its gate.

    The paper's scores also see the softmax of each class and the scores of the exits before; there
    are no registers for these, and they are left out; so is the entropy unless asked for, see
    `GATE_FEATURES`. A sigmoid stands for its clamp to 0..1,
    which decides alike.

    Source: Ilhan et al., Adaptive Deep Neural Network Inference Optimization with EENet, WACV 2024,
    section 3; the losses as in the authors' program, github.com/git-disl/EENet.

    Parameters
    ----------
    search : bool
        Take the most accurate thresholds on the calibration images within the budget
        (`most_accurate_thresholds`) instead of those of the learned shares: the same search that
        fixed criteria get.
    features : tuple of str
        Scores that the gate weighs.
    """

    search: bool = False
    features: tuple[str, ...] = GATE_FEATURES

    @property
    def name(self) -> str:
        """As the command line has it."""
        name = "eenet-search" if self.search else "eenet"
        return name if self.features == GATE_FEATURES else f"{name}-entropy"

    def fit(self, data: ExitLogits, target: Target, *, seed: int = 0) -> Rules:
        """Return a rule for each early exit; see `Policy.fit`. The seed is of the weights."""
        low, high = data.bounds(Criterion.GATE)

        def fit(budget: Budget) -> Rules:
            gates, shares = _scheduler(data, self.features, budget.macs, seed)
            scores = data.scores([gate.rule(0) for gate in gates])
            if self.search:
                thresholds = most_accurate_thresholds(
                    CalibrationConfig(threshold_low=low, threshold_high=high),
                    scores,
                    data.predictions,
                    data.labels,
                    data.macs_at_exit,
                    budget=budget.macs,
                )
            else:
                thresholds = budget_thresholds(
                    scores, data.macs_at_exit, budget.macs, low=low, high=high, shares=shares
                )
            return tuple(gate.rule(t) for gate, t in zip(gates, thresholds, strict=True))

        return choose_over_budgets(data, fit, target)


@lru_cache(maxsize=64)  # one training serves both ways to find the thresholds
def _scheduler(
    data: ExitLogits, features: tuple[str, ...], budget: float, seed: int
) -> tuple[list[IntegerGate], tuple[float, ...]]:
    """Return the gates of the early exits, and the shares of the images for all exits."""
    scores = standard_scores(data, features)
    with one_thread():
        weights, biases, shares = _learn(data, scores.values, budget, seed)
    gates = integer_gates(data, scores, weights.double().numpy(), biases.double().numpy())
    return gates, tuple(np.maximum(shares.double().numpy(), SHARE_MIN).tolist())


def _learn(data: ExitLogits, x: Tensor, budget: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights [K, features] and biases [K] of the scores, and the shares [K] of the exits.

    Parameters
    ----------
    x : float32 [n, K, features]
    """
    generator = torch.Generator().manual_seed(seed)
    n_exits, n_features = x.shape[1:]

    def parameter(*shape: int) -> Tensor:
        return (0.1 * torch.randn(shape, generator=generator)).requires_grad_()

    weights, biases = parameter(n_exits, n_features), parameter(n_exits)
    hidden_weights, hidden_biases = (
        parameter(n_exits, n_features, HIDDEN),
        parameter(n_exits, HIDDEN),
    )
    out_weights, out_biases = parameter(n_exits, HIDDEN), parameter(n_exits)
    parameters = [weights, biases, hidden_weights, hidden_biases, out_weights, out_biases]
    right = torch.from_numpy((data.predictions == data.labels[:, None]).astype(np.float32))
    costs = torch.tensor(data.macs_at_exit, dtype=torch.float32) / budget
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def assignments() -> Tensor:
        hidden = torch.sigmoid(torch.einsum("nkf,kfh->nkh", x, hidden_weights) + hidden_biases)
        return torch.log_softmax((hidden * out_weights).sum(dim=2) + out_biases, dim=1)

    for _ in range(STEPS):
        logits = (x * weights).sum(dim=2) + biases
        log_r = assignments()
        r = log_r.exp()
        v = (r / r.sum(dim=0)).detach()
        score_loss = F.binary_cross_entropy_with_logits(logits, right, v, reduction="sum") / n_exits
        q = torch.sigmoid(logits.detach()) ** SHARPNESS
        assignment_loss = F.kl_div(log_r, q / q.sum(dim=1, keepdim=True), reduction="batchmean")
        cost_loss = ((r * costs).sum(dim=1).mean() - 1).abs()
        loss = score_loss + ASSIGNMENT_WEIGHT * assignment_loss / n_exits + COST_WEIGHT * cost_loss
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        optimizer.step()
    with torch.no_grad():
        return weights.detach(), biases.detach(), assignments().exp().mean(dim=0)
