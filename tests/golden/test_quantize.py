import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from offramp.golden.data import Dataset, Splits
from offramp.golden.folded import FoldedNetwork
from offramp.golden.folding import fold
from offramp.golden.models import MultiExitNetwork
from offramp.golden.network import IntegerNetwork
from offramp.golden.quantize import logit_offset, quantize
from offramp.golden.spec.layers import (
    CHAIN_INPUT,
    AveragePool,
    Convolution,
    FullyConnected,
    ResidualAdd,
)
from offramp.golden.spec.numbers import INT8
from offramp.golden.spec.topology import Segment, Topology
from offramp.golden.train import float_logits


def accuracy(logits: np.ndarray, data: Dataset) -> float:
    return 100 * float((logits.argmax(axis=1) == data.labels).mean())


def test_int8_digits_stay_within_half_a_point_of_float(
    trained: MultiExitNetwork, quantized: IntegerNetwork, digits: Splits
) -> None:
    images = digits.test.images
    for real, integer in zip(float_logits(trained, images), quantized.forward(images), strict=True):
        assert accuracy(integer, digits.test) >= accuracy(real, digits.test) - 0.5
    assert accuracy(integer, digits.test) >= 97.5


@pytest.mark.parametrize("fraction_bits", [3, 4])
def test_logit_differences_are_octaves_of_the_tempered_softmax(
    trained: MultiExitNetwork, digits: Splits, fraction_bits: int
) -> None:
    network = quantize(trained, digits.calibration, fraction_bits=fraction_bits)
    images = digits.test.images
    steps = 1 << fraction_bits
    for real, integer, temperature in zip(
        float_logits(trained, images), network.forward(images), network.temperatures, strict=True
    ):
        octaves = real / temperature / math.log(2)
        inside = (integer > -128) & (integer < 127)
        inside &= inside[np.arange(len(real)), integer.argmax(axis=1)][:, None]
        gaps = (integer.max(axis=1, keepdims=True) - integer.astype(int)) / steps
        winners = octaves[np.arange(len(real)), integer.argmax(axis=1)][:, None]
        errors = np.abs(gaps - (winners - octaves))[inside]
        assert inside.mean() > 0.1
        assert errors.mean() < 0.5  # of an octave; 8-bit activations are what is left


def test_the_low_side_clips_and_the_top_does_not(quantized: IntegerNetwork, digits: Splits) -> None:
    for logits in quantized.forward(digits.test.images):
        assert (logits.max(axis=1) == 127).mean() <= 0.01
        assert logits.max(axis=1).min() > -128


def test_integer_softmax_is_as_honest_as_the_float_one(
    quantized: IntegerNetwork, digits: Splits
) -> None:
    for logits in quantized.forward(digits.test.images):
        p = 2.0 ** ((logits.astype(float) - logits.max(axis=1, keepdims=True)) / 8)
        confidence = 1 / p.sum(axis=1)
        assert abs(100 * confidence.mean() - accuracy(logits, digits.test)) < 2.5


@pytest.mark.parametrize(
    ("winners", "offset"),
    [
        ([0, 50], 127 - 16 - 50),  # the largest winner ends two octaves below the top
        ([-150, 0, 119], -128 + 16 + 150),  # both ends cannot be kept: the smallest winner is
        ([111 + 224, 113], -224),
    ],
)
def test_offsets_follow_from_the_winners(winners: list[int], offset: int) -> None:
    logits = np.array([[winner, winner - 300] for winner in winners], np.float64)
    assert logit_offset(logits, 3) == offset


def test_quantization_is_repeatable_and_says_how_it_was_done(
    trained: MultiExitNetwork, quantized: IntegerNetwork, digits: Splits
) -> None:
    again = quantize(trained, digits.calibration, metadata={"seed": 1})
    assert again.parameters == quantized.parameters
    record = again.metadata["quantization"]
    assert again.metadata["seed"] == 1
    assert record["data_set"] == "digits"
    assert record["images"] == 359
    assert record["percentile"] in (100.0, 99.99, 99.9, 99.5)
    assert again.class_names == digits.train.class_names


