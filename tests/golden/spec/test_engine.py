"""Engines that there are not are refused in one line."""

from typing import Any

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.engine import EngineConfig


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"in_lanes": 5}, ValueError, "Input lanes must be one of 4, 8, 16, not 5"),
        ({"out_lanes": 64}, ValueError, "Output lanes must be in 2..32, not 64"),
        ({"requantizers": 2.0}, TypeError, "Requantizers must be an integer, not 2.0"),
        (
            {"out_lanes": 2, "requantizers": 4},
            ValueError,
            "Requantizers must be at most the 2 output lanes, not 4",
        ),
        ({"activation_bytes": 1028}, ValueError, "Activation bytes must be a multiple of 8, not 1"),
        ({"count_bits": 5}, ValueError, "Count bits must be in 6..12, not 5"),
        ({"count_bits": 13}, ValueError, "Count bits must be in 6..12, not 13"),
        ({"residual": 1}, TypeError, "Residual must be True or False, not 1"),
        ({"checks": "no"}, TypeError, "Checks must be True or False, not 'no'"),
        ({"counters": None}, TypeError, "Counters must be True or False, not None"),
        (
            {"decision": DecisionConfig(logit_width=6)},
            ValueError,
            "Decision unit must have a score and logits of 8 bits, not 6 bits",
        ),
    ],
)
def test_an_engine_out_of_range_is_refused(
    changes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as error:
        EngineConfig(**changes)
    assert str(error.value).startswith(message)
