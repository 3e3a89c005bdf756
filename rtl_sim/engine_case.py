"""A program, images and the right results, as a file for a bench in a simulator's process."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ..golden.spec.decision import DecisionConfig
from ..golden.spec.engine import EngineConfig
from ..golden.spec.operation import WORDS, Operation
from ..golden.spec.program import Program
from ..golden.spec.registers import WORD_BYTES


@dataclass(frozen=True)
class RightResult:
    """What an image must give."""

    label: int
    exit_index: int
    score: int
    cycles: int


@dataclass(frozen=True, kw_only=True)
class EngineCase:
    """A program with images.

    Attributes
    ----------
    program : Program
    images : tuple of bytes
        Of ``4 * image_words`` bytes each.
    results : tuple of RightResult
        One for each image.
    """

    program: Program
    images: tuple[bytes, ...]
    results: tuple[RightResult, ...]

    @property
    def memories(self) -> tuple[list[int], list[int], list[int]]:
        """The words of the program, of the channels and of the weights."""
        content = self.program.weights
        weights = [
            int.from_bytes(content[k : k + WORD_BYTES], "little")
            for k in range(0, len(content), WORD_BYTES)
        ]
        return list(self.program.words), list(self.program.channels), weights

    def write(self, path: Path) -> None:
        """Write the case to a file."""
        program = self.program
        values = {
            "config": asdict(program.config),
            "words": program.words,
            "channels": program.channels,
            "weights": program.weights.hex(),
            "image_base": program.image_base,
            "image_stride": program.image_stride,
            "image_words": program.image_words,
            "n_classes": program.n_classes,
            "thresholds": program.thresholds,
            "images": [image.hex() for image in self.images],
            "results": [asdict(result) for result in self.results],
        }
        path.write_text(json.dumps(values))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the case of a file that `write` wrote."""
        values = json.loads(path.read_text())
        decision = values["config"].pop("decision")
        for name in ("registers", "criteria"):
            decision[name] = tuple(decision[name])
        words = values["words"]
        starts = range(0, len(words), len(WORDS))
        program = Program(
            config=EngineConfig(**values["config"], decision=DecisionConfig(**decision)),
            operations=tuple(Operation.decode(words[k : k + len(WORDS)]) for k in starts),
            channels=tuple(values["channels"]),
            weights=bytes.fromhex(values["weights"]),
            image_base=values["image_base"],
            image_stride=values["image_stride"],
            image_words=values["image_words"],
            n_classes=values["n_classes"],
            thresholds=tuple(values["thresholds"]),
        )
        return cls(
            program=program,
            images=tuple(bytes.fromhex(image) for image in values["images"]),
            results=tuple(RightResult(**result) for result in values["results"]),
        )
