"""The accelerator engine: the shape of its MAC array and the size of its memories."""

from dataclasses import dataclass, field, replace
from typing import Any

from .checks import require_choice, require_int
from .decision import DecisionConfig
from .operation import NARROW

ACCUMULATOR_WIDTH = 26
"""Bits of a signed accumulator, bias included; the compiler proves that they suffice."""

# Cycles of the engine's pipeline, for exact prediction; a test adds them up from the components.

STEP_LATENCY = 10
"""From the start of an operation to the operands of its first step."""

WRITE_LATENCY = 16
"""From the moment when accumulators leave the array to their transfer to memory."""

SECOND_PASS = 11
"""More of them with a residual addition."""

FETCH_BEHIND = 6
"""From an operation's last transfer to the start of the next, whose other words are there."""


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Parameters of one engine; the one source for compiler, RTL and documents.

    Parameters
    ----------
    in_lanes : int
        Activations that are read in a cycle, consecutive bytes of any address: 4, 8 or 16.
    out_lanes : int
        Output channels that are computed side by side: 2, 4, 8, 16 or 32.
    requantizers : int
        Accumulators that leave the array in a cycle: 1, 2 or 4.
    activation_bytes : int
        Memory of activations, a multiple of ``2 * in_lanes``.
    weight_lines : int
        Memory of weights, in lines of ``in_lanes * out_lanes`` bytes.
    channel_lines : int
        Memory of biases and multipliers, in lines of `requantizers` channels.
    program_words : int
        Memory of descriptors, in words of 32 bits.
    count_bits : int
        Most iterations of a loop are ``2**count_bits``: 6 to 12.
    residual : bool
        Whether it has residual additions, for which single words of the activation memory are
        read.
    checks : bool
        Whether it tells what is wrong with a program. Without it the host's checks must do.
    counters : bool
        Whether its registers count images and cycles.
    decision : DecisionConfig
        The decision unit: its score is calibrated upon, its logits are int8.

    Raises
    ------
    TypeError, ValueError
        A parameter is no integer or out of range.
    """

    in_lanes: int = 4
    out_lanes: int = 4
    requantizers: int = 1
    activation_bytes: int = 16384
    weight_lines: int = 4096
    channel_lines: int = 512
    program_words: int = 512
    count_bits: int = NARROW
    residual: bool = True
    checks: bool = True
    counters: bool = True
    decision: DecisionConfig = field(
        default_factory=lambda: DecisionConfig(n_classes=16, n_exits=4)
    )

    def __post_init__(self) -> None:
        for thing, value, choices in (
            ("Input lanes", self.in_lanes, (4, 8, 16)),
            ("Output lanes", self.out_lanes, (2, 4, 8, 16, 32)),
            ("Requantizers", self.requantizers, (1, 2, 4)),
        ):
            require_int(thing, value, min(choices), max(choices))
            if value not in choices:
                raise ValueError(
                    f"{thing} must be one of {', '.join(map(str, choices))}, not {value!r}"
                )
        if self.requantizers > self.out_lanes:
            raise ValueError(
                f"Requantizers must be at most the {self.out_lanes} output lanes, "
                f"not {self.requantizers}"
            )
        require_int("Activation bytes", self.activation_bytes, 1024, 1 << 19)
        if self.activation_bytes % (2 * self.in_lanes):
            raise ValueError(
                f"Activation bytes must be a multiple of {2 * self.in_lanes}, "
                f"not {self.activation_bytes!r}"
            )
        require_int("Weight lines", self.weight_lines, 16, 1 << 19)
        require_int("Channel lines", self.channel_lines, 16, 1 << 12)
        require_int("Program words", self.program_words, 32, 1 << 12)
        require_int("Count bits", self.count_bits, 6, NARROW)
        for thing in ("residual", "checks", "counters"):
            flag = getattr(self, thing)
            if not isinstance(flag, bool):
                raise TypeError(f"{thing.capitalize()} must be True or False, not {flag!r}")
        if self.decision.logit_width != 8 or not self.decision.with_score:
            raise ValueError(
                "Decision unit must have a score and logits of 8 bits, "
                f"not {self.decision.logit_width} bits"
            )

    @property
    def macs(self) -> int:
        """Multiply-accumulates in a cycle."""
        return self.in_lanes * self.out_lanes

    @property
    def array_latency(self) -> int:
        """Cycles from the operands of a tile's last step to its accumulators."""
        return 4 + (self.in_lanes - 1).bit_length()

    @property
    def line_bytes(self) -> int:
        """Bytes of a line of weights."""
        return self.in_lanes * self.out_lanes

    @property
    def tile_steps(self) -> int:
        """Steps in which the accumulators of a tile leave the array."""
        return self.out_lanes // self.requantizers

    def describe(self) -> dict[str, int]:
        """Return the parameters by name, for headers, reports and program images."""
        return {
            "in_lanes": self.in_lanes,
            "out_lanes": self.out_lanes,
            "requantizers": self.requantizers,
            "activation_bytes": self.activation_bytes,
            "weight_lines": self.weight_lines,
            "channel_lines": self.channel_lines,
            "program_words": self.program_words,
            "count_bits": self.count_bits,
            "residual": int(self.residual),
            "checks": int(self.checks),
            "counters": int(self.counters),
            **{f"decision_{name}": value for name, value in self.decision.describe().items()},
        }


ENGINES: dict[str, EngineConfig] = {
    "8": EngineConfig(
        out_lanes=2,
        activation_bytes=4096,
        weight_lines=16384,
        channel_lines=256,
        program_words=256,
        count_bits=8,
        residual=False,
        checks=False,
        counters=False,
        decision=DecisionConfig(n_classes=16, n_exits=4, registers=("addend",)),
    ),
    "16": EngineConfig(activation_bytes=8192),
    "32": EngineConfig(out_lanes=8, activation_bytes=40960, weight_lines=4608, channel_lines=1024),
    "64": EngineConfig(out_lanes=16, requantizers=2, activation_bytes=40960, weight_lines=2048),
    "128": EngineConfig(
        in_lanes=8,
        out_lanes=16,
        requantizers=4,
        activation_bytes=40960,
        weight_lines=1024,
        channel_lines=256,
    ),
}
"""Named engines, by their multiply-accumulates in a cycle.

The memories of "8" and "16" hold B-LeNet, the others also ResNet-8 with two exits. "8" has no more
than it needs, for the smallest devices.
"""


def engine_config(name: str, **changes: Any) -> EngineConfig:
    """Return a named engine with some parameters changed; ValueError if there is none."""
    return replace(ENGINES[require_choice("Engine", name, ENGINES)], **changes)
