"""Clock of an iCE40 design: the dividers of its PLL.

Source: Lattice FPGA-TN-02052 (iCE40 sysCLOCK PLL Design and User Guide), simple feedback.
"""

from ..golden.spec.checks import require_int
from .pll import Pll, ratios, setting_for, whole_frequencies

__all__ = ["Ice40Pll", "ice40_frequencies", "ice40_pll"]

INPUT_HZ = (10_000_000, 133_000_000)
OUTPUT_HZ = (16_000_000, 275_000_000)
COMPARED_HZ = (10_000_000, 133_000_000)
"""Of the phase comparator, which the input divider feeds."""
OSCILLATOR_HZ = (533_000_000, 1_066_000_000)

INPUT_DIVIDER_MAX = 16
FEEDBACK_DIVIDER_MAX = 128
OUTPUT_DIVIDERS = tuple(1 << power for power in range(1, 7))

FILTER_BOUNDS_HZ = (17_000_000, 26_000_000, 44_000_000, 66_000_000, 101_000_000)
"""Comparisons below the first bound use filter 1, below the second filter 2, and so on."""


class Ice40Pll(Pll):
    """Dividers of one SB_PLL40.

    ::

        oscillator = input * feedback_divider / input_divider
        output = oscillator / output_divider
    """

    @property
    def filter_range(self) -> int:
        """Setting of the loop filter."""
        compared = self.input_hz // self.input_divider
        return 1 + sum(compared >= bound for bound in FILTER_BOUNDS_HZ)


def ice40_pll(input_hz: int, output_hz: int) -> Ice40Pll:
    """Return dividers that give `output_hz` exactly; of several, the fastest comparison.

    Parameters
    ----------
    input_hz : int
        10 to 133 MHz.
    output_hz : int
        16 to 275 MHz.

    Raises
    ------
    TypeError, ValueError
        A frequency is no integer, out of range, or not to be had from the input.
    """
    require_int("Input of the PLL", input_hz, *INPUT_HZ)
    require_int("Clock frequency", output_hz, *OUTPUT_HZ)
    return setting_for(_all(input_hz), input_hz, output_hz)


def ice40_frequencies(input_hz: int, low_hz: int, high_hz: int) -> tuple[int, ...]:
    """Return all whole frequencies from `low_hz` to `high_hz` that `ice40_pll` gives, ascending."""
    return whole_frequencies(_all(input_hz), low_hz, high_hz)


def _all(input_hz: int) -> list[Ice40Pll]:
    """Return all settings within the limits, the fastest comparison first."""
    settings = []
    for input_divider, feedback in ratios(
        input_hz, COMPARED_HZ, INPUT_DIVIDER_MAX, FEEDBACK_DIVIDER_MAX
    ):
        if not OSCILLATOR_HZ[0] <= input_hz * feedback / input_divider <= OSCILLATOR_HZ[1]:
            continue
        for divider in OUTPUT_DIVIDERS:
            output_hz, rest = divmod(input_hz * feedback, input_divider * divider)
            if not rest and OUTPUT_HZ[0] <= output_hz <= OUTPUT_HZ[1]:
                settings.append(Ice40Pll(input_hz, output_hz, input_divider, feedback, divider))
    return settings
