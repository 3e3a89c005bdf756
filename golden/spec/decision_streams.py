"""The words of the AXI4-Streams of the exit decision unit: logits in, decisions out."""

from collections.abc import Iterable, Mapping

from .checks import require_int
from .criteria import Criterion
from .decision import DecisionConfig
from .registers import Field

TAG_WIDTH_MAX = 28
"""Tag and exit index together fill at most a 32-bit TUSER."""

NARROW_SCORE_WIDTH = 17
"""Widest score that fits the TDATA of a decision of 32 bits; others make it 64 bits."""


def has_wide_score(config: DecisionConfig) -> bool:
    """Return whether the score takes a 32-bit word of its own: that of the gate mostly does."""
    return config.score_format.width > NARROW_SCORE_WIDTH


def decision_width(config: DecisionConfig) -> int:
    """Return the bits of the TDATA of a decision."""
    return 64 if has_wide_score(config) else 32


def decision_fields(config: DecisionConfig) -> tuple[Field, ...]:
    """Return the fields of the TDATA of a decision; other bits are 0.

    All but the score are the same in every configuration.
    """
    lsb, width = (32, 32) if has_wide_score(config) else (15, NARROW_SCORE_WIDTH)
    return (
        Field(name="exit", lsb=0, width=1, text="the exit is taken"),
        Field(name="forced", lsb=1, width=1, text="it is taken by the budget guard alone"),
        Field(
            name="error", lsb=2, width=1, text="the vector was illegal, see status; never an exit"
        ),
        Field(
            name="label", lsb=4, width=10, text="index of the largest logit, the lowest of several"
        ),
        Field(
            name="score", lsb=lsb, width=width, signed=True, text="score of the exit's criterion"
        ),
    )


def check_bus_config(config: DecisionConfig) -> DecisionConfig:
    """Return `config` if a unit with buses can have it; ValueError otherwise."""
    require_int("Tag width of a unit with buses", config.tag_width, 1, TAG_WIDTH_MAX)
    if not config.with_score:
        raise ValueError("With score of a unit with buses must be True, not False")
    registers = config.registers
    if config.has_plain_criteria and ("operand" not in registers or "input" in registers):
        # the threshold comes with the last beat
        raise ValueError(
            "Registers of a unit with buses must have operand and not input, "
            f"not {config.registers!r}"
        )
    if config.lanes > 1:
        raise ValueError(f"Lanes of a unit with buses must be 1, not {config.lanes}")
    return config


def samples_with_last(config: DecisionConfig) -> bool:
    """Return whether the unit samples how to decide a vector right after its last beat.

    Others do it later, some parts of them at different times.
    """
    return config.has_plain_criteria or config.criteria == (Criterion.MARGIN,)


def logit_bytes(config: DecisionConfig) -> int:
    """Return the bytes of a logit in TDATA; bits beyond its width are ignored."""
    return (config.logit_width + 7) // 8


def user_fields(config: DecisionConfig) -> tuple[Field, ...]:
    """Return the fields of TUSER, in and out; those in are taken from a vector's last beat."""
    width = config.exit_index_width
    return (
        Field(name="exit_index", lsb=0, width=width, text="the exit that the logits come from"),
        Field(name="tag", lsb=width, width=config.tag_width, text="the sample, returned as given"),
    )


def user_width(config: DecisionConfig) -> int:
    """Return the bits of TUSER."""
    return config.exit_index_width + config.tag_width


def pack(fields: Iterable[Field], values: Mapping[str, int]) -> int:
    """Return the word in which each of `fields` has its value."""
    return sum(field.insert(values[field.name]) for field in fields)


def unpack(fields: Iterable[Field], word: int) -> dict[str, int]:
    """Return the value of each of `fields` in `word`."""
    return {field.name: field.extract(word) for field in fields}
