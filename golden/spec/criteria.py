"""The criteria of the exit decision: names, score formats, and the tables of the entropy.

Each criterion maps a vector of logits to an integer score; ``exit`` is ``score >= threshold``.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import floor, log2

from .checks import require_int
from .numbers import IntegerFormat


class Criterion(StrEnum):
    """What the decision is made on; the order is that of the selection code in hardware.

    Members
    -------
    CONFIDENCE
        Log-odds of the largest softmax, in logit LSBs.
    MARGIN
        Largest logit less the second largest, in logit LSBs.
    ENTROPY
        Entropy of the softmax, negated, in 1/256 bit.
    GATE
        Weighted sum of the scores above and a bias.
    PATIENCE
        How many exits in a row, up to this one, agree with the exit before them.
    """

    CONFIDENCE = "confidence"
    MARGIN = "margin"
    ENTROPY = "entropy"
    GATE = "gate"
    PATIENCE = "patience"

    @property
    def code(self) -> int:
        """Value that selects it in hardware."""
        return list(Criterion).index(self)


SELECTION_WIDTH = 3
"""Bits of the code of a criterion."""

FEATURES = (Criterion.CONFIDENCE, Criterion.MARGIN, Criterion.ENTROPY)
"""Criteria whose scores the gate can weigh."""

GATE_WEIGHT = IntegerFormat(8, signed=True)
"""Format of a weight of the gate."""

PATIENCE_TAG_WIDTH_MAX = 12
"""Widest tag with patience: it addresses a memory of the previous exits' labels."""


@dataclass(frozen=True, kw_only=True)
class EntropyArithmetic:
    """Tables and widths of the integer entropy; the one source for golden model and RTL.

    With ``d_i = (z_max - z_i) / 2**F`` in octaves::

        H = log2 S + D / S,   S = sum_i 2**-d_i,   D = sum_i d_i 2**-d_i

    The sums are of table values with `sum_fraction_bits` bits after the point; the quotient is
    taken in the log domain, ``D / S = 2**(log2 D - log2 S)``, on a grid of 1/256 octave.

    Parameters
    ----------
    n_classes : int
        Most logits in a vector, 2 to 1024.
    logit_width : int
        Bits of a logit.
    fraction_bits : int
        F.
    """

    n_classes: int
    logit_width: int
    fraction_bits: int

    GRID_BITS = 8
    """Bits after the point of logarithms and of the score."""

    SCALE = 1 << GRID_BITS

    WINDOW_WIDTH = 10
    """Bits of a sum, from its highest one on, of which the logarithm is taken."""

    REACH = 7
    """Places that the shifter moves: a leading one to the top of its window, and a quotient down.

    A quotient below ``2**-REACH``, or of a D below ``2**(D_OCTAVES - 1 - REACH)``, counts as 0.
    """

    S_OCTAVES = 2
    """A sum S of ``2**S_OCTAVES`` or more saturates the score: H is 2 bits at least."""

    D_OCTAVES = 1
    """So does a sum D of ``2**D_OCTAVES``: H is 1.91 bits at least, with S = 2 ln 2 if least."""

    LIMIT = 1.9
    """Entropy in bits up to which the score is exact within its bound, and thresholds are legal."""

    RANGE_OCTAVES_LOG2 = 5
    """Differences of ``2**RANGE_OCTAVES_LOG2`` octaves and above add nothing to the sums."""

    SCORE_FORMAT = IntegerFormat(GRID_BITS + 3, signed=True)
    """Format of the score."""

    SATURATED = -2 * SCALE
    """Score of a saturated vector; that of others may be as low, or lower."""

    THRESHOLD_LOW = -int(LIMIT * SCALE)
    """Smallest legal threshold: no saturated vector reaches it."""

    THRESHOLD_HIGH = -1
    """Largest score, of a vector whose entropy is 0."""

    def __post_init__(self) -> None:
        require_int("Number of classes", self.n_classes, 2, 1024)
        require_int("Logit width", self.logit_width, 4, 16)
        require_int("Fraction bits", self.fraction_bits, 2, 6)

    @property
    def sum_fraction_bits(self) -> int:
        """Bits after the point of the sums: rounding of all addends stays within 2**-9."""
        return 9 + max(4, (self.n_classes - 1).bit_length())

    @property
    def address_width(self) -> int:
        """Bits of a difference that address the tables of addends."""
        return min(self.logit_width, self.fraction_bits + self.RANGE_OCTAVES_LOG2)

    @cached_property
    def exponentials(self) -> tuple[int, ...]:
        """``2**-d`` for each difference, at `sum_fraction_bits`.

        That of d = 0 is one LSB less than 1, to fit; few such addends saturate.
        """
        one = 1 << self.sum_fraction_bits
        return tuple(min(one - 1, floor(2.0**-d * one + 0.5)) for d in self._octaves_of_addresses())

    @cached_property
    def moments(self) -> tuple[int, ...]:
        """``d 2**-d`` for each difference.

        Rounded so as to make up for the rounding of ``2**-d``: an error e there counts
        ``(log2(e) - D / S) e``, 0.44 e in the middle of ``D / S = 0..2``.
        """
        one = 1 << self.sum_fraction_bits
        return tuple(
            max(0, floor(d * 2.0**-d * one - 0.44 * (s - 2.0**-d * one) + 0.5))
            for d, s in zip(self._octaves_of_addresses(), self.exponentials, strict=True)
        )

    @cached_property
    def logarithms(self) -> tuple[int, ...]:
        """``log2(1 + m)`` in the middle of each of 256 steps of m, on the grid.

        The added 0.2 balances the errors to both sides.
        """
        n = self.SCALE
        return tuple(floor(n * log2(1 + (m + 0.5) / n) + 0.2) for m in range(n))

    @cached_property
    def powers(self) -> tuple[int, ...]:
        """``2**f - 1`` on the grid for each fraction f of an octave, rounded down."""
        n = self.SCALE
        return tuple(floor(n * 2.0 ** (f / n)) - n for f in range(n))

    def _octaves_of_addresses(self) -> list[float]:
        return [a / (1 << self.fraction_bits) for a in range(1 << self.address_width)]
