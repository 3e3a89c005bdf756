"""Settings of a PLL: the one that makes a clock, and all clocks that there are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Pll", "middle_divider", "ratios", "setting_for", "whole_frequencies"]


@dataclass(frozen=True)
class Pll:
    """Dividers of a PLL, and what they make of its input."""

    input_hz: int
    output_hz: int
    input_divider: int
    feedback_divider: int
    output_divider: int

    @property
    def oscillator_hz(self) -> int:
        """Frequency of the oscillator."""
        return self.output_hz * self.output_divider


Setting = TypeVar("Setting", bound=Pll)


def ratios(
    input_hz: int, compared_hz: tuple[int, int], input_most: int, feedback_most: int
) -> Iterator[tuple[int, int]]:
    """Yield all input and feedback dividers, the fastest comparison first.

    Parameters
    ----------
    input_hz : int
    compared_hz : tuple of int
        Least and most that the phase comparator takes from the input divider.
    input_most, feedback_most : int
        Largest dividers.
    """
    for input_divider in range(1, input_most + 1):
        if compared_hz[0] <= input_hz / input_divider <= compared_hz[1]:
            for feedback_divider in range(1, feedback_most + 1):
                yield input_divider, feedback_divider


def middle_divider(output_hz: int, dividers: Iterable[int], oscillator_hz: tuple[int, int]) -> int:
    """Return the output divider with the oscillator nearest to the middle of its range.

    There it is fastest to settle.
    """
    middle = sum(oscillator_hz) // 2
    return min(dividers, key=lambda divider: abs(output_hz * divider - middle))


def setting_for(settings: Sequence[Setting], input_hz: int, output_hz: int) -> Setting:
    """Return the first of some settings that gives `output_hz` exactly.

    Raises
    ------
    ValueError
        There is none; the message names the nearest frequency.
    """
    for pll in settings:
        if pll.output_hz == output_hz:
            return pll
    near = min((pll.output_hz for pll in settings), key=lambda hz: (abs(hz - output_hz), hz))
    raise ValueError(
        f"Clock frequency must be one that the PLL makes of {input_hz / 1e6:g} MHz, "
        f"not {output_hz / 1e6:g} MHz; the nearest is {near / 1e6:g} MHz"
    )


def whole_frequencies(settings: Iterable[Pll], low_hz: int, high_hz: int) -> tuple[int, ...]:
    """Return all frequencies from `low_hz` to `high_hz` that some settings give, ascending."""
    found = {pll.output_hz for pll in settings}
    return tuple(sorted(hz for hz in found if low_hz <= hz <= high_hz))
