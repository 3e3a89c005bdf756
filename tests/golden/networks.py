"""Topologies: with every kind of layer, and a small one."""

from offramp.golden.network import IntegerNetwork
from offramp.golden.random_network import random_integers
from offramp.golden.spec.layers import (
    AveragePool,
    Convolution,
    FullyConnected,
    MaxPool,
    ResidualAdd,
)
from offramp.golden.spec.numbers import INT8
from offramp.golden.spec.topology import Segment, Topology


def every_kind() -> Topology:
    """Return two segments with all kinds of layers, formats, paddings, strides and groups."""
    first = (
        Convolution(
            name="conv",
            in_shape=(7, 6, 3),
            out_channels=8,
            kernel=(3, 3),
            stride=2,
            padding=(0, 1, 1, 1),
            relu=True,
        ),
        Convolution(
            name="depthwise",
            in_shape=(3, 3, 8),
            out_channels=8,
            kernel=(3, 3),
            padding=(1, 1, 1, 1),
            groups=8,
            relu=True,
        ),
        Convolution(name="pointwise", in_shape=(3, 3, 8), out_channels=8, kernel=(1, 1)),
        ResidualAdd(name="add", in_shape=(3, 3, 8), in_format=INT8, other="conv", relu=True),
    )
    first_branch = (
        MaxPool(name="max", in_shape=(3, 3, 8), kernel=(2, 2)),
        FullyConnected(name="hidden", in_shape=(2, 2, 8), out_features=9, relu=True),
        FullyConnected(name="logits0", in_shape=(1, 1, 9), out_features=4),
    )
    second = (
        Convolution(
            name="grouped", in_shape=(3, 3, 8), out_channels=6, kernel=(1, 2), groups=2
        ),  # signed output
        ResidualAdd(
            name="twice",
            in_shape=(3, 2, 6),
            in_format=INT8,
            other="grouped",
            other_format=INT8,
            relu=False,
        ),
    )
    second_branch = (
        AveragePool(name="average", in_shape=(3, 2, 6), in_format=INT8, kernel=(3, 2)),
        FullyConnected(name="logits1", in_shape=(1, 1, 6), in_format=INT8, out_features=4),
    )
    return Topology(
        segments=(
            Segment(backbone=first, branch=first_branch),
            Segment(backbone=second, branch=second_branch),
        )
    )


def small() -> Topology:
    """Return two exits of an image of 36 bytes, in few parameters."""
    shape = (3, 3, 4)
    return Topology(
        segments=tuple(
            Segment(
                backbone=(
                    Convolution(
                        name=f"conv{k}", in_shape=shape, out_channels=4, kernel=(1, 1), relu=True
                    ),
                ),
                branch=(FullyConnected(name=f"logits{k}", in_shape=shape, out_features=4),),
            )
            for k in range(2)
        )
    )


def random_network(seed: int, topology: Topology | None = None) -> IntegerNetwork:
    """Return a network of random integers, with every kind of layer unless said otherwise."""
    return random_integers(every_kind() if topology is None else topology, seed)
