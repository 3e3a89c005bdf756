"""The fast bench: the emulated unit against the golden model on edges, random vectors and stalls.

A part of a second where the unit is right, a few milliseconds where it is not: it stops at the
first difference. That makes it the judge of mutants.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from ..golden.decision import Logits
from ..golden.spec.decision import DecisionConfig
from .emulator.decision import DecisionEmulator
from .emulator.library import EmulationError
from .stimuli import edge_workloads, expected_outcomes, random_workload

N_RANDOM_WORKLOADS = 64
"""Each of `VECTORS_A_WORKLOAD` under thresholds of its own."""

VECTORS_A_WORKLOAD = 100

STALLS = ((0, 0), (128, 0), (0, 128), (160, 160))
"""Idle input and stalled output cycles in 256: a pass over all batches for each."""


@dataclass(frozen=True)
class Batch:
    """Vectors that are decided in one go, rows filled up to the longest, and what is right.

    Attributes
    ----------
    thresholds : tuple of int
    logits : int64 [n, N]
    lengths, exit_index : int64 [n]
    exit : bool [n]
    label, score : int64 [n]
    """

    thresholds: tuple[int, ...]
    logits: Logits
    lengths: npt.NDArray[np.int64]
    exit_index: npt.NDArray[np.int64]
    exit: npt.NDArray[np.bool_]
    label: npt.NDArray[np.int64]
    score: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lengths)


@cache
def fast_batches(config: DecisionConfig) -> tuple[Batch, ...]:
    """Return edges and random vectors, with their right decisions, in batches."""
    batches = []
    workloads = edge_workloads(config)
    workloads += [
        random_workload(config, VECTORS_A_WORKLOAD, seed) for seed in range(N_RANDOM_WORKLOADS)
    ]
    for workload in workloads:
        outcomes = expected_outcomes(config, workload)
        longest = max(len(vector.logits) for vector in workload.vectors)
        rows = [
            (*vector.logits, *(0,) * (longest - len(vector.logits))) for vector in workload.vectors
        ]
        batches.append(
            Batch(
                workload.thresholds,
                np.array(rows),
                np.array([len(vector.logits) for vector in workload.vectors]),
                np.array([vector.exit_index for vector in workload.vectors]),
                np.array([outcome.exit for outcome in outcomes]),
                np.array([outcome.label for outcome in outcomes]),
                np.array([outcome.score for outcome in outcomes]),
            )
        )
    return tuple(batches)


def first_difference(config: DecisionConfig, emulator: DecisionEmulator) -> str | None:
    """Return what tells the emulated unit from the golden model first, or None.

    The unit may differ in any field of a decision, lose one, invent one, or hang; it is reset
    between batches, at the worst moments.
    """
    try:
        return next(_differences(config, emulator), None)
    except EmulationError as error:
        return str(error)


def _differences(config: DecisionConfig, emulator: DecisionEmulator) -> Iterator[str]:
    loudest = np.full(config.n_classes, config.logit_format.high)
    # with the tags of a batch all bits of a tag change
    spread = (1 << config.tag_width) // 61 | 1
    for seed, (idle, stall) in enumerate(STALLS):
        for number, batch in enumerate(fast_batches(config)):
            emulator.reset(loudest, flowing=number % 2 == 1)
            for exit_index, threshold in enumerate(batch.thresholds):
                emulator.set_threshold(exit_index, threshold)
            got = emulator.decide(
                batch.logits,
                batch.exit_index,
                lengths=batch.lengths,
                tag=np.arange(len(batch)) * spread,
                idle=idle,
                stall=stall,
                seed=seed,
            )
            for name in ("exit", "label", "score"):
                if np.any(getattr(got, name) != getattr(batch, name)):
                    yield f"{name} differs"
