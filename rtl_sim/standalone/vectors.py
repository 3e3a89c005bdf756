"""Vectors of a standalone bench: lines that Verilog's ``$readmemh`` reads."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...golden.spec.decision import DecisionConfig
from ..stimuli import Vector, Workload, edge_workloads, expected_outcomes, random_workload

BEAT, LAST, SET, ENDS = range(4)
"""Kinds of lines: a logit, the last one of a vector, a threshold, the end of the file."""

N_LINES = 5_000
"""Lines of a file, about: edges and random vectors are taken as far as they fit."""

_NIBBLE = 4


@dataclass(frozen=True)
class LineField:
    """A field of a line: `width` bits from bit `lsb`, whole hexadecimal digits apart."""

    name: str
    lsb: int
    width: int


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors.

    Attributes
    ----------
    text : str
        For ``$readmemh``: a word a line, and comments.
    fields : tuple of LineField
        Of a line, from the right.
    n_bits : int
        Of a line.
    n_lines, n_vectors : int
        Lines without comments, and vectors in them.
    """

    text: str
    fields: tuple[LineField, ...]
    n_bits: int
    n_lines: int
    n_vectors: int


def vector_file(config: DecisionConfig, *, seed: int = 1, n_lines: int = N_LINES) -> VectorFile:
    """Return edges, then random vectors, with their thresholds and right decisions.

    Parameters
    ----------
    config : DecisionConfig
    seed : int
        Of the random vectors.
    n_lines : int
        About as many lines, and one group of random vectors at least.
    """
    fields, n_bits = _fields(config)
    writer = _Writer(config, fields, n_bits)
    writer.comment("kind, tag, exit index, logit or threshold, right: score, label, exit")
    writer.comment("edges")
    # at most half of the file, and of many a spread
    edges = edge_workloads(config)
    for workload in _thinned(edges, n_lines // 2):
        writer.add(workload)
    writer.comment(f"random, seed {seed}")
    source = random.Random(seed)
    n = max(8, min(100, n_lines // (4 * config.n_classes)))
    while writer.n_lines < n_lines or writer.n_random < 2 * n:
        writer.add(random_workload(config, n, source.getrandbits(32)))
        writer.n_random += n
    writer.end()
    return VectorFile(writer.text(), fields, n_bits, writer.n_lines, writer.n_vectors)


def _fields(config: DecisionConfig) -> tuple[tuple[LineField, ...], int]:
    widths = {
        "exit": 1,
        "label": config.label_width,
        "score": config.score_format.width,
        "value": config.score_format.width,
        "exit_index": config.exit_index_width,
        "tag": config.tag_width,
        "kind": _NIBBLE,
    }
    fields = []
    lsb = 0
    for name, width in widths.items():
        fields.append(LineField(name, lsb, width))
        lsb += _digits(width) * _NIBBLE
    return tuple(fields), lsb


def _digits(width: int) -> int:
    return -(-width // _NIBBLE)


def _thinned(workloads: Iterable[Workload], n_beats: int) -> Iterator[Workload]:
    """Yield workloads with every k-th vector only, so that there are about `n_beats` logits."""
    workloads = list(workloads)
    total = sum(len(vector.logits) for workload in workloads for vector in workload.vectors)
    step = max(1, -(-total // n_beats))
    for workload in workloads:
        # short ones cost nothing
        order = sorted(workload.vectors, key=lambda vector: len(vector.logits))
        budget = sum(len(vector.logits) for vector in order) / step
        kept: list[Vector] = []
        for vector in order if step > 1 else workload.vectors:
            if kept and sum(len(other.logits) for other in kept) + len(vector.logits) > budget:
                continue
            kept.append(vector)
        yield Workload(workload.thresholds, tuple(kept))


class _Writer:
    def __init__(self, config: DecisionConfig, fields: tuple[LineField, ...], n_bits: int):
        self._config = config
        self._fields = fields
        self._lines: list[str] = []
        self._n_bits = n_bits
        self.n_lines = 0
        self.n_vectors = 0
        self.n_random = 0

    def comment(self, text: str) -> None:
        self._lines.append(f"// {text}")

    def add(self, workload: Workload) -> None:
        for exit_index, threshold in enumerate(workload.thresholds):
            self._line(kind=SET, exit_index=exit_index, value=threshold)
        outcomes = expected_outcomes(self._config, workload)
        for vector, outcome in zip(workload.vectors, outcomes, strict=True):
            tag = self.n_vectors & ((1 << self._config.tag_width) - 1)
            *before, last = vector.logits
            for logit in before:
                # what only the last beat carries is wrong in the others
                wrong_exit = (vector.exit_index + 1) % self._config.n_exits
                self._line(kind=BEAT, value=logit, tag=~tag, exit_index=wrong_exit)
            self._line(
                kind=LAST,
                value=last,
                tag=tag,
                exit_index=vector.exit_index,
                exit=outcome.exit,
                label=outcome.label,
                score=outcome.score,
            )
            self.n_vectors += 1

    def end(self) -> None:
        self._line(kind=ENDS)

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def _line(self, **values: int) -> None:
        parts = []
        for field in reversed(self._fields):
            bits = values.get(field.name, 0) & ((1 << field.width) - 1)
            parts.append(f"{bits:0{_digits(field.width)}x}")
        self._lines.append("_".join(parts))
        self.n_lines += 1
