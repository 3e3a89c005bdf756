"""Number formats and the one rounding mode of the project.

Requantization is, everywhere, in int64 arithmetic without overflow::

    y = clamp(floor((acc * multiplier + 2**(shift - 1)) / 2**shift), low, high)

that is, round half towards plus infinity:

=====================  ====  ====  ====  ====  ====  ====
acc * multiplier       -5    -3    -1     1     3     5
times 2**-shift, s=1   -2.5  -1.5  -0.5   0.5   1.5   2.5
y                      -2    -1     0     1     2     3
=====================  ====  ====  ====  ====  ====  ====
"""

from dataclasses import dataclass

from .checks import require_int

MULTIPLIER_WIDTH = 16
"""Width of a requantization multiplier in bits; it is unsigned."""

SHIFT_MAX = 40
"""Largest requantization shift; the smallest is 1, because of the rounding constant."""


@dataclass(frozen=True)
class IntegerFormat:
    """An integer type by its width in bits and its sign, two's complement when signed."""

    width: int
    signed: bool

    def __post_init__(self) -> None:
        require_int("Width", self.width, 1, 64)

    @property
    def low(self) -> int:
        """Smallest value."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest value."""
        return (1 << (self.width - int(self.signed))) - 1

    def __str__(self) -> str:
        """Return the usual name: int8, uint8, int32."""
        return f"{'' if self.signed else 'u'}int{self.width}"


INT8 = IntegerFormat(8, signed=True)
UINT8 = IntegerFormat(8, signed=False)
INT32 = IntegerFormat(32, signed=True)


def requantize(accumulator: int, multiplier: int, shift: int, low: int, high: int) -> int:
    """Scale one accumulator by ``multiplier / 2**shift``, round half up, clamp to `low..high`."""
    require_int("Multiplier", multiplier, 0, (1 << MULTIPLIER_WIDTH) - 1)
    require_int("Shift", shift, 1, SHIFT_MAX)
    # Python's >> floors, for negative numbers too
    scaled = (accumulator * multiplier + (1 << (shift - 1))) >> shift
    return min(max(scaled, low), high)
