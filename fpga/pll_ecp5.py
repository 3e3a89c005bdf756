"""Clock of an ECP5 design: the dividers of its PLL.

Source: Lattice FPGA-DS-02012 (ECP5 family data sheet), table "sysCLOCK PLL Timing".
"""

from ..golden.spec.checks import require_int
from .pll import Pll, middle_divider, ratios, setting_for, whole_frequencies

__all__ = ["Ecp5Pll", "ecp5_frequencies", "ecp5_pll"]

INPUT_HZ = (8_000_000, 400_000_000)
OUTPUT_HZ = (10_000_000, 400_000_000)
"""Outputs below 3.125 MHz exist; no design here wants less than 10 MHz."""
COMPARED_HZ = (3_125_000, 400_000_000)
"""Of the phase comparator, which the input divider feeds."""
OSCILLATOR_HZ = (400_000_000, 800_000_000)

INPUT_DIVIDER_MAX = 128
FEEDBACK_DIVIDER_MAX = 80


class Ecp5Pll(Pll):
    """Dividers of one EHXPLLL whose feedback is its output.

    ::

        output = input * feedback / input_divider
        oscillator = output * output_divider
    """


def ecp5_pll(input_hz: int, output_hz: int) -> Ecp5Pll:
    """Return dividers that give `output_hz` exactly; of several, the fastest comparison.

    Parameters
    ----------
    input_hz : int
        8 to 400 MHz.
    output_hz : int
        10 to 400 MHz.

    Raises
    ------
    TypeError, ValueError
        A frequency is no integer, out of range, or not to be had from the input.
    """
    require_int("Input of the PLL", input_hz, *INPUT_HZ)
    require_int("Clock frequency", output_hz, *OUTPUT_HZ)
    return setting_for(_all(input_hz), input_hz, output_hz)


def ecp5_frequencies(input_hz: int, low_hz: int, high_hz: int) -> tuple[int, ...]:
    """Return all whole frequencies from `low_hz` to `high_hz` that `ecp5_pll` gives, ascending."""
    return whole_frequencies(_all(input_hz), low_hz, high_hz)


def _all(input_hz: int) -> list[Ecp5Pll]:
    """Return settings within the limits for every output, the fastest comparison first."""
    settings = []
    for input_divider, feedback in ratios(
        input_hz, COMPARED_HZ, INPUT_DIVIDER_MAX, FEEDBACK_DIVIDER_MAX
    ):
        output_hz, rest = divmod(input_hz * feedback, input_divider)
        if not rest and OUTPUT_HZ[0] <= output_hz <= OUTPUT_HZ[1]:
            # all of these lie within the oscillator's range
            dividers = range(-(-OSCILLATOR_HZ[0] // output_hz), OSCILLATOR_HZ[1] // output_hz + 1)
            divider = middle_divider(output_hz, dividers, OSCILLATOR_HZ)
            settings.append(Ecp5Pll(input_hz, output_hz, input_divider, feedback, divider))
    return settings
