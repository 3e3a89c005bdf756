import re

import pytest

from offramp.fpga.pll_ice40 import OSCILLATOR_HZ, ice40_frequencies, ice40_pll


def test_24_mhz_of_12_are_the_dividers_that_icepll_prints():
    pll = ice40_pll(12_000_000, 24_000_000)
    dividers = (pll.input_divider, pll.feedback_divider, pll.output_divider, pll.filter_range)
    assert dividers == (1, 64, 32, 1)


@pytest.mark.parametrize("input_hz", [12_000_000, 48_000_000, 100_000_000])
def test_every_frequency_is_what_its_dividers_give(input_hz):
    found = ice40_frequencies(input_hz, 16_000_000, 100_000_000)
    assert len(found) > 100
    for frequency in found:
        pll = ice40_pll(input_hz, frequency)
        assert input_hz * pll.feedback_divider == (
            frequency * pll.input_divider * pll.output_divider
        )
        assert OSCILLATOR_HZ[0] <= frequency * pll.output_divider <= OSCILLATOR_HZ[1]


@pytest.mark.parametrize(
    ("frequency", "message"),
    [
        (
            24_100_000,
            (
                "Clock frequency must be one that the PLL makes of 12 MHz, not 24.1 MHz; "
                "the nearest is 24 MHz"
            ),
        ),
        (1_000_000, "Clock frequency must be in 16000000..275000000, not 1000000"),
    ],
)
def test_frequency_that_cannot_be_had_is_refused(frequency, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ice40_pll(12_000_000, frequency)
