import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from offramp.golden.data import Splits
from offramp.golden.forward import exact_type
from offramp.golden.network import IntegerNetwork
from offramp.golden.parameters import LayerParameters
from offramp.golden.random_network import random_parameters
from offramp.golden.reference import reference_chain
from offramp.golden.spec.layers import Convolution, FullyConnected
from offramp.golden.spec.numbers import requantize
from offramp.golden.spec.rules import ExitRule
from offramp.golden.spec.topology import Segment, Topology

from .networks import random_network


def images_of(network: IntegerNetwork, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, *network.input_shape)).astype(np.uint8)
    images[0], images[1] = 0, 255
    return images


@pytest.mark.parametrize("seed", range(8))
def test_forward_equals_the_int64_reference_bit_for_bit(seed: int) -> None:
    network = random_network(seed)
    images = images_of(network, 20, seed)
    fast, slow = network.forward(images), network.reference_forward(images)
    for a, b in zip(fast, slow, strict=True):
        assert a.dtype == b.dtype == np.int8
        assert a.shape == (20, 4)
        assert (a == b).all()
        assert len(np.unique(a)) > 5  # not saturated throughout


def test_forward_of_the_digits_equals_the_reference(
    quantized: IntegerNetwork, digits: Splits
) -> None:
    images = digits.test.images
    for a, b in zip(quantized.forward(images), quantized.reference_forward(images), strict=True):
        assert (a == b).all()


def test_one_fully_connected_layer_equals_plain_python() -> None:
    layer = FullyConnected(name="l", in_shape=(1, 2, 2), out_features=3)
    conv = Convolution(name="c", in_shape=(1, 2, 2), out_channels=2, kernel=(1, 1), relu=True)
    topology = Topology(segments=(Segment(backbone=(conv,), branch=(layer,)),))
    network = random_network(5, topology)
    (image,) = images_of(network, 3, 5)[2:]
    c, p = network.parameters["c"], network.parameters["l"]
    hidden = []
    for x in range(2):
        for o in range(2):
            acc = int(c.bias[o]) + sum(
                int(c.weight[o, 0, 0, i]) * int(image[0, x, i]) for i in (0, 1)
            )
            hidden.append(requantize(acc, int(c.multiplier[o]), int(c.shift[o]), 0, 255))
    logits = []
    for o in range(3):
        acc = int(p.bias[o]) + sum(int(p.weight[o, i]) * hidden[i] for i in range(4))
        logits.append(requantize(acc, int(p.multiplier[o]), int(p.shift[o]), -128, 127))
    assert network.forward(image[None])[0].tolist() == [logits]


def wide_network(extreme: int) -> IntegerNetwork:
    """Return a network whose sums exceed 2**24, where float32 would round."""
    conv = Convolution(
        name="c", in_shape=(9, 9, 8), out_channels=3, kernel=(9, 9), groups=1, relu=True
    )
    logits = FullyConnected(name="l", in_shape=(1, 1, 3), out_features=2)
    topology = Topology(segments=(Segment(backbone=(conv,), branch=(logits,)),))
    rng = np.random.default_rng(0)
    parameters = {x.name: random_parameters(x, rng) for x in topology.layers}
    weight = np.full((3, 9, 9, 8), extreme, np.int8)
    weight[1, ::2] = -extreme
    weight[2, 0, 0, 0] = 1
    parameters["c"] = LayerParameters(
        weight=weight,
        # all but the lowest bits of the largest sum cancel, so that these show in the output
        bias=np.array([-648 * extreme * 255 + 301, 9, 7], np.int32),
        multiplier=np.full(3, 1, np.uint16),
        shift=np.full(3, 1, np.uint8),
    )
    return IntegerNetwork(
        name="wide",
        topology=topology,
        parameters=parameters,
        class_names=("a", "b"),
        fraction_bits=3,
        temperatures=(1.0,),
    )


def test_sums_beyond_float32_stay_exact() -> None:
    network = wide_network(127)
    assert 648 * 127 * 255 > 1 << 24
    images = np.full((4, 9, 9, 8), 255, np.uint8)
    images[1, 0, 0, 0] = 254
    images[2, 8, 8, 7] = 253
    hidden = reference_chain(
        network.topology.segments[0].backbone, [network.parameters["c"]], images.astype(np.int64)
    )
    assert hidden[:, 0, 0, 0].tolist() == [151, 87, 24, 151]  # (301 - 127 d + 1) >> 1
    for a, b in zip(network.forward(images), network.reference_forward(images), strict=True):
        assert (a == b).all()


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (0, torch.float32),
        ((1 << 24) - 1, torch.float32),
        (1 << 24, torch.float64),
        ((1 << 53) - 1, torch.float64),
    ],
)
def test_the_float_type_holds_every_sum_below_its_limit(bound: int, expected: torch.dtype) -> None:
    assert exact_type(bound) == expected