def folded_with_every_kind() -> FoldedNetwork:
    """Return a float network with a residual block, signed activations and averages."""
    conv = Convolution(
        name="conv", in_shape=(6, 6, 1), out_channels=4, kernel=(3, 3), padding=(1, 1, 1, 1)
    )
    entry = replace(conv, name="entry", relu=True)
    middle = replace(conv, name="middle", in_shape=(6, 6, 4))
    add = ResidualAdd(name="add", in_shape=(6, 6, 4), in_format=INT8, other="entry", relu=True)
    pool = AveragePool(name="pool", in_shape=(6, 6, 4), kernel=(2, 3), stride=2)
    logits = FullyConnected(name="logits", in_shape=pool.out_shape, out_features=3)
    rng = np.random.default_rng(0)
    layers = (entry, middle, add, pool, logits)
    assert CHAIN_INPUT not in {layer.name for layer in layers}
    return FoldedNetwork(
        name="residual",
        topology=Topology(segments=(Segment(backbone=layers[:3], branch=layers[3:]),)),
        weights={x.name: rng.normal(0, 0.3, x.weight_shape) for x in layers if x.weight_shape},
        biases={x.name: rng.normal(0, 0.1, x.out_shape[2]) for x in layers if x.weight_shape},
    )


def test_residual_blocks_and_averages_quantize_to_what_the_float_network_computes() -> None:
    folded = folded_with_every_kind()
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (400, 6, 6, 1)).astype(np.uint8)
    (real,) = folded.forward(images)
    labels = real.argmax(axis=1)
    data = Dataset(name="x", images=images, labels=labels, class_names=("a", "b", "c"))
    network = quantize(folded, data)
    (integer,) = network.forward(images)
    assert (integer.argmax(axis=1) == labels).mean() > 0.97
    assert (integer == network.reference_forward(images)[0]).all()


def test_wrong_arguments_are_refused_in_one_line(trained: MultiExitNetwork, digits: Splits) -> None:
    calibration = digits.calibration
    ten = digits.test.subset(np.arange(10))
    wide = replace(ten, images=np.zeros((10, 8, 9, 1), np.uint8))
    empty = digits.test.subset(np.arange(0))
    more = replace(ten, class_names=tuple("0123456789a"))
    for data, options, message in (
        (calibration, {"fraction_bits": 1}, "Fraction bits must be in 2..6, not 1"),
        (calibration, {"percentiles": ()}, "Percentiles must be above 0 and at most 100, not ()"),
        (calibration, {"percentiles": (101,)}, "Percentiles must be above 0 and at most 100, not "),
        (wide, {}, "Calibration images must be (8, 8, 1) as the model takes, not (8, 9, 1)"),
        (empty, {}, "Calibration images must be at least one, not 0"),
        (more, {}, "Classes of the calibration data must be 10 as the model has, not 11"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            quantize(trained, data, **options)


def test_a_weight_that_is_not_finite_is_refused(digits: Splits) -> None:
    folded = folded_with_every_kind()
    folded.weights["middle"][0, 0, 0, 0] = math.nan
    images = np.zeros((2, 6, 6, 1), np.uint8)
    data = Dataset(
        name="x", images=images, labels=np.zeros(2, np.int64), class_names=("a", "b", "c")
    )
    with pytest.raises(ValueError, match=r"^Weight of middle must be finite, not nan$"):
        quantize(folded, data)


def test_an_accumulator_that_could_overflow_refuses_the_network() -> None:
    layer = FullyConnected(name="big", in_shape=(1, 300, 300), out_features=2)
    first = Convolution(name="c", in_shape=(1, 300, 1), out_channels=300, kernel=(1, 1), relu=True)
    folded = FoldedNetwork(
        name="x",
        topology=Topology(segments=(Segment(backbone=(first,), branch=(layer,)),)),
        weights={"c": np.ones((300, 1, 1, 1)), "big": np.tile([1.0, -1.0], 45_000) * [[1], [-1]]},
        biases={"c": np.zeros(300), "big": np.zeros(2)},
    )
    images = np.full((1, 1, 300, 1), 255, np.uint8)
    data = Dataset(name="x", images=images, labels=np.zeros(1, np.int64), class_names=("a", "b"))
    message = r"^Accumulator of big must fit 32 signed bits, not reach \d+ \(33 bits\)$"
    with pytest.raises(ValueError, match=message):
        quantize(folded, data)


def test_folded_and_unfolded_models_quantize_alike(
    trained: MultiExitNetwork, quantized: IntegerNetwork, digits: Splits
) -> None:
    with torch.no_grad():
        folded = fold(trained)
    assert quantize(folded, digits.calibration) == quantized
