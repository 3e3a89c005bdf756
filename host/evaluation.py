"""What early exit costs and saves on a data set, and whether the device decides as specified."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..golden.calibrate import ExitFigures, sweep_thresholds
from ..golden.data import Dataset
from ..golden.decision import decide_float
from ..golden.network import IntegerNetwork
from ..golden.spec.criteria import Criterion
from .devices import Device, GoldenDevice
from .pipeline import run, set_rules
from .results import Results
from .workflow import calibration_config, scores_and_predictions


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
        Share of decisions at early exits that float64 softmax takes alike; NaN where an exit
        decides by something else than confidence.
    curve : list of ExitFigures
        With one threshold at all early exits, lowest first; from the integer scores.
    """

    results: Results
    accuracy_without_exits: float
    accuracy_with_exits: float
    macs_without_exits: int
    decisions: int
    decisions_that_differ: int
    agreement_with_float: float
    curve: list[ExitFigures]

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
    set_rules(network, device)
    golden = GoldenDevice(device.config)
    set_rules(network, golden)
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
    rules = network.rules or ()
    by_confidence = all(rule.criterion == Criterion.CONFIDENCE for rule in rules)
    agreeing = 0
    for index, logits in enumerate(all_logits):
        decisions = device.decide(logits, index)
        differing += decisions.count_differences(golden.decide(logits, index))
        if index < network.n_exits - 1 and by_confidence:
            by_float = decide_float(device.config, logits, rules[index].threshold)
            agreeing += int(np.count_nonzero(decisions.exit == by_float))

    scores, predictions = scores_and_predictions(device.config, all_logits)
    early = len(dataset) * (network.n_exits - 1)
    return Evaluation(
        results=results,
        accuracy_without_exits=float(np.mean(predictions[:, -1] == dataset.labels)),
        accuracy_with_exits=results.accuracy(dataset.labels),
        macs_without_exits=network.macs_total,
        decisions=len(dataset) * network.n_exits,
        decisions_that_differ=differing,
        agreement_with_float=(agreeing / early if early else 1.0) if by_confidence else math.nan,
        curve=sweep_thresholds(
            calibration_config(device.config),
            scores,
            predictions,
            dataset.labels,
            network.macs_at_exit,
        ),
    )
