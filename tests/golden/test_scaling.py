import re

import numpy as np
import pytest

from offramp.golden.scaling import BIAS_LIMIT, encode_ratios, quantize_weights


def test_ratios_are_encoded_to_15_bits_or_better() -> None:
    rng = np.random.default_rng(0)
    ratios = np.concatenate(
        [2.0 ** rng.uniform(-24, 14, 2000), 2.0 ** np.arange(-24, 15), [65535 / 65536, 1 - 1e-12]]
    )
    (multiplier,), shift = encode_ratios("x", ratios)
    assert (multiplier.dtype, shift.dtype) == (np.uint16, np.uint8)
    assert multiplier.min() >= 1 << 15
    errors = np.ldexp(multiplier.astype(float), -shift.astype(int)) / ratios - 1
    assert np.abs(errors).max() <= 2.0**-16 * 1.0001


def test_tiny_ratios_lose_bits_down_to_zero() -> None:
    (multiplier,), shift = encode_ratios("x", np.array([0.0, 2.0**-60, 2.0**-41, 2.0**-40, 2e-9]))
    assert multiplier.tolist() == [0, 0, 0, 1, round(2e-9 * 2**40)]
    assert (shift[1:] == 40).all()


def test_operands_share_the_shift_of_the_larger() -> None:
    (large, small), shift = encode_ratios("x", np.array([0.75]), np.array([2.0**-10]))
    assert (large[0], small[0], shift[0]) == (0.75 * 2**16, 2**6, 16)


@pytest.mark.parametrize("ratio", [32767.99, 1e6])
def test_ratios_beyond_the_multiplier_are_refused(ratio: float) -> None:
    message = f"Requantization ratio of x must be below 32767.5, not {ratio}"
    with pytest.raises(ValueError, match=re.escape(message)):
        encode_ratios("x", np.array([ratio]))


def test_weights_use_their_whole_range_per_channel() -> None:
    weight = np.array([[0.5, -1.0], [1e-3, 2e-3]])
    values = quantize_weights("x", weight, np.array([0.1, 0.0]), in_scale=0.01, out_scale=0.1)
    assert values.weight is not None
    assert values.weight.tolist() == [[64, -127], [64, 127]]
    assert values.bias is not None
    assert values.bias.tolist() == [round(0.1 / (0.01 / 127)), 0]
    assert values.multiplier is not None
    assert values.shift is not None
    ratios = np.ldexp(values.multiplier.astype(float), -values.shift.astype(int))
    assert ratios == pytest.approx(np.array([1.0, 2e-3]) / 127 * 0.01 / 0.1, rel=2.0**-15)


def test_an_offset_moves_every_output_by_as_many_lsbs() -> None:
    weight, bias = np.array([[0.3, -1.0], [0.02, 0.01]]), np.array([0.1, -0.2])
    plain, moved = (
        quantize_weights("x", weight, bias, in_scale=0.01, out_scale=0.05, offset=offset)
        for offset in (0.0, -37.0)
    )
    assert (plain.weight == moved.weight).all()
    assert plain.bias is not None
    assert moved.bias is not None
    assert plain.multiplier is not None
    assert plain.shift is not None
    ratio = np.ldexp(plain.multiplier.astype(float), -plain.shift.astype(int))
    assert (moved.bias - plain.bias) * ratio == pytest.approx([-37.0, -37.0], abs=0.02)


def test_a_channel_of_zeros_keeps_its_bias() -> None:
    values = quantize_weights(
        "x", np.zeros((2, 3)), np.array([0.0, 0.7]), in_scale=0.01, out_scale=0.1
    )
    assert values.weight is not None
    assert not values.weight.any()
    assert values.bias is not None
    assert values.bias.tolist() == [0, BIAS_LIMIT]
    assert values.multiplier is not None
    assert values.shift is not None
    ratio = float(values.multiplier[1]) / 2.0 ** values.shift[1]
    assert BIAS_LIMIT * ratio == pytest.approx(7, rel=1e-4)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused_with_the_layer(wrong: float) -> None:
    with pytest.raises(ValueError, match=f"^Weight of x must be finite, not {wrong}$"):
        quantize_weights("x", np.array([[wrong]]), np.zeros(1), in_scale=1, out_scale=1)
    with pytest.raises(ValueError, match=f"^Bias of x must be finite, not {wrong}$"):
        quantize_weights("x", np.zeros((1, 1)), np.array([wrong]), in_scale=1, out_scale=1)
