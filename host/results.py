"""What a run gives, image by image."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..golden.files import replacing

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Results:
    """Labels and exits of n images, in their order.

    Attributes
    ----------
    label : int64 [n]
        Predicted class.
    exit_index : int64 [n]
        Exit at which the image left, 0 for the first; ``n_exits - 1`` is the final classifier.
    score : int64 [n]
        Log-odds of the label at that exit, in logit LSBs.
    macs : int64 [n]
        Multiply-accumulates spent, the branches passed included.
    n_exits : int
        Exits of the network, the final classifier included.
    cycles : int64 [n], optional
        Clock cycles from the start of the image to its decision, on a device that counts them.
    """

    label: Integers
    exit_index: Integers
    score: Integers
    macs: Integers
    n_exits: int
    cycles: Integers | None = None

    def __len__(self) -> int:
        return len(self.label)

    def accuracy(self, labels: npt.NDArray[np.integer]) -> float:
        """Return the share of images with the right label, NaN of none."""
        return float(np.mean(self.label == labels)) if len(self) else float("nan")

    def differences(self, other: "Results") -> int:
        """Return of how many images label, exit or score differ."""
        different = (
            (self.label != other.label)
            | (self.exit_index != other.exit_index)
            | (self.score != other.score)
        )
        return int(different.sum())

    def exit_shares(self) -> list[float]:
        """Return the share of images that left at each exit."""
        counts = np.bincount(self.exit_index, minlength=self.n_exits)
        return [float(count) / max(1, len(self)) for count in counts]

    def mean_macs(self) -> float:
        """Return the mean of multiply-accumulates of an image, NaN of none."""
        return float(self.macs.mean()) if len(self) else float("nan")

    def save(self, path: str | Path, true_labels: npt.NDArray[np.integer] | None = None) -> None:
        """Write a CSV file, a row an image, and `true_labels` beside the predictions if given."""
        columns: dict[str, Sequence[int] | npt.NDArray[np.integer]] = {
            "image": range(len(self)),
            "label": self.label,
            "exit": self.exit_index,
            "score": self.score,
            "macs": self.macs,
        }
        if self.cycles is not None:
            columns["cycles"] = self.cycles
        if true_labels is not None:
            columns["true_label"] = true_labels
        with replacing(path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
