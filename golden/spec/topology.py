"""How layers make a network with exits: segments, each a backbone and an exit branch.

::

    image -> backbone 0 -+-> backbone 1 -+-> ... -> backbone K -+
                         |               |                      |
                      branch 0        branch 1               branch K   (the final classifier)
                         |               |                      |
                       logits          logits                 logits

Each branch ends in a fully connected layer without ReLU: its int8 output are the logits. Leaving
at exit k costs the backbones and the branches 0 to k.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .layers import CHAIN_INPUT, FullyConnected, Layer, ResidualAdd, Shape
from .numbers import UINT8, IntegerFormat


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One stretch of the backbone and the exit behind it.

    Parameters
    ----------
    backbone : tuple of Layer
        From the previous segment's activations to the next one's.
    branch : tuple of Layer
        From this backbone's output to the exit's logits.
    """

    backbone: tuple[Layer, ...]
    branch: tuple[Layer, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Backbone and branch, in the order of computation."""
        return self.backbone + self.branch

    @property
    def backbone_macs(self) -> int:
        """Multiply-accumulates of the backbone."""
        return sum(layer.macs for layer in self.backbone)

    @property
    def branch_macs(self) -> int:
        """Multiply-accumulates of the exit branch."""
        return sum(layer.macs for layer in self.branch)


@dataclass(frozen=True, kw_only=True)
class Topology:
    """All segments of a network, checked to fit each other.

    Raises
    ------
    ValueError
        If a layer does not fit what it reads, or a branch does not end in logits.
    """

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments or not all(s.backbone and s.branch for s in self.segments):
            raise ValueError(
                "Segments must be at least one, each with a backbone and a branch, "
                f"not {[(len(s.backbone), len(s.branch)) for s in self.segments]!r}"
            )
        seen: set[str] = set()
        for layer in self.layers:
            if layer.name in seen:
                raise ValueError(f"Layer name must be unique in the network, not {layer.name!r}")
            seen.add(layer.name)
        shape, number_format = self.input_shape, UINT8
        for segment in self.segments:
            shape, number_format = check_chain(segment.backbone, shape, number_format)
            check_chain(segment.branch, shape, number_format)
            last = segment.branch[-1]
            if not isinstance(last, FullyConnected) or last.relu:
                raise ValueError(
                    "Last layer of a branch must be fully connected without ReLU, "
                    f"not {last.name!r}"
                )
            if last.out_features != self.n_classes:
                raise ValueError(
                    f"Output features of {last.name} must be the {self.n_classes} classes of the "
                    f"first exit, not {last.out_features!r}"
                )

    @property
    def layers(self) -> Iterator[Layer]:
        """All layers in the order of computation."""
        return (layer for segment in self.segments for layer in segment.layers)

    @property
    def n_exits(self) -> int:
        """Number of exits, the final classifier included."""
        return len(self.segments)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.segments[0].branch[-1].out_shape[2]

    @property
    def input_shape(self) -> Shape:
        """Height, width and channels of an image."""
        return self.segments[0].backbone[0].in_shape

    @property
    def macs_at_exit(self) -> tuple[int, ...]:
        """Multiply-accumulates of an image that leaves at exit k."""
        total, at_exit = 0, []
        for segment in self.segments:
            total += segment.backbone_macs + segment.branch_macs
            at_exit.append(total)
        return tuple(at_exit)

    @property
    def macs_total(self) -> int:
        """Multiply-accumulates of the plain network: all backbones, the final classifier only."""
        return sum(s.backbone_macs for s in self.segments) + self.segments[-1].branch_macs


def check_chain(
    layers: tuple[Layer, ...], shape: Shape, number_format: IntegerFormat
) -> tuple[Shape, IntegerFormat]:
    """Return the shape and format behind `layers`; ValueError where one does not fit its input."""
    outputs: dict[str, tuple[Shape, IntegerFormat]] = {CHAIN_INPUT: (shape, number_format)}
    previous = CHAIN_INPUT
    for layer in layers:
        for source in layer.sources:
            if source is not None and source not in outputs:
                raise ValueError(
                    f"Source of {layer.name} must be an earlier layer of its chain, not {source!r}"
                )
        expected = [(layer.in_shape, layer.in_format)]
        if isinstance(layer, ResidualAdd):
            expected.append((layer.in_shape, layer.other_format))
        for source, (in_shape, in_format) in zip(layer.sources, expected, strict=True):
            out_shape, out_format = outputs[previous if source is None else source]
            if (in_shape, in_format) != (out_shape, out_format):
                raise ValueError(
                    f"Input of {layer.name} must be {out_format} {out_shape!r} as its source "
                    f"gives, not {in_format} {in_shape!r}"
                )
        outputs[layer.name] = layer.out_shape, layer.out_format
        previous = layer.name
    return outputs[previous]
