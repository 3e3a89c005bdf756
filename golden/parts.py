"""Layers in the making: what a ReLU or a batch norm may still join, before names are given."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .graph import Node, Reals
from .spec.layers import Convolution, FullyConnected, Layer, MaxPool, ResidualAdd, Shape
from .spec.numbers import INT8, UINT8, IntegerFormat

KINDS = {Convolution: "conv", FullyConnected: "linear", ResidualAdd: "add"}
"""What names of layers call their kind; the others are pools."""


@dataclass(eq=False, kw_only=True)
class Part:
    """One layer of a network that is being read.

    Parameters
    ----------
    node : Node
        That it comes from.
    layer_type : type
    sources : tuple of Part or None
        Whose outputs it reads; None is the image.
    in_shape : Shape
    fields : dict
        Of the layer, beside those that all have.
    weight, bias : float64 array or None
        Channel-last, as in the integer network.
    bias_terms : float64 [C] or None
        Magnitudes of all that was summed up in `bias`.
    relu : bool
    names : list of str
        Names of the graph's nodes whose value this layer's output is.
    """

    node: Node
    layer_type: type[Layer]
    sources: tuple["Part | None", ...]
    in_shape: Shape
    fields: dict[str, Any]
    weight: Reals | None = None
    bias: Reals | None = None
    bias_terms: Reals | None = None
    relu: bool = False
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # refuses what is no layer, and names the node
        name = "_".join(self.node.name.split())
        self.out_shape = self.layer(name, [None] * len(self.sources)).out_shape

    @property
    def kind(self) -> str:
        """What the layer's name calls it."""
        return KINDS.get(self.layer_type, "pool")

    @property
    def out_format(self) -> IntegerFormat:
        """Format of the output."""
        if self.kind == "pool":
            return format_of(self.sources[0])
        return UINT8 if self.relu else INT8

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image."""
        height, width, _ = self.out_shape
        return 0 if self.weight is None else height * width * math.prod(self.weight.shape)

    def layer(self, name: str, sources: list[str | None]) -> Layer:
        """Return the layer descriptor under its name, reading `sources`."""
        fields = dict(self.fields)
        if self.kind != "pool":
            fields["relu"] = self.relu
        if self.kind == "add":
            fields["other"] = sources[1] or name
            fields["other_format"] = format_of(self.sources[1])
        return self.layer_type(
            name=name,
            in_shape=self.in_shape,
            in_format=format_of(self.sources[0]),
            source=sources[0],
            **fields,
        )

    def scale(self, gain: Reals, terms: tuple[Reals, ...]) -> None:
        """Multiply each output channel by `gain` and add the sum of `terms`."""
        assert self.weight is not None
        assert self.bias is not None
        assert self.bias_terms is not None
        gain = np.broadcast_to(gain, self.bias.shape)
        self.weight = self.weight * gain.reshape(-1, *[1] * (self.weight.ndim - 1))
        self.bias = self.bias * gain
        self.bias_terms = self.bias_terms * np.abs(gain)
        for term in terms:
            self.bias = self.bias + term
            self.bias_terms = self.bias_terms + np.abs(term)

    def become_fully_connected(self) -> bool:
        """Turn a convolution over its whole image into a fully connected layer, if it is one."""
        if self.layer_type is not Convolution or self.weight is None:
            return self.layer_type is FullyConnected
        whole = self.fields["kernel"] == self.in_shape[:2]
        if not whole or any(self.fields["padding"]) or self.fields["groups"] != 1:
            return False
        self.layer_type = FullyConnected
        self.fields = {"out_features": len(self.weight)}
        self.weight = self.weight.reshape(len(self.weight), -1)  # [out, h, w, in] -> [out, h*w*in]
        return True

    @property
    def is_max_pool(self) -> bool:
        """Whether a ReLU in front of it is the same as one behind."""
        return self.layer_type is MaxPool


def format_of(part: Part | None) -> IntegerFormat:
    """Return the format of a part's output, or of the image."""
    return UINT8 if part is None else part.out_format
