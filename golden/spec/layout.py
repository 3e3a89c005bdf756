"""Where the tensors of a program lie, and which layers each of its operations computes."""

from dataclasses import dataclass

from .layers import Shape
from .program import Program


@dataclass(frozen=True, kw_only=True)
class TensorLayout:
    """Place of a tensor in the activation memory.

    Element (row, column, channel) is the byte at ``base + row * row_step + column * pixel_step +
    channel``, or with `places` at ``... + places[channel]``.

    Attributes
    ----------
    name : str
        Layer whose output it is.
    shape : Shape
    signed : bool
        Whether the bytes are int8, not uint8.
    base : int
    row_step, pixel_step : int
        In bytes.
    places : tuple of int
        Of the channels in a pixel where they do not follow each other.
    """

    name: str
    shape: Shape
    signed: bool
    base: int
    row_step: int
    pixel_step: int
    places: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes up to the end of the last row, padding included."""
        return self.shape[0] * self.row_step


@dataclass(frozen=True, kw_only=True)
class OperationNote:
    """What an operation is for.

    Attributes
    ----------
    layers : tuple of str
        Layers that it computes, none if it only copies.
    reads : tuple of TensorLayout
        Source, and the residual operand if there is one.
    writes : TensorLayout
    macs : int
        Multiply-accumulates of the layers.
    """

    layers: tuple[str, ...]
    reads: tuple[TensorLayout, ...]
    writes: TensorLayout
    macs: int


@dataclass(frozen=True, kw_only=True)
class AnnotatedProgram:
    """A program and what it is for.

    Attributes
    ----------
    name : str
        Of the network.
    program : Program
    notes : tuple of OperationNote
        One for each operation.
    """

    name: str
    program: Program
    notes: tuple[OperationNote, ...]
