"""Vectors for every set of criteria: how each exit decides, what comes, and the right decisions."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..golden import bank
from ..golden.bank import BankDecision, DecisionBank
from ..golden.criteria import feature_score, gate_score
from ..golden.spec.bounds import gate_bias_bounds, threshold_bounds
from ..golden.spec.criteria import GATE_WEIGHT, Criterion
from ..golden.spec.decision import DecisionConfig
from .stimuli import Vector, edge_workloads, random_workload

_N_SAMPLES = 4
"""Samples under way at a time with patience: few, so that they come again."""

_N_RANDOM = 20
"""Random vectors between two changes of the settings."""


@dataclass(frozen=True)
class ExitChoice:
    """How an exit decides; `bias` and `weights`, by score, are of the gate."""

    threshold: int
    criterion: Criterion = Criterion.CONFIDENCE
    bias: int = 0
    weights: tuple[tuple[Criterion, int], ...] = ()

    def settings(self, config: DecisionConfig) -> Iterator[tuple[str, str, int]]:
        """Yield register, field and value of all that the configuration has of it."""
        if len(config.criteria) > 1:
            yield "exit_control", "criterion", self.criterion.code
        yield "threshold", "score", self.threshold
        if Criterion.GATE in config.criteria:
            yield "gate_bias", "bias", self.bias
            for name, weight in self.weights:
                yield f"weight_{name}", "weight", weight


@dataclass(frozen=True)
class Scene:
    """Vectors that come in this order while the exits decide as said, one choice for each."""

    choices: tuple[ExitChoice, ...]
    vectors: tuple[Vector, ...]


def latency_scene(config: DecisionConfig) -> Scene:
    """Return one vector of two logits, which nothing delays."""
    choices = (_choice(config, Criterion(config.criteria[0]), random.Random(0)),)
    return Scene(choices * config.n_exits, (Vector((0, 0)),))


def edge_scenes(config: DecisionConfig, seed: int) -> Iterator[Scene]:
    """Yield for each criterion the edge vectors at thresholds at and beside their scores."""
    source = random.Random(seed)
    for criterion in map(Criterion, config.criteria):
        # gate and patience need others, whose edges are theirs
        choice = _choice(config, criterion, source)
        score_of = partial(_score, config, choice)
        for workload in edge_workloads(config, score_of, threshold_bounds(config, criterion)):
            choices = tuple(replace(choice, threshold=value) for value in workload.thresholds)
            yield Scene(choices, workload.vectors)


def random_scenes(config: DecisionConfig, seed: int) -> Iterator[Scene]:
    """Yield random vectors under random criteria for ever; some vector just reaches a threshold."""
    source = random.Random(seed)
    while True:
        vectors = random_workload(config, _N_RANDOM, source.getrandbits(32)).vectors
        choices = []
        for _ in range(config.n_exits):
            choice = _choice(config, Criterion(source.choice(config.criteria)), source)
            low, high = threshold_bounds(config, choice.criterion)
            reached = _score(config, choice, source.choice(vectors).logits)
            if choice.criterion == Criterion.PATIENCE:
                reached = source.randint(low, high)
            choices.append(replace(choice, threshold=min(high, max(low, reached))))
        yield Scene(tuple(choices), vectors)


def _choice(config: DecisionConfig, criterion: Criterion, source: random.Random) -> ExitChoice:
    """Return a choice of this criterion, never taken if it can be so, with random weights."""
    threshold = threshold_bounds(config, criterion)[1]
    if Criterion.GATE not in config.criteria:
        return ExitChoice(threshold, criterion)
    low, high = gate_bias_bounds(config)
    # all sizes from nothing to the ends of the range
    reach = source.choice((0, 1 << (high.bit_length() // 2), high))
    bias = max(low, source.randint(-reach, reach))
    extremes = (GATE_WEIGHT.low, GATE_WEIGHT.high)
    weights = tuple(
        (name, source.choice((*extremes, 0, source.randint(*extremes)))) for name in config.features
    )
    return ExitChoice(threshold, criterion, bias, weights)


def _score(config: DecisionConfig, choice: ExitChoice, logits: tuple[int, ...]) -> int:
    row = np.array([logits])
    if choice.criterion == Criterion.PATIENCE:
        return 0
    if choice.criterion == Criterion.GATE:
        weights = {str(name): weight for name, weight in choice.weights}
        return int(gate_score(config, row, weights, choice.bias)[0])
    return int(feature_score(config, choice.criterion, row)[0])


class Teller:
    """Tells tags and right decisions of the vectors of scenes, one scene after the other.

    Parameters
    ----------
    config : DecisionConfig
    seed : int
        Of the samples under patience.
    """

    def __init__(self, config: DecisionConfig, seed: int):
        self._config = config
        self._source = random.Random(seed)
        # any unit decides as one with buses does; those have no other shapes
        standard = DecisionConfig()
        self._bank = DecisionBank(
            replace(
                config,
                tag_width=min(max(config.tag_width, 1), 28),
                with_score=True,
                registers=standard.registers,
                lanes=1,
            )
        )
        self._n_vectors = 0
        self._begun: set[int] = set()

    def set(self, choices: tuple[ExitChoice, ...]) -> None:
        """Have the exits decide in this way."""
        registers = self._bank.registers
        for exit_index, choice in enumerate(choices):
            for name, field, value in choice.settings(self._config):
                values = {"enable": 1, field: value} if name == "exit_control" else {field: value}
                address = registers.address(name, exit_index)
                if not self._bank.write(address, registers[name].pack(values)):
                    raise ValueError(f"Value of {name} must be legal, not {value!r}")

    def tell(self, vector: Vector) -> tuple[int, BankDecision]:
        """Return tag and decision of the next vector.

        Under patience a sample begins at exit 0, as its memory is not cleared by a reset: the
        decision's exit index may then be another than the vector's.
        """
        width = self._config.tag_width
        tag = self._n_vectors & ((1 << width) - 1)
        exit_index = vector.exit_index
        if Criterion.PATIENCE in self._config.criteria:
            tag = self._source.randrange(min(_N_SAMPLES, 1 << width))
            exit_index = exit_index if tag in self._begun else 0
            self._begun.add(tag)
        self._n_vectors += 1
        taken = bank.Vector(logits=vector.logits, exit_index=exit_index, tag=tag)
        return tag, self._bank.take(taken)
