import numpy as np
import pytest

from offramp.golden.data import Splits
from offramp.golden.float_reference import (
    ROUNDING_ERROR,
    float_forward,
    float_layer,
    logit_error_bounds,
)
from offramp.golden.network import IntegerNetwork
from offramp.golden.reference import reference_layer

from .networks import random_network

FLOAT_SLACK = 1e-6  # float64 itself: sums below 2**32 times 2**-52


@pytest.mark.parametrize("seed", range(4))
def test_a_layer_rounds_by_half_an_lsb_at_most(seed: int) -> None:
    network = random_network(seed)
    rng = np.random.default_rng(seed)
    for layer in network.topology.layers:
        (values,) = network.values_of([layer])
        formats = [layer.in_format, getattr(layer, "other_format", None)]
        operands = [
            rng.integers(x.low, x.high + 1, (9, *layer.in_shape)) for x in formats if x is not None
        ]
        integer = reference_layer(layer, values, *operands)
        real = float_layer(layer, values, *(x.astype(np.float64) for x in operands))
        assert np.abs(integer - real).max() <= ROUNDING_ERROR + FLOAT_SLACK, layer.name


@pytest.mark.parametrize("seed", range(4))
def test_logits_stay_within_the_derived_bound_of_random_networks(seed: int) -> None:
    network = random_network(seed)
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (50, *network.input_shape)).astype(np.uint8)
    results = zip(
        network.forward(images),
        float_forward(network, images),
        logit_error_bounds(network),
        strict=True,
    )
    for integer, real, bound in results:
        assert (np.abs(integer - real) <= bound + FLOAT_SLACK).all()


def test_logits_of_the_digits_stay_within_the_derived_bound(
    quantized: IntegerNetwork, digits: Splits
) -> None:
    images = digits.test.images
    results = zip(
        quantized.forward(images),
        float_forward(quantized, images),
        logit_error_bounds(quantized),
        strict=True,
    )
    for integer, real, bound in results:
        errors = np.abs(integer - real)
        assert (errors <= bound + FLOAT_SLACK).all()
        assert errors.mean() < 2  # the bound is for the worst case, a quarter octave is typical
