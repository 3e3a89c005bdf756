"""The words of the AXI4-Streams of the engine: images in, results out."""

from .decision import EXITS_MAX, DecisionConfig
from .engine import EngineConfig
from .registers import Field

IMAGE_BYTES = 4
"""Bytes of TDATA of an image."""

RESULT_BYTES = 8
"""Bytes of TDATA of a result."""

SCORE_WIDTH = 17
"""Widest score that a result has room for."""

RESULT_FIELDS: tuple[Field, ...] = (
    Field(name="error", lsb=0, width=1, text="the image was dropped; other fields say nothing"),
    Field(
        name="exit_index",
        lsb=1,
        width=(EXITS_MAX - 1).bit_length(),
        text="exit at which the image left",
    ),
    Field(name="label", lsb=5, width=10, text="class, the lowest of several"),
    Field(name="score", lsb=15, width=SCORE_WIDTH, signed=True, text="log-odds of the class there"),
    Field(
        name="cycles",
        lsb=32,
        width=32,
        text="from the start of the image to the decision, in clocks",
    ),
)
"""Fields of the TDATA of a result, the same for every engine."""


def check_engine_buses(config: EngineConfig) -> EngineConfig:
    """Return `config` if an engine with buses can have it; ValueError otherwise."""
    decision: DecisionConfig = config.decision
    if decision.score_format.width > SCORE_WIDTH:
        raise ValueError(
            f"Score of an engine with buses must have at most {SCORE_WIDTH} bits, "
            f"not {decision.score_format.width}"
        )
    return config
