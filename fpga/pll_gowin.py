"""Clock of a Gowin GW2A design: the dividers of its rPLL.

Source: Gowin DS226 (GW2AR series data sheet), table of the PLL for grade C8/I7; formulas of
Gowin UG286 (clock resources), feedback inside.
"""

from ..golden.spec.checks import require_int
from .pll import Pll, middle_divider, ratios, setting_for, whole_frequencies

__all__ = ["GowinPll", "gowin_frequencies", "gowin_pll"]

INPUT_HZ = (3_000_000, 500_000_000)
OUTPUT_HZ = (4_000_000, 625_000_000)
"""Outputs from 3.90625 MHz on exist; no design here wants less than 4 MHz."""
COMPARED_HZ = (3_000_000, 500_000_000)
"""Of the phase comparator, which the input divider feeds."""
OSCILLATOR_HZ = (500_000_000, 1_250_000_000)

INPUT_DIVIDER_MAX = 64
FEEDBACK_DIVIDER_MAX = 64
OUTPUT_DIVIDERS: tuple[int, ...] = (2, 4, 8, *range(16, 129, 16))


class GowinPll(Pll):
    """Dividers of one rPLL.

    ::

        output = input * feedback_divider / input_divider
        oscillator = output * output_divider
    """


def gowin_pll(input_hz: int, output_hz: int) -> GowinPll:
    """Return dividers that give `output_hz` exactly; of several, the fastest comparison.

    Parameters
    ----------
    input_hz : int
        3 to 500 MHz.
    output_hz : int
        4 to 625 MHz.

    Raises
    ------
    TypeError, ValueError
        A frequency is no integer, out of range, or not to be had from the input.
    """
    require_int("Input of the PLL", input_hz, *INPUT_HZ)
    require_int("Clock frequency", output_hz, *OUTPUT_HZ)
    return setting_for(_all(input_hz), input_hz, output_hz)


def gowin_frequencies(input_hz: int, low_hz: int, high_hz: int) -> tuple[int, ...]:
    """Return all whole frequencies from `low_hz` to `high_hz` that `gowin_pll` gives, ascending."""
    return whole_frequencies(_all(input_hz), low_hz, high_hz)


def _all(input_hz: int) -> list[GowinPll]:
    """Return settings within the limits for every output, the fastest comparison first."""
    settings = []
    for input_divider, feedback in ratios(
        input_hz, COMPARED_HZ, INPUT_DIVIDER_MAX, FEEDBACK_DIVIDER_MAX
    ):
        output_hz, rest = divmod(input_hz * feedback, input_divider)
        if rest or not OUTPUT_HZ[0] <= output_hz <= OUTPUT_HZ[1]:
            continue
        divider = middle_divider(output_hz, OUTPUT_DIVIDERS, OSCILLATOR_HZ)
        if OSCILLATOR_HZ[0] <= output_hz * divider <= OSCILLATOR_HZ[1]:
            settings.append(GowinPll(input_hz, output_hz, input_divider, feedback, divider))
    return settings
