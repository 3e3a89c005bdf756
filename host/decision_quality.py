"""Which criterion picks the images that may leave: accuracy at one and the same exit rate.

Thresholds of different criteria cannot be compared; rates can. For every rate the images that a
criterion is surest of leave at the exit, all others go on to the final classifier.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..golden.criteria import entropy_float, entropy_score, margin_score
from ..golden.data import Dataset
from ..golden.decision import log_odds_score, softmax_confidence
from ..golden.network import IntegerNetwork
from .pipeline import unit_config

Floats = npt.NDArray[np.float64]

RATES = np.linspace(0.0, 1.0, 201)
"""Exit rates of a curve."""


@dataclass(frozen=True)
class QualityCurve:
    """One criterion at one exit.

    Attributes
    ----------
    leaving : float64 [201]
        Accuracy of the images that leave, at each of `RATES`; not a number at rate 0.
    whole : float64 [201]
        Accuracy of all images, those that stay classified by the final classifier.
    """

    leaving: Floats
    whole: Floats

    def at(self, rate: float) -> tuple[float, float]:
        """Return both accuracies at a rate."""
        return (
            float(np.interp(rate, RATES[1:], self.leaving[1:])),
            float(np.interp(rate, RATES, self.whole)),
        )


@dataclass(frozen=True)
class ExitQuality:
    """All criteria at one exit of a network on a data set.

    Attributes
    ----------
    network : str
    exit_index : int
    images : int
    accuracy_of_exit, accuracy_of_final : float
        On all images.
    curves : mapping of str to QualityCurve
    """

    network: str
    exit_index: int
    images: int
    accuracy_of_exit: float
    accuracy_of_final: float
    curves: Mapping[str, QualityCurve]


def exit_qualities(name: str, network: IntegerNetwork, dataset: Dataset) -> list[ExitQuality]:
    """Measure every early exit of a network on its own against the final classifier."""
    config = unit_config(network)
    all_logits = network.forward(dataset.images)
    final = all_logits[-1].argmax(axis=1) == dataset.labels
    qualities = []
    for exit_index, logits in enumerate(all_logits[:-1]):
        right = logits.argmax(axis=1) == dataset.labels
        sureness = {
            "confidence, in hardware": log_odds_score(config, logits),
            "softmax, float64": softmax_confidence(config, logits),
            "margin, in hardware": margin_score(config, logits),
            "entropy, in hardware": entropy_score(config, logits),
            "entropy, float64": -entropy_float(config, logits),
        }
        qualities.append(
            ExitQuality(
                name,
                exit_index,
                len(dataset),
                float(right.mean()),
                float(final.mean()),
                {key: quality_curve(values, right, final) for key, values in sureness.items()},
            )
        )
    return qualities


def quality_curve(
    sureness: npt.NDArray[np.generic], right: npt.NDArray[np.bool_], final: npt.NDArray[np.bool_]
) -> QualityCurve:
    """Return accuracies by exit rate if the surest images leave.

    Of images of the same sureness a random part leaves: what is expected of it lies on the line
    between none and all of them.

    Parameters
    ----------
    sureness : [n]
        Of each image; larger is surer.
    right, final : bool [n]
        Whether exit and final classifier are right.
    """
    n = len(right)
    order = np.argsort(-sureness.astype(np.float64), kind="stable")
    ranked = sureness[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]) + 1, n)
    leave = np.concatenate([[0], np.cumsum(right[order])[ends - 1]])
    stay = final.sum() - np.concatenate([[0], np.cumsum(final[order])[ends - 1]])
    counts = np.concatenate([[0], ends])
    left = np.interp(RATES * n, counts, leave)
    kept = np.interp(RATES * n, counts, stay)
    with np.errstate(invalid="ignore", divide="ignore"):
        leaving = left / (RATES * n)
    return QualityCurve(leaving, (left + kept) / n)
