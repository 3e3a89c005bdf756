"""The files of the example: those written by hand, and those that the golden model gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ....golden.decision import Decisions, check_logits
from ....golden.spec.decision import DecisionConfig
from ....golden.spec.decision_streams import decision_fields, pack, user_fields
from ....golden.spec.rules import ExitRule
from ....golden.unit_model import UnitModel
from ...delivery import decision_delivery

CONFIG = DecisionConfig(n_classes=10, n_exits=3)
"""The unit that own_accelerator.v is written for."""

N_SAMPLES = 32
"""Samples in its table."""

TOP = "own_accelerator"
DELIVERY = "decision"
"""Folder of the delivered unit."""

RTL = (f"{TOP}.v", "own_bus.v", "layers.v")
BY_HAND = (
    *RTL,
    f"{TOP}_tb.v",
    f"{TOP}.core",
    *(f"firmware/{name}" for name in ("main.c", "bus.h", f"{TOP}.h", "start.S", "link.ld")),
    "firmware/host.c",
)
FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class OwnCase:
    """What the accelerator works on.

    Parameters
    ----------
    logits : integer [N_SAMPLES, exits, classes]
        Of every sample at every exit of a network.
    thresholds : sequence of int
        Of each exit, the last one's so low that all take it.

    Raises
    ------
    ValueError
        The shape is another, or the unit cannot hold a logit or a threshold.
    """

    logits: npt.NDArray[np.integer]
    thresholds: Sequence[int]

    def __post_init__(self) -> None:
        shape = (N_SAMPLES, CONFIG.n_exits, CONFIG.n_classes)
        if self.logits.shape != shape:
            raise ValueError(f"Logits must be {list(shape)}, not {list(self.logits.shape)}")
        if len(self.thresholds) != CONFIG.n_exits:
            raise ValueError(f"Thresholds must be {CONFIG.n_exits}, not {len(self.thresholds)}")
        for exit_logits in self.logits.swapaxes(0, 1):
            check_logits(CONFIG, exit_logits)

    @cached_property
    def decisions(self) -> tuple[Decisions, ...]:
        """The golden model's decisions on all samples, exit by exit."""
        model = UnitModel(CONFIG)
        for exit_index, threshold in enumerate(self.thresholds):
            model.set_rule(exit_index, ExitRule(threshold=int(threshold)))
        return tuple(
            model.decide(self.logits[:, exit_index], exit_index)
            for exit_index in range(CONFIG.n_exits)
        )

    @cached_property
    def exit_index(self) -> npt.NDArray[np.int64]:
        """The exit of each sample, the first that is taken, int64 [n]."""
        taken = np.stack([decisions.exit for decisions in self.decisions])
        taken[-1] = True
        return np.asarray(taken.argmax(axis=0), np.int64)

    @property
    def seen(self) -> list[int]:
        """Samples that come to each exit."""
        return [int((self.exit_index >= k).sum()) for k in range(CONFIG.n_exits)]

    @property
    def exited(self) -> list[int]:
        """Samples that leave at each exit."""
        return [int((self.exit_index == k).sum()) for k in range(CONFIG.n_exits)]


def own_accelerator_files(case: OwnCase) -> dict[str, str]:
    """Return the texts of all files by their paths in the example's folder."""
    by_hand = {name: (FOLDER / name).read_text(encoding="utf-8") for name in BY_HAND}
    delivered = {
        f"{DELIVERY}/{name}": text for name, text in decision_delivery(CONFIG, "axi").items()
    }
    return {
        **by_hand,
        f"{TOP}_logits.v": _logits_module(case.logits),
        f"{TOP}_expected.hex": _expected_words(case),
        "firmware/expected.h": _expected_header(case),
        **delivered,
    }


def _logits_module(logits: npt.NDArray[np.integer]) -> str:
    """Return the table of logits, addressed by sample, exit and class."""
    cases = "".join(
        f"    11'b{sample:05b}_{exit_index:02b}_{label:04b}: logit = 8'h{int(value) & 255:02x};\n"
        for (sample, exit_index, label), value in np.ndenumerate(logits)
    )
    return (
        f"// {TOP}_logits: logits of {len(logits)} samples of a network, generated.\n\n"
        f"module {TOP}_logits (input [10:0] address, output reg [7:0] logit);\n"
        f"  always @* case (address)\n{cases}    default: logit = 8'h00;\n  endcase\nendmodule\n"
    )


def _expected_words(case: OwnCase) -> str:
    """Return what the bench reads: per exit threshold, seen, exited; per sample TDATA, TUSER."""
    counts = zip(case.thresholds, case.seen, case.exited, strict=True)
    words = [int(word) for row in counts for word in row]
    for sample, exit_index in enumerate(case.exit_index):
        decisions = case.decisions[exit_index]
        values = {
            "exit": int(decisions.exit[sample]),
            "forced": 0,
            "error": 0,
            "label": int(decisions.label[sample]),
            "score": int(decisions.score[sample]),
        }
        words.append(pack(decision_fields(CONFIG), values))
        words.append(pack(user_fields(CONFIG), {"exit_index": int(exit_index), "tag": sample}))
    return "".join(f"{word & 0xFFFFFFFF:08x}\n" for word in words)


def _expected_header(case: OwnCase) -> str:
    """Return the same for the firmware."""
    samples = range(N_SAMPLES)
    chosen = [case.decisions[exit_index] for exit_index in case.exit_index]
    arrays = (
        ("int32_t", "threshold", case.thresholds),
        ("uint32_t", "seen", case.seen),
        ("uint32_t", "exited", case.exited),
        ("uint8_t", "exit", case.exit_index),
        ("uint8_t", "label", [chosen[k].label[k] for k in samples]),
        ("int32_t", "score", [chosen[k].score[k] for k in samples]),
    )
    lines = "".join(
        f"static const {kind} expected_{name}[] = {{{', '.join(str(int(v)) for v in values)}}};\n"
        for kind, name, values in arrays
    )
    return (
        "/* expected.h: what the golden model gives, generated. */\n"
        "#ifndef EXPECTED_H\n#define EXPECTED_H\n\n#include <stdint.h>\n\n"
        f"#define EXPECTED_SAMPLES {N_SAMPLES}u\n\n{lines}\n#endif\n"
    )
