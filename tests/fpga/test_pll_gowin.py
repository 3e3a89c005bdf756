import re

import pytest

from offramp.fpga.pll_gowin import OSCILLATOR_HZ, OUTPUT_DIVIDERS, gowin_frequencies, gowin_pll


def test_108_mhz_of_27_are_the_dividers_that_gowin_pll_prints():
    # gowin_pll -d "GW2AR-18 C8/I7" -i 27 -o 108: IDIV_SEL 0, FBDIV_SEL 3, ODIV_SEL 8
    pll = gowin_pll(27_000_000, 108_000_000)
    assert (pll.input_divider, pll.feedback_divider, pll.output_divider) == (1, 4, 8)
    assert pll.oscillator_hz == 864_000_000


@pytest.mark.parametrize("input_hz", [12_000_000, 27_000_000, 100_000_000])
def test_every_frequency_is_what_its_dividers_give(input_hz):
    found = gowin_frequencies(input_hz, 27_000_000, 200_000_000)
    assert len(found) > 70
    for frequency in found:
        pll = gowin_pll(input_hz, frequency)
        assert input_hz * pll.feedback_divider == frequency * pll.input_divider
        assert 1 <= pll.feedback_divider <= 64
        assert pll.output_divider in OUTPUT_DIVIDERS
        assert OSCILLATOR_HZ[0] <= pll.oscillator_hz <= OSCILLATOR_HZ[1]
        assert input_hz / pll.input_divider >= 3e6


@pytest.mark.parametrize(
    ("frequency", "message"),
    [
        (
            100_000_000,
            (
                "Clock frequency must be one that the PLL makes of 27 MHz, not 100 MHz; "
                "the nearest is 99 MHz"
            ),
        ),
        (1_000_000, "Clock frequency must be in 4000000..625000000, not 1000000"),
    ],
)
def test_frequency_that_cannot_be_had_is_refused(frequency, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        gowin_pll(27_000_000, frequency)
