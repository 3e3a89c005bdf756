"""Vectors of a standalone bench: lines that Verilog's ``$readmemh`` reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...golden.spec.criteria import FEATURES
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_registers import rule_fields
from ..scenes import Scene, Teller, edge_scenes, latency_scene, random_scenes
from ..stimuli import Vector, lane_beats

BEAT, LAST, ENDS = range(3)
"""Kinds of lines: a logit, the last one of a vector, the end of the file."""

SETTINGS = (
    ("threshold", "score"),
    ("exit_control", "criterion"),
    ("gate_bias", "bias"),
    *((f"weight_{name}", "weight") for name in FEATURES),
)
"""Register and field of what the further kinds of lines set, from `FIRST_SETTING` on."""

FIRST_SETTING = 3

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
    writer = _Writer(config, fields, n_bits, seed)
    tag = "tag, " if config.tag_width else ""
    writer.comment(f"kind, {tag}exit index, logit or setting, right: score, label, exit")
    writer.comment("the latency: two logits, alone")
    writer.add(latency_scene(config))
    writer.comment("edges")
    # at most half of the file, and of many a spread
    for scene in _thinned(edge_scenes(config, seed), n_lines // 2):
        writer.add(scene)
    writer.comment(f"random, seed {seed}")
    for n, scene in enumerate(random_scenes(config, seed)):
        if n >= 2 and writer.n_lines >= n_lines:
            break
        writer.add(scene)
    writer.end()
    return VectorFile(writer.text(), fields, n_bits, writer.n_lines, writer.n_vectors)


def _fields(config: DecisionConfig) -> tuple[tuple[LineField, ...], int]:
    widths = {
        "exit": 1,
        "label": config.label_width,
        "score": config.score_format.width,
        "value": max(config.score_format.width, config.lanes * config.logit_width),
        "exit_index": config.exit_index_width,
        "tag": config.tag_width,
        "kind": _NIBBLE,
    }
    if not config.tag_width:
        del widths["tag"]
    if config.lanes > 1:
        widths["keep"] = config.lanes
    fields = []
    lsb = 0
    for name, width in widths.items():
        fields.append(LineField(name, lsb, width))
        lsb += _digits(width) * _NIBBLE
    return tuple(fields), lsb


def _digits(width: int) -> int:
    return -(-width // _NIBBLE)


def _thinned(scenes: Iterable[Scene], n_beats: int) -> Iterator[Scene]:
    """Yield scenes with every k-th vector only, so that there are about `n_beats` logits."""
    scenes = list(scenes)
    total = sum(len(vector.logits) for scene in scenes for vector in scene.vectors)
    step = max(1, -(-total // n_beats))
    for scene in scenes:
        # short ones cost nothing
        order = sorted(scene.vectors, key=lambda vector: len(vector.logits))
        budget = sum(len(vector.logits) for vector in order) / step
        kept: list[Vector] = []
        for vector in order if step > 1 else scene.vectors:
            if kept and sum(len(other.logits) for other in kept) + len(vector.logits) > budget:
                continue
            kept.append(vector)
        yield Scene(scene.rules, tuple(kept))


class _Writer:
    def __init__(
        self, config: DecisionConfig, fields: tuple[LineField, ...], n_bits: int, seed: int
    ):
        self._config = config
        self._fields = fields
        self._lines: list[str] = []
        self._n_bits = n_bits
        self._teller = Teller(config, seed)
        self.n_lines = 0
        self.n_vectors = 0

    def comment(self, text: str) -> None:
        self._lines.append(f"// {text}")

    def add(self, scene: Scene) -> None:
        for exit_index, rule in enumerate(scene.rules):
            for *place, value in rule_fields(self._config, rule):
                kind = FIRST_SETTING + SETTINGS.index(tuple(place))
                self._line(kind=kind, exit_index=exit_index, value=value)
        self._teller.set_rules(scene.rules)
        for vector in scene.vectors:
            tag, right = self._teller.tell(vector)
            *before, last = self._beats(vector.logits)
            for beat in before:
                # what only the last beat carries is wrong in the others
                wrong_exit = (right.exit_index + 1) % self._config.n_exits
                self._line(kind=BEAT, **beat, tag=~tag, exit_index=wrong_exit)
            self._line(
                kind=LAST,
                **last,
                tag=tag,
                exit_index=right.exit_index,
                exit=right.exit,
                label=right.label,
                score=right.score,
            )
            self.n_vectors += 1

    def _beats(self, logits: tuple[int, ...]) -> list[dict[str, int]]:
        """Return the fields that hold logits in each beat of a vector."""
        config = self._config
        if config.lanes == 1:
            return [{"value": logit} for logit in logits]
        mask = (1 << config.logit_width) - 1
        return [
            {
                "value": sum(
                    (logit & mask) << (lane * config.logit_width)
                    for lane, logit in enumerate(beat.logits)
                ),
                "keep": beat.keep,
            }
            for beat in lane_beats(config, logits)
        ]

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
