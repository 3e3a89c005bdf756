import json
import re
from typing import Any

import pytest

from offramp.golden.spec.description import describe_topology, topology_of_description

from ..networks import every_kind


def test_a_topology_survives_json() -> None:
    topology = every_kind()
    text = json.dumps(describe_topology(topology))
    assert topology_of_description(json.loads(text)) == topology


def damaged(**fields: Any) -> list[dict[str, Any]]:
    description = describe_topology(every_kind())
    description[0]["backbone"][0] = {**description[0]["backbone"][0], **fields}
    return description


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({}, "Segments must be a list, not dict"),
        ([{"backbone": []}], "Segment must have a backbone and a branch, not {'backbone': []}"),
        ([{"backbone": 1, "branch": []}], "Layers of a backbone must be a list, not int"),
        ([{"backbone": [7], "branch": []}], "Layer must be a dictionary, not 7"),
        (damaged(kind="lstm"), "Layer kind must be one of convolution, fully_connected, "),
        (damaged(kind=["x"]), "Layer kind must be one of convolution, fully_connected, "),
        (damaged(dilation=2), "Fields of a convolution must be groups, in_format, in_shape, "),
        (damaged(in_format="int4"), "Number format must be one of uint8, int8, not 'int4'"),
        (damaged(stride="2"), "Stride of conv must be an integer, not '2'"),
    ],
)
def test_illegal_descriptions_are_refused_in_one_line(description: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)) as caught:
        topology_of_description(description)
    assert "\n" not in str(caught.value)
