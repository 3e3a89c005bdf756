"""Clock of an ECP5 design: the dividers of its PLL.

Source: Lattice FPGA-DS-02012 (ECP5 family data sheet), table "sysCLOCK PLL Timing".
"""

from dataclasses import dataclass

from ..golden.spec.checks import require_int

__all__ = ["Ecp5Pll", "ecp5_frequencies", "ecp5_pll"]

INPUT_HZ = (8_000_000, 400_000_000)
OUTPUT_HZ = (10_000_000, 400_000_000)
"""Outputs below 3.125 MHz exist; no design here wants less than 10 MHz."""
COMPARED_HZ = (3_125_000, 400_000_000)
"""Of the phase comparator, which the input divider feeds."""
OSCILLATOR_HZ = (400_000_000, 800_000_000)
OSCILLATOR_MIDDLE_HZ = 600_000_000

INPUT_DIVIDER_MAX = 128
FEEDBACK_DIVIDER_MAX = 80
OUTPUT_DIVIDER_MAX = 128


@dataclass(frozen=True)
class Ecp5Pll:
    """Dividers of one EHXPLLL whose feedback is its output.

    ::

        output = input * feedback / input_divider
        oscillator = output * output_divider
    """

    input_hz: int
    output_hz: int
    input_divider: int
    feedback_divider: int
    output_divider: int

    @property
    def oscillator_hz(self) -> int:
        """Frequency of the oscillator."""
        return self.output_hz * self.output_divider


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
    # the oscillator is fastest to settle in the middle of its range
    output_divider = min(
        range(-(-OSCILLATOR_HZ[0] // output_hz), OSCILLATOR_HZ[1] // output_hz + 1),
        key=lambda divider: abs(output_hz * divider - OSCILLATOR_MIDDLE_HZ),
    )
    for input_divider in _input_dividers(input_hz):
        feedback_divider, rest = divmod(output_hz * input_divider, input_hz)
        if not rest and 1 <= feedback_divider <= FEEDBACK_DIVIDER_MAX:
            return Ecp5Pll(input_hz, output_hz, input_divider, feedback_divider, output_divider)
    near = min(
        ecp5_frequencies(input_hz, *OUTPUT_HZ), key=lambda frequency: abs(frequency - output_hz)
    )
    raise ValueError(
        f"Clock frequency must be one that the PLL makes of {input_hz / 1e6:g} MHz, "
        f"not {output_hz / 1e6:g} MHz; the nearest is {near / 1e6:g} MHz"
    )


def ecp5_frequencies(input_hz: int, low_hz: int, high_hz: int) -> tuple[int, ...]:
    """Return all whole frequencies from `low_hz` to `high_hz` that `ecp5_pll` gives, ascending."""
    found = set()
    for input_divider in _input_dividers(input_hz):
        for feedback_divider in range(1, FEEDBACK_DIVIDER_MAX + 1):
            output_hz, rest = divmod(input_hz * feedback_divider, input_divider)
            if not rest and max(low_hz, OUTPUT_HZ[0]) <= output_hz <= min(high_hz, OUTPUT_HZ[1]):
                found.add(output_hz)
    return tuple(sorted(found))


def _input_dividers(input_hz: int) -> range:
    most = min(INPUT_DIVIDER_MAX, input_hz // COMPARED_HZ[0])
    return range(-(-input_hz // COMPARED_HZ[1]), most + 1)
