"""Thresholds of the early exits with a statistical guarantee, on the hardware's integer score.

One threshold ``t`` serves all early exits. An image has a loss of 0 or 1 under each threshold:

``harm``
    1 if the image leaves early with a wrong label where the final classifier is right. Its mean is
    at least the accuracy lost.
``change``
    1 if the image leaves early with another label than the final classifier's; needs no labels.

The risk ``R(t)`` is the mean loss over the distribution of the images. From n images, a method
takes the lowest threshold for which it can still say that the risk is at most ``epsilon``:

``ltt``
    Learn then test: thresholds are tested from the highest down, ``H_t: R(t) > epsilon``, each at
    level delta, up to the first that is not rejected. With probability at least 1 - delta the risk
    of the threshold taken is at most epsilon. The order is fixed before the data is seen, so that
    no correction for many tests is due, and losses need not be monotone.
``ucb``
    Upper confidence bound: the lowest threshold above which all upper bounds of the risk are below
    epsilon. Needs monotone losses; the same statement as ltt.
``crc``
    Conformal risk control: the lowest threshold with ``(n mean loss + 1) / (n + 1) <= epsilon`` for
    it and all above. Needs monotone losses; the risk is at most epsilon *on average* over
    calibration sets, there is no delta.

Raising a threshold can make an image wrong that leaves at a later exit then, hence losses are not
monotone in ``t``. Where they must be, the loss is replaced by its maximum over ``t`` and all
thresholds above: this one is monotone, and at least as large.

Source: Jazbec et al., Fast yet Safe: Early-Exiting with Risk Control, NeurIPS 2024, section 3, for
risks of early exit and the methods; Angelopoulos et al., Learn then Test: Calibrating Predictive
Algorithms to Achieve Risk Control, 2021, theorem 1 and section 2.3 (fixed-sequence testing);
Bates et al., Distribution-Free, Risk-Controlling Prediction Sets, JACM 2021, theorem 1 (ucb);
Angelopoulos et al., Conformal Risk Control, ICLR 2024, equation 4 and theorem 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .calibrate import exit_indices
from .spec.checks import require_choice
from .tail_bounds import P_VALUES

METHODS = ("ltt", "ucb", "crc")

LOSSES = ("harm", "change")

Losses = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class RiskConfig:
    """What is to be guaranteed, and how.

    Parameters
    ----------
    epsilon : float
        Largest risk, in (0, 1).
    delta : float
        Probability with which the calibration images may mislead, in (0, 1); crc has none.
    method : str
        Of `METHODS`.
    bound : str
        Of `offramp.golden.tail_bounds.P_VALUES`; crc has none.
    loss : str
        Of `LOSSES`.

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    epsilon: float
    delta: float = 0.05
    method: str = "ltt"
    bound: str = "binomial"
    loss: str = "harm"

    def __post_init__(self) -> None:
        for thing, value in (("Risk", self.epsilon), ("Delta", self.delta)):
            if not 0 < value < 1:
                raise ValueError(f"{thing} must be in (0, 1), not {value!r}")
        require_choice("Method", self.method, METHODS)
        require_choice("Bound", self.bound, P_VALUES)
        require_choice("Loss", self.loss, LOSSES)

    def statement(self, n: int) -> str:
        """Return what holds for thresholds chosen on `n` images."""
        event = {
            "harm": "exits make wrong where the final classifier is right",
            "change": "exits give another label than the final classifier",
        }[self.loss]
        claim = f"The share of images that {event} is at most {self.epsilon:g}"
        draw = f"the draw of the {n:,} calibration images"
        if self.method == "crc":
            return f"{claim} on average over {draw}, for images drawn like these."
        return (
            f"{claim} with probability at least {1 - self.delta:g} over {draw}, "
            "for images drawn like these."
        )


def losses_per_threshold(
    loss: str,
    thresholds: Sequence[int],
    scores: NDArray[np.int64],
    predictions: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> Losses:
    """Return the loss of each image under each common threshold, bool [n_thresholds, n].

    Parameters
    ----------
    loss : str
        Of `LOSSES`.
    thresholds : sequence of int
    scores : int64 [n, n_exits - 1]
    predictions : int64 [n, n_exits]
        Label of each exit, the final classifier last.
    labels : int64 [n]
        True labels; ``change`` does not look at them.
    """
    final = predictions[:, -1]
    bad = predictions != final[:, None]
    if loss == "harm":
        bad &= (final == labels)[:, None]
    n_early = scores.shape[1]
    rows = np.arange(len(scores))
    return np.stack([bad[rows, exit_indices([t] * n_early, scores)] for t in thresholds])


def lowest_safe(config: RiskConfig, losses: Losses) -> int | None:
    """Return the index of the lowest threshold that the method allows, None if it allows none.

    Parameters
    ----------
    config : RiskConfig
    losses : bool [n_thresholds, n]
        For thresholds in ascending order.
    """
    n = losses.shape[1]
    if config.method != "ltt":
        # the maximum over all thresholds at or above
        losses = np.logical_or.accumulate(losses[::-1])[::-1]
    found = None
    p_value = P_VALUES[config.bound]
    for index in range(len(losses) - 1, -1, -1):
        if config.method == "crc":
            safe = (int(losses[index].sum()) + 1) / (n + 1) <= config.epsilon
        else:
            # the upper bound is below epsilon exactly where the test rejects
            safe = p_value(losses[index].astype(np.float64), config.epsilon) <= config.delta
        if not safe:
            break
        found = index
    return found


def risk_threshold(
    config: RiskConfig,
    thresholds: Sequence[int],
    scores: NDArray[np.int64],
    predictions: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> int:
    """Return the lowest of `thresholds`, ascending, with the guarantee of `config`.

    Arguments as in `losses_per_threshold`.

    Raises
    ------
    ValueError
        If there is none: the images are too few, or exits too bad even where they are surest.
    """
    losses = losses_per_threshold(config.loss, thresholds, scores, predictions, labels)
    index = lowest_safe(config, losses)
    if index is None:
        raise ValueError(
            f"Risk must be attainable with {len(labels)} calibration images, not "
            f"{config.epsilon:g}: at the highest threshold {int(losses[-1].sum())} losses remain"
        )
    return int(thresholds[index])
