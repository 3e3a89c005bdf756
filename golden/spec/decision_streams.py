"""The words of the AXI4-Streams of the exit decision unit: logits in, decisions out."""

from collections.abc import Iterable, Mapping, Sequence

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
    return config


def samples_with_last(config: DecisionConfig) -> bool:
    """Return whether the unit samples how to decide a vector right after its last beat.

    Others do it later, some parts of them at different times.
    """
    return config.has_plain_criteria or config.criteria == (Criterion.MARGIN,)


def logit_bytes(config: DecisionConfig) -> int:
    """Return the bytes of a logit in TDATA; bits beyond its width are ignored."""
    return (config.logit_width + 7) // 8


def beat_bytes(config: DecisionConfig) -> int:
    """Return the bytes of the TDATA of logits: one logit, or as many as there are lanes."""
    return config.lanes * logit_bytes(config)


def logits_of_beats(
    config: DecisionConfig, beats: Sequence[tuple[int, int]]
) -> tuple[tuple[int, ...], bool]:
    """Return the logits that are decided of a packet, and whether its TKEEP was legal.

    Before the last beat all lanes count. Of the last beat lane 0 counts, and those behind it up to
    the first one of which a byte is missing. TKEEP is legal if it says just that: all ones before
    the last beat, and there the whole bytes of one lane or more, from lane 0 on.

    Parameters
    ----------
    config : DecisionConfig
    beats : sequence of (int, int)
        TDATA and TKEEP of each beat.
    """
    n_bytes, lanes, width = logit_bytes(config), config.lanes, config.logit_width
    logits: list[int] = []
    legal = True
    for place, (data, keep) in enumerate(beats):
        kept = lanes
        if place == len(beats) - 1:
            whole = [
                keep >> (lane * n_bytes) & _ones(n_bytes) == _ones(n_bytes) for lane in range(lanes)
            ]
            whole[0] = True
            kept = (*whole, False).index(False)
        legal = legal and keep == _ones(kept * n_bytes)
        for lane in range(kept):
            word = data >> (8 * lane * n_bytes) & _ones(width)
            logits.append(word - (word >> (width - 1) << width))
    return tuple(logits), legal


def legal_logits(config: DecisionConfig, logits: tuple[int, ...]) -> tuple[int, ...]:
    """Return what is decided in place of a packet's logits, any number from 1 on.

    Of too many, the beats that a longest vector can have count, the last one in place of the last
    of these, and there as many logits as such a vector can have. A single one counts twice.
    """
    if len(logits) > config.n_classes:
        before = config.lanes * (max_beats(config) - 1)
        last = (len(logits) - 1) // config.lanes * config.lanes
        logits = (*logits[:before], *logits[last : last + config.n_classes - before])
    return logits * 2 if len(logits) == 1 else logits


def max_beats(config: DecisionConfig) -> int:
    """Return the beats of a longest vector."""
    return -(-config.n_classes // config.lanes)


def _ones(n: int) -> int:
    return (1 << n) - 1


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
