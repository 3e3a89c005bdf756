import re
from dataclasses import replace

import pytest

from offramp.golden.spec.layers import CHAIN_INPUT, Convolution, FullyConnected, ResidualAdd
from offramp.golden.spec.numbers import INT8
from offramp.golden.spec.topology import Segment, Topology

CONV = Convolution(name="c", in_shape=(4, 4, 2), out_channels=2, kernel=(1, 1), relu=True)
LOGITS = FullyConnected(name="l", in_shape=(4, 4, 2), out_features=3)
FIRST = Segment(backbone=(CONV,), branch=(LOGITS,))
SECOND = Segment(backbone=(replace(CONV, name="d"),), branch=(replace(LOGITS, name="m"),))


def test_macs_count_all_backbones_and_branches_up_to_the_exit() -> None:
    topology = Topology(segments=(FIRST, SECOND))
    conv, logits = 16 * 4, 3 * 32
    assert topology.macs_at_exit == (conv + logits, 2 * conv + 2 * logits)
    # the plain network has no early branch
    assert topology.macs_total == 2 * conv + logits
    assert (topology.n_exits, topology.n_classes, topology.input_shape) == (2, 3, (4, 4, 2))


def test_a_layer_may_read_the_chain_input_or_any_earlier_layer() -> None:
    plain = replace(CONV, relu=False)
    add = ResidualAdd(name="a", in_shape=(4, 4, 2), in_format=INT8, other=CHAIN_INPUT)
    shortcut = replace(CONV, name="s", source=CHAIN_INPUT)
    Topology(segments=(Segment(backbone=(plain, add, shortcut), branch=(LOGITS,)),))


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ((), "Segments must be at least one, each with a backbone and a branch, not []"),
        ((Segment(backbone=(CONV,), branch=()),), "Segments must be at least one, each with"),
        ((FIRST, FIRST), "Layer name must be unique in the network, not 'c'"),
        (
            (Segment(backbone=(replace(CONV, source="x"),), branch=(LOGITS,)),),
            "Source of c must be an earlier layer of its chain, not 'x'",
        ),
        (
            (Segment(backbone=(CONV,), branch=(replace(LOGITS, in_shape=(2, 2, 2)),)),),
            "Input of l must be uint8 (4, 4, 2) as its source gives, not uint8 (2, 2, 2)",
        ),
        (
            (Segment(backbone=(replace(CONV, relu=False),), branch=(LOGITS,)),),
            "Input of l must be int8 (4, 4, 2) as its source gives, not uint8 (4, 4, 2)",
        ),
        (
            (Segment(backbone=(CONV,), branch=(replace(LOGITS, relu=True),)),),
            "Last layer of a branch must be fully connected without ReLU, not 'l'",
        ),
        (
            (
                FIRST,
                replace(SECOND, branch=(replace(LOGITS, name="m", out_features=4),)),
            ),
            "Output features of m must be the 3 classes of the first exit, not 4",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused_by_name(
    segments: tuple[Segment, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Topology(segments=segments)
