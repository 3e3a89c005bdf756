import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from offramp.fpga.pll_ecp5 import COMPARED_HZ, OSCILLATOR_HZ, ecp5_frequencies, ecp5_pll


@pytest.mark.parametrize("input_hz", [25_000_000, 48_000_000])
def test_every_frequency_listed_is_made_exactly_within_the_limits(input_hz):
    frequencies = ecp5_frequencies(input_hz, 40_000_000, 200_000_000)
    assert len(frequencies) > 50
    assert list(frequencies) == sorted(set(frequencies))
    for frequency in frequencies:
        pll = ecp5_pll(input_hz, frequency)
        assert input_hz * pll.feedback_divider == frequency * pll.input_divider
        assert COMPARED_HZ[0] * pll.input_divider <= input_hz
        assert OSCILLATOR_HZ[0] <= pll.oscillator_hz <= OSCILLATOR_HZ[1]
        assert pll.oscillator_hz == pll.output_hz * pll.output_divider


@pytest.mark.parametrize(("input_mhz", "output_mhz"), [(25, 105), (25, 103.125), (48, 150)])
def test_dividers_are_those_of_project_trellis(input_mhz, output_mhz, tmp_path):
    tool = Path(sysconfig.get_path("scripts")) / "yowasp-ecppll"
    subprocess.run(
        [tool, "-i", str(input_mhz), "-o", str(output_mhz), "-f", "pll.v"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    theirs = {
        name: int(value)
        for name, value in re.findall(r"\.(CLK\w+)\((\d+)\)", (tmp_path / "pll.v").read_text())
    }
    pll = ecp5_pll(int(input_mhz * 1e6), int(output_mhz * 1e6))
    assert (pll.input_divider, pll.feedback_divider, pll.output_divider) == (
        theirs["CLKI_DIV"], theirs["CLKFB_DIV"], theirs["CLKOP_DIV"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("output_hz", "message"),
    [
        (
            101_000_000,
            (
                "Clock frequency must be one that the PLL makes of 25 MHz, not 101 MHz; "
                "the nearest is 100 MHz"
            ),
        ),
        (9_000_000, "Clock frequency must be in 10000000..400000000, not 9000000"),
        (500_000_000, "Clock frequency must be in 10000000..400000000, not 500000000"),
    ],
)
def test_frequency_that_is_not_to_be_had_is_refused(output_hz, message):
    with pytest.raises(ValueError) as failure:  # noqa: PT011  # the text is compared whole
        ecp5_pll(25_000_000, output_hz)
    assert str(failure.value) == message


def test_frequency_must_be_whole():
    with pytest.raises(TypeError, match=r"^Clock frequency must be an int"):
        ecp5_pll(25_000_000, 100.5e6)