def test_no_float_type_is_claimed_exact_beyond_its_limit() -> None:
    with pytest.raises(ValueError, match="Bound of a partial sum must be below 2\\*\\*53, not"):
        exact_type(1 << 53)


def test_segments_chain_to_the_forward_pass() -> None:
    network = random_network(0)
    images = images_of(network, 5, 0)
    activations, first = network.segment(0, images)
    assert activations is not None
    assert (activations.dtype, activations.shape) == (np.uint8, (5, 3, 3, 8))
    nothing, second = network.segment(1, activations)
    assert nothing is None
    assert [(a == b).all() for a, b in zip(network.forward(images), (first, second), strict=True)]


def test_a_result_does_not_depend_on_the_other_images_of_the_batch(
    quantized: IntegerNetwork, digits: Splits
) -> None:
    images = np.concatenate([digits.train.images] * 3)[:1500]  # several blocks
    whole = quantized.forward(images)
    for index in (0, 511, 512, 1024, 1499):
        alone = quantized.forward(images[index : index + 1])
        assert [(a[index] == b[0]).all() for a, b in zip(whole, alone, strict=True)] == [True] * 3


def test_no_images_give_no_logits() -> None:
    network = random_network(0)
    assert [x.shape for x in network.forward(images_of(network, 2, 0)[:0])] == [(0, 4), (0, 4)]


def test_read_only_and_strided_images_are_accepted() -> None:
    network = random_network(0)
    images = images_of(network, 6, 0)
    expected = network.forward(np.ascontiguousarray(images[::2]))
    images.flags.writeable = False
    assert all((a == b).all() for a, b in zip(network.forward(images[::2]), expected, strict=True))


def test_thresholds_and_their_provenance_come_and_go_together() -> None:
    network = random_network(0)
    calibrated = network.with_thresholds([np.int64(12)], {"data_set": "x"})
    assert calibrated.thresholds == (12,)
    assert calibrated.metadata == {"seed": 0, "calibration": {"data_set": "x"}}
    assert calibrated != network
    assert calibrated.with_thresholds(None) == network


def test_the_accumulator_width_is_the_smallest_that_is_proven() -> None:
    # twice 648 * 127 * 255, as products and bias add up, lies between 2**25 and 2**26
    assert wide_network(127).accumulator_width == 27
    assert wide_network(1).accumulator_width == 20


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "Network name must be a non-empty string, not ''"),
        ({"class_names": ("a",)}, "Class names must be 4, one per class, not ('a',)"),
        ({"class_names": (1, 2, 3, 4)}, "Class names must be a tuple of strings, not (1, 2, 3, 4)"),
        ({"fraction_bits": 7}, "Fraction bits must be in 2..6, not 7"),
        ({"temperatures": (1.0,)}, "Temperatures must be 2 positive numbers, not (1.0,)"),
        ({"temperatures": (1.0, 0.0)}, "Temperatures must be 2 positive numbers, not (1.0, 0.0)"),
        ({"temperatures": (1, 2)}, "Temperatures must be a tuple of floats, not (1, 2)"),
        (
            {"rules": (ExitRule(threshold=1), ExitRule(threshold=2))},
            "Thresholds must be one for each of 1 early exits, not (1, 2)",
        ),
        ({"rules": (5,)}, "Rules must be a tuple of ExitRule, not (5,)"),
        ({"parameters": {}}, "Parameters must be given for add, average, conv, depthwise, "),
    ],
)
def test_illegal_networks_are_refused_in_one_line(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        replace(random_network(0), **fields)


@pytest.mark.parametrize(
    ("index", "images", "message"),
    [
        (2, np.zeros((1, 7, 6, 3), np.uint8), "Segment must be in 0..1, not 2"),
        (0, np.zeros((1, 7, 6, 3), np.float32), "Images must be an array of uint8, not float32"),
        (0, [[1]], "Images must be an array of uint8, not list"),
        (0, np.zeros((7, 6, 3), np.uint8), "Images must be of shape [n, 7, 6, 3], not (7, 6, 3)"),
        (
            1,
            np.zeros((1, 7, 6, 3), np.uint8),
            "Activations of segment 1 must be of shape [n, 3, 3, 8], not (1, 7, 6, 3)",
        ),
    ],
)
def test_wrong_inputs_are_refused_in_one_line(index: int, images: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        random_network(0).segment(index, images)
