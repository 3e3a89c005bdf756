"""What others build for the same decision: the softmax in fixed point. Formats and tables.

With ``d_i = (z_max - z_i) / 2**F`` in octaves the confidence is ``1 / S``, ``S = sum_i 2**-d_i``.
"""

from dataclasses import dataclass
from functools import cached_property
from math import floor

from .decision import DecisionConfig
from .numbers import IntegerFormat


@dataclass(frozen=True, kw_only=True)
class SoftmaxConfig(DecisionConfig):
    """Parameters of a baseline: those of a decision unit, thresholds and scores are confidences.

    A confidence has 16 bits after the point and is 65535 at most.
    """

    CONFIDENCE_BITS = 16
    """Bits after the point of a confidence and of a probability."""

    EXPONENTIAL_BITS = 15
    """Bits after the point of an exponential: the largest, 1, takes one more, 16 in all."""

    RANGE_OCTAVES_LOG2 = 5
    """A difference of this many octaves (log2) and above adds nothing: already 17 round to 0."""

    SEGMENTS_LOG2 = 8
    """The reciprocal is a line on each of 256 segments of its mantissa."""

    SEGMENT_BITS = 7
    """Bits of the place inside a segment."""

    @property
    def threshold_format(self) -> IntegerFormat:
        """Format that holds a confidence and its sign."""
        return IntegerFormat(self.CONFIDENCE_BITS + 1, signed=True)

    @property
    def threshold_low(self) -> int:
        """Smallest threshold: every vector leaves."""
        return 0

    @property
    def threshold_high(self) -> int:
        """Largest threshold."""
        return (1 << self.CONFIDENCE_BITS) - 1

    @property
    def address_width(self) -> int:
        """Bits of a difference that address the table of exponentials."""
        return min(self.logit_width, self.fraction_bits + self.RANGE_OCTAVES_LOG2)

    @property
    def sum_width(self) -> int:
        """Bits of S, which is ``n_classes`` at most."""
        return self.EXPONENTIAL_BITS + self.n_classes.bit_length()

    @cached_property
    def exponentials(self) -> tuple[int, ...]:
        """``2**-d`` for each difference, rounded."""
        one = 1 << self.EXPONENTIAL_BITS
        steps = 1 << self.fraction_bits
        return tuple(
            floor(2.0 ** (-address / steps) * one + 0.5)
            for address in range(1 << self.address_width)
        )

    @cached_property
    def reciprocals(self) -> tuple[int, ...]:
        """``1 / m`` at the start of each segment of ``m = 1 .. 2``, 16 bits after the point."""
        n = 1 << self.SEGMENTS_LOG2
        one = 1 << self.CONFIDENCE_BITS
        return tuple(min(one - 1, floor(one / (1 + i / n) + 0.5)) for i in range(n))

    @cached_property
    def slopes(self) -> tuple[int, ...]:
        """How much ``1 / m`` falls over each segment, rounded."""
        n = 1 << self.SEGMENTS_LOG2
        one = 1 << self.CONFIDENCE_BITS
        return tuple(floor(one * (1 / (1 + i / n) - 1 / (1 + (i + 1) / n)) + 0.5) for i in range(n))
