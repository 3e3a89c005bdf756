"""A float network as a graph of operators, between any source and the layers that quantize.

Every source of networks (modules of this package, `torch.export`, ONNX) writes one of these, and
`offramp.golden.lowering` alone reads it. Activations are [n, C, H, W] or, flat, [n, C]; the image
enters as its pixels over 255.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spec.layers import Shape

Reals = NDArray[np.float64]

IMAGE = "image"
"""Name of the network's input."""

Sides = tuple[int, int, int, int]
"""Rows and columns of zeros: top, bottom, left, right."""

SAME_UPPER = "same_upper"
SAME_LOWER = "same_lower"
"""As many zeros as keep size over stride; an odd one at the bottom and right, or top and left."""


class UnsupportedModuleError(ValueError):
    """An operator that cannot become part of an integer network; the message names it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolve:
    """Cross-correlate with ``weight`` float64 [out, in / groups, height, width], add ``bias``."""

    weight: Reals
    bias: Reals
    stride: tuple[int, int] = (1, 1)
    padding: Sides | str = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Connect:
    """Multiply with ``weight`` float64 [out, in], add ``bias`` [out]."""

    weight: Reals
    bias: Reals


@dataclass(frozen=True, kw_only=True, eq=False)
class Affine:
    """Multiply each channel by its ``gain``, then add its ``offset``, both float64 [C] or [1].

    ``offset`` is the sum of ``terms``, which are kept for bounds of rounding errors.
    """

    gain: Reals
    terms: tuple[Reals, ...]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Take the mean or the maximum of each window; None is a window as large as the image.

    ``flat`` leaves out height and width, which are 1 then; ``channels_last`` is the layout of what
    it reads.
    """

    average: bool
    kernel: tuple[int, int] | None
    stride: tuple[int, int] = (1, 1)
    padding: Sides | str = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    ceil: bool = False
    flat: bool = False
    channels_last: bool = False


@dataclass(frozen=True, kw_only=True)
class Pad:
    """Add zeros around the image."""

    padding: Sides


@dataclass(frozen=True, kw_only=True)
class Rectify:
    """ReLU."""


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Add two activations of the same shape."""


@dataclass(frozen=True, kw_only=True)
class Reshape:
    """Lay out the activations of an image anew; ``sizes`` without the batch, one may be -1."""

    sizes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Transpose:
    """Reorder the axes, the batch included, which stays first."""

    axes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Same:
    """Return the input: dropout, identity, copies."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Anything else; ``rule`` says what the operator would have to be."""

    rule: str = "a supported one"


Operation = (
    Convolve | Connect | Affine | Pool | Pad | Rectify | Sum | Reshape | Transpose | Same | Refused
)


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operator.

    Parameters
    ----------
    name : str
        Of its output, unique in the graph.
    inputs : tuple of str
        Names of nodes before it, or `IMAGE`.
    operation : Operation
    place, kind : str
        Where the operator stands and what it is, in the words of its source, for messages:
        ``<place> must be <rule>, not <kind>``.
    """

    name: str
    inputs: tuple[str, ...]
    operation: Operation
    place: str
    kind: str

    def refusal(self, rule: str) -> UnsupportedModuleError:
        """Return the error that says what this operator must be."""
        return UnsupportedModuleError(f"{self.place} must be {rule}, not {self.kind}")


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Operators in the order of computation.

    Parameters
    ----------
    name : str
        Of the network.
    input_shape : Shape
        Height, width and channels.
    nodes : tuple of Node
    exits : tuple of str
        Names of the nodes that make the logits, in order of depth; the last is the final one.
    exit_names : tuple of str
        What messages call them.
    taps : tuple of str or None
        Node behind which each exit's branch begins; None to find them.
    channels_last : bool
        The image is [n, H, W, C].
    mean, std : tuple of float
        Per channel or one for all: the first nodes read ``(image - mean) / std``.
    """

    name: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    exits: tuple[str, ...]
    exit_names: tuple[str, ...]
    taps: tuple[str, ...] | None = None
    channels_last: bool = False
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
