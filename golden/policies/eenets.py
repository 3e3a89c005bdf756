"""EENets' learned exit gate: each exit says by itself whether to stop."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ..criteria import softmax_float
from .base import Budget, ExitLogits, Rules, Target, choose, choose_over_budgets
from .gate import GATE_FEATURES, IntegerGate, integer_gates, one_thread, standard_scores

STEPS = 100
LEARNING_RATE = 0.05
COST_WEIGHTS = tuple(np.geomspace(3.0, 0.001, 12).tolist())
"""Values of lambda that are tried, from cheap networks to accurate ones."""

SHIFTS = np.linspace(-12, 12, 241)
"""Common shifts of all gates, in units of the logit of h, that meet a budget between lambdas."""

PROBABILITY_MIN = 1e-6


class LearnedExitGate:
    """Leave at the first exit whose learned confidence ``h_k`` is at least 1/2.

    With the probabilities ``y_k`` and the cumulative cost ``c_k`` (as a share of all) of exit k,
    and the scores ``x_k`` of the unit::

        h_k = sigmoid(w_k . x_k + b_k)
        Y_k = h_k y_k + (1 - h_k) Y_(k+1),    Y_K = y_K
        C_k = h_k c_k + (1 - h_k) C_(k+1),    C_K = c_K
        L   = -log Y_0[label] + lambda C_0

    ``h_k >= 1/2`` is ``w_k . x_k + b_k >= 0``, the unit's gate. Of a dozen values of lambda, the
    one with the cost next to the budget is taken, and a common shift of all gates does the rest.

    The paper's confidence branch reads the activations and is trained with the network. This one
    reads the scores, and the network stays as it is.

    Source: Demir and Akbas, Early-exit Convolutional Neural Networks, 2019, arXiv:2409.05336,
    section 3.2; the recursion as in the authors' program, github.com/eksuas/eenets.pytorch.
    """

    name = "eenets"

    def fit(self, data: ExitLogits, target: Target, *, seed: int = 0) -> Rules:
        """Return a rule for each early exit; see `Policy.fit`. The seed is of the weights."""
        trained = _trained_gates(data, seed)
        costs = np.array([data.figures(_shifted(gates, 0.0)).mean_macs for gates in trained])

        def fit(budget: Budget) -> Rules:
            nearest = int(np.argmin(np.abs(np.log(costs / budget.macs))))
            shifted = (_shifted(trained[nearest], float(shift)) for shift in SHIFTS)
            return choose(data, shifted, budget)

        return choose_over_budgets(data, fit, target)


def _shifted(gates: list[IntegerGate], shift: float) -> Rules:
    return tuple(gate.rule(round(shift * gate.scale)) for gate in gates)


@lru_cache(maxsize=2)  # one training serves all budgets
def _trained_gates(data: ExitLogits, seed: int) -> list[list[IntegerGate]]:
    """Return the gates of the early exits for each of `COST_WEIGHTS`."""
    with one_thread():
        return _learn(data, seed)


def _learn(data: ExitLogits, seed: int) -> list[list[IntegerGate]]:
    scores = standard_scores(data, GATE_FEATURES)
    x = scores.values[:, : data.n_early]
    generator = torch.Generator().manual_seed(seed)
    weights = (0.1 * torch.randn(x.shape[1:], generator=generator)).requires_grad_()
    biases = torch.zeros(data.n_early, requires_grad=True)
    rows = np.arange(len(data))
    of_label = torch.from_numpy(
        np.stack([softmax_float(data.config, z)[rows, data.labels] for z in data.logits], axis=1)
    ).float()
    costs = torch.tensor(data.macs_at_exit, dtype=torch.float32) / data.macs_at_exit[-1]
    found = []
    for cost_weight in COST_WEIGHTS:
        optimizer = torch.optim.Adam([weights, biases], lr=LEARNING_RATE)
        for _ in range(STEPS):
            h = torch.sigmoid((x * weights).sum(dim=2) + biases)
            loss = _loss(h, of_label, costs, cost_weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
            optimizer.step()
        found.append(
            integer_gates(
                data,
                scores,
                weights.detach().double().numpy(),
                biases.detach().double().numpy(),
            )
        )
    return found


def _loss(h: Tensor, of_label: Tensor, costs: Tensor, cost_weight: float) -> Tensor:
    """Return the loss of gates h [n, K - 1] and the label's probability at each exit [n, K]."""
    probability, cost = of_label[:, -1], costs[-1].expand(len(h))
    for k in reversed(range(h.shape[1])):
        probability = h[:, k] * of_label[:, k] + (1 - h[:, k]) * probability
        cost = h[:, k] * costs[k] + (1 - h[:, k]) * cost
    return -probability.clamp_min(PROBABILITY_MIN).log().mean() + cost_weight * cost.mean()
