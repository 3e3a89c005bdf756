"""Descriptors keep every field; what does not fit is refused."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offramp.golden.spec.operation import (
    DRAIN_WORD,
    FLAGS,
    NARROW,
    SIGNED_FIELDS,
    WIDE,
    WORDS,
    Operation,
    drain_interval,
    flags_of,
    tile_spacing,
)

WIDES = [wide for wide, _ in WORDS]
NARROWS = [narrow for _, narrow in WORDS if narrow]
LIMIT = 1 << (WIDE - 1)
LEGAL: dict[str, Any] = dict.fromkeys(WIDES, 0) | dict.fromkeys(NARROWS, 1)

operations = st.builds(
    Operation,
    **{name: st.integers(-LIMIT if name in SIGNED_FIELDS else 0, LIMIT - 1) for name in WIDES},
    **{name: st.integers(1, 1 << NARROW) for name in NARROWS},
    **{name: st.booleans() for name in FLAGS},
)


@given(operations)
def test_an_operation_survives_its_words(operation: Operation) -> None:
    words = operation.encode()
    assert len(words) == len(WORDS)
    assert all(0 <= word < 1 << 32 for word in words)
    assert Operation.decode(words) == operation


def test_every_bit_of_a_descriptor_has_one_meaning() -> None:
    flags = [flag for word in range(len(WORDS)) for flag in flags_of(word)]
    assert sorted(flags) == sorted(FLAGS)
    assert len(set(WIDES + NARROWS + flags)) == len(fields(Operation))
    for number, (_, narrow) in enumerate(WORDS):
        assert len(flags_of(number)) <= (0 if narrow else 32 - WIDE)


def test_what_the_drain_needs_is_fetched_late() -> None:
    words = {name: number for number, pair in enumerate(WORDS) for name in pair if name}
    late = {name for name, number in (words | FLAGS).items() if number >= DRAIN_WORD}
    assert late >= {"out_base", "drain_steps", "channel_base", "residual", "pool", "final"}
    # operands are on their way when the next descriptor begins to come
    assert "source_signed" in late
    assert "kernel_rows" not in late


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_base": -1}, "Source base must be in 0..524287, not -1"),
        ({"row_start": -LIMIT - 1}, "Row start must be in -524288..524287, not -524289"),
        ({"kernel_rows": 0}, "Kernel rows must be in 1..4096, not 0"),
        ({"groups": 4097}, "Groups must be in 1..4096, not 4097"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Operation(**LEGAL | changes)


def test_a_field_that_is_no_integer_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^Groups must be an integer, not 1\.0$"):
        Operation(**LEGAL | {"groups": 1.0})


def test_half_a_descriptor_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Words of a descriptor must be 19, not 18$"):
        Operation.decode([0] * 18)


def test_a_residual_operand_halves_the_pace_of_the_drain() -> None:
    assert [drain_interval(1, residual=residual, logits=False) for residual in (False, True)] == [
        1,
        2,
    ]
    assert [tile_spacing(8, interval=interval) for interval in (1, 2)] == [8, 17]
    assert [tile_spacing(steps, pool=True) for steps in (1, 8)] == [2, 8]


def test_logits_of_a_step_follow_each_other() -> None:
    pairs = [(n, residual) for n in (1, 2, 4) for residual in (False, True)]
    intervals = [drain_interval(n, residual=residual, logits=True) for n, residual in pairs]
    assert intervals == [1, 2, 2, 2, 4, 4]
