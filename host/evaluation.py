"""What early exit costs and saves on a data set, and whether the device decides as specified."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..golden.data import Dataset
from ..golden.decision import decide_float, log_odds_score
from ..golden.network import IntegerNetwork
from .devices import Device, GoldenDevice
from .pipeline import run, set_thresholds
from .results import Results


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy and cost with one confidence threshold at all early exits."""

    confidence: float
    accuracy: float
    mean_macs: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures of one network on one data set, on one device.

    Attributes
    ----------
    results : Results
        Of the run with exits.
    accuracy_without_exits : float
        Of the final classifier on all images.
    accuracy_with_exits : float
    macs_without_exits : int
        Per image: the backbone and the final classifier, no early branch.
    decisions : int
        Decisions compared: every image at every exit, whether it got there or not.
    decisions_that_differ : int
        Where device and integer model differ in exit, label or score, plus images where the whole
        runs differ.
    agreement_with_float : float
        Share of decisions at early exits that float64 softmax takes alike.
    curve : list of CurvePoint
        By falling confidence; from the integer scores.
    """

    results: Results
    accuracy_without_exits: float
    accuracy_with_exits: float
    macs_without_exits: int
    decisions: int
    decisions_that_differ: int
    agreement_with_float: float
    curve: list[CurvePoint]

    @property
    def macs_saved(self) -> float:
        """Share of the multiply-accumulates that exits save."""
        return 1 - self.results.mean_macs() / self.macs_without_exits

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "images": len(self.results),
            "accuracy_int8_without_exits": self.accuracy_without_exits,
            "accuracy_int8_with_exits": self.accuracy_with_exits,
            "share_of_images_per_exit": self.results.exit_shares(),
            "macs_without_exits": self.macs_without_exits,
            "mean_macs_with_exits": self.results.mean_macs(),
            "macs_saved": self.macs_saved,
            "decisions_compared": self.decisions,
            "decisions_that_differ_from_golden": self.decisions_that_differ,
            "agreement_with_float64_softmax": self.agreement_with_float,
        }


def evaluate(network: IntegerNetwork, device: Device, dataset: Dataset) -> Evaluation:
    """Run `dataset` with and without exits and compare every decision with the specification."""
    set_thresholds(network, device)
    golden = GoldenDevice(device.config)
    set_thresholds(network, golden)
    results = run(network, device, dataset.images)
    expected = run(network, golden, dataset.images)
    differing = int(
        np.count_nonzero(
            (results.label != expected.label)
            | (results.exit_index != expected.exit_index)
            | (results.score != expected.score)
        )
    )

    all_logits = network.forward(dataset.images)
    agreeing = 0
    for index, logits in enumerate(all_logits):
        decisions = device.decide(logits, index)
        differing += decisions.count_differences(golden.decide(logits, index))
        if index < network.n_exits - 1:
            threshold = (network.thresholds or ())[index]
            by_float = decide_float(device.config, logits, threshold)
            agreeing += int(np.count_nonzero(decisions.exit == by_float))

    labels = np.stack([logits.argmax(axis=1) for logits in all_logits])
    scores = np.stack([log_odds_score(device.config, logits) for logits in all_logits])
    early = len(dataset) * (network.n_exits - 1)
    return Evaluation(
        results=results,
        accuracy_without_exits=float(np.mean(labels[-1] == dataset.labels)),
        accuracy_with_exits=results.accuracy(dataset.labels),
        macs_without_exits=network.macs_total,
        decisions=len(dataset) * network.n_exits,
        decisions_that_differ=differing,
        agreement_with_float=agreeing / early if early else 1.0,
        curve=_curve(network, device, labels, scores, dataset.labels),
    )


def _curve(
    network: IntegerNetwork,
    device: Device,
    labels: npt.NDArray[np.integer],
    scores: npt.NDArray[np.integer],
    true_labels: npt.NDArray[np.integer],
) -> list[CurvePoint]:
    macs = np.asarray(network.macs_at_exit)
    images = np.arange(len(true_labels))
    points = []
    step = max(1, (1 << network.fraction_bits) // 4)
    for threshold in range(device.config.threshold_high, 0, -step):
        leaves = scores >= threshold
        leaves[-1] = True  # the final classifier takes what is left
        exit_index = leaves.argmax(axis=0)
        points.append(
            CurvePoint(
                confidence=device.config.confidence_of_threshold(threshold),
                accuracy=float(np.mean(labels[exit_index, images] == true_labels)),
                mean_macs=float(macs[exit_index].mean()),
            )
        )
    return points
