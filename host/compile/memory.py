"""Where tensors, weights and channels lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .graph import IMAGE, Step


@dataclass
class _Place:
    """Bytes that one tensor has after the other, and the steps from first write to last read."""

    names: list[str]
    size: int
    first: int
    last: int
    base: int = 0

    def meets(self, other: "_Place") -> bool:
        """Return whether both are alive at once."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, kw_only=True)
class ActivationMap:
    """Addresses of all tensors.

    Attributes
    ----------
    bases : mapping of str to int
        By tensor, the first image buffer among them.
    image_stride : int
        From one image buffer to the other.
    peak : int
        Bytes up to the end of the last tensor.
    alive : tuple of int
        Bytes in use during each step.
    """

    bases: Mapping[str, int]
    image_stride: int
    peak: int
    alive: tuple[int, ...]


def map_activations(
    steps: Sequence[Step], sizes: Mapping[str, int], alignment: int, *, keep: bool = False
) -> ActivationMap:
    """Place tensors so that those alive at once lie apart.

    A tensor is alive from the step that writes it to the last that reads it. A residual operand
    that no later step reads is overwritten by the sum.

    Parameters
    ----------
    steps : sequence of Step
        In the order in which they run.
    sizes : mapping of str to int
        Bytes of each tensor, of the image too.
    alignment : int
        All addresses are multiples of it.
    keep : bool
        Let every tensor live until the end.
    """

    def aligned(size: int) -> int:
        return -(-size // alignment) * alignment

    image_stride = aligned(-(-sizes[IMAGE] // 4) * 4)
    # the next image is loaded while this one is worked on
    images = _Place([IMAGE], 2 * image_stride, 0, len(steps))
    places = _places(steps, {name: aligned(size) for name, size in sizes.items()}, keep=keep)
    orders = (
        lambda place: (-place.size, place.first),
        lambda place: (place.first, -place.size),
        lambda place: (-place.size * (place.last - place.first + 1), place.first),
    )
    best: dict[str, int] = {}
    peak = 0
    for order in orders:
        top = _place_all(images, sorted(places, key=order))
        if not best or top < peak:
            peak = top
            best = {name: place.base for place in [images, *places] for name in place.names}
    alive = tuple(
        sum(place.size for place in [images, *places] if place.first <= index <= place.last)
        for index in range(len(steps))
    )
    return ActivationMap(bases=best, image_stride=image_stride, peak=peak, alive=alive)


def _places(steps: Sequence[Step], sizes: Mapping[str, int], *, keep: bool) -> list[_Place]:
    last_read = {name: index for index, step in enumerate(steps) for name in step.reads}
    places: dict[str, _Place] = {}
    for index, step in enumerate(steps):
        last = len(steps) if keep else last_read.get(step.name, index)
        operand = places.get(step.residual or "")
        in_place = operand is not None and operand.last == index and step.residual != step.source
        if in_place and operand is not None and operand.size == sizes[step.name]:
            operand.names.append(step.name)
            operand.last = last
            places[step.name] = operand
        else:
            places[step.name] = _Place([step.name], sizes[step.name], index, last)
    return list({id(place): place for place in places.values()}.values())


def _place_all(images: _Place, places: Sequence[_Place]) -> int:
    """Give each place the lowest address where it fits; return the end of the highest."""
    done = [images]
    for place in places:
        place.base = 0
        for other in sorted(done, key=lambda other: other.base):
            if place.meets(other) and place.base + place.size > other.base:
                place.base = max(place.base, other.base + other.size)
        done.append(place)
    return max(place.base + place.size for place in done)


@dataclass
class Store:
    """A memory that is filled block by block; equal blocks are kept once."""

    content: bytearray = field(default_factory=bytearray)
    known: dict[bytes, int] = field(default_factory=dict)

    def add(self, block: bytes) -> int:
        """Return the place of a block of bytes, which is new unless it is known."""
        if block not in self.known:
            self.known[block] = len(self.content)
            self.content += block
        return self.known[block]
