"""From a gate with real weights to the integers of its registers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..spec.bounds import gate_bias_bounds
from ..spec.criteria import FEATURES, GATE_WEIGHT, Criterion
from ..spec.rules import ExitRule
from .base import ExitLogits

Reals = NDArray[np.float64]


GATE_FEATURES = (str(Criterion.CONFIDENCE), str(Criterion.MARGIN))
"""Scores that gates learn from unless told otherwise.

The entropy of the unit saturates for the least sure images, the very ones of which a gate has to
say which are worth going on with, and a linear gate cannot bend around that; it also costs more
than all the rest.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class StandardScores:
    """The scores of all exits with mean 0 and deviation 1 over the calibration images.

    Attributes
    ----------
    names : tuple of str
        Of the scores, some of `FEATURES`.
    values : float32 [n, n_exits, len(names)]
    mean, deviation : float64 [n_exits, len(names)]
    """

    names: tuple[str, ...]

    values: Tensor
    mean: Reals
    deviation: Reals


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: more gain nothing here, and cost much where cores are busy."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def standard_scores(data: ExitLogits, names: tuple[str, ...]) -> StandardScores:
    """Return the scores that gates learn from."""
    scores = data.features[:, :, [FEATURES.index(Criterion(name)) for name in names]]
    mean = scores.mean(axis=0)
    deviation = np.maximum(scores.std(axis=0), 1.0)
    values = torch.from_numpy(((scores - mean) / deviation).astype(np.float32))
    return StandardScores(names=names, values=values, mean=mean, deviation=deviation)


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerGate:
    """Weights and offset of the gate of one exit: ``score ~ scale * (real score)``."""

    weights: dict[str, int]
    offset: int
    scale: float

    def rule(self, threshold: int) -> ExitRule:
        """Return the rule of an exit."""
        return ExitRule(
            criterion=Criterion.GATE, threshold=threshold, weights=self.weights, offset=self.offset
        )


def integer_gates(
    data: ExitLogits, scores: StandardScores, weights: Reals, biases: Reals
) -> list[IntegerGate]:
    """Return the integers of a linear gate ``weights . standard scores + bias`` of early exits.

    The largest weight of an exit takes the whole range of a weight register.

    Parameters
    ----------
    data : ExitLogits
    scores : StandardScores
    weights : float64 [n_early, len(scores.names)]
    biases : float64 [n_early]
    """
    low, high = gate_bias_bounds(data.config)
    gates = []
    for k in range(data.n_early):
        slopes = weights[k] / scores.deviation[k]
        bias = float(biases[k] - slopes @ scores.mean[k])
        scale = GATE_WEIGHT.high / max(float(np.abs(slopes).max()), 1e-9)
        integers = np.rint(slopes * scale).astype(int).tolist()
        gates.append(
            IntegerGate(
                weights=dict(zip(scores.names, integers, strict=True)),
                offset=int(np.clip(round(bias * scale), low, high)),
                scale=scale,
            )
        )
    return gates
