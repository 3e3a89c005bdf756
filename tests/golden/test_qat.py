"""Quantization-aware training, and the integer network that it leads to."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from offramp.golden.data import Dataset, Splits
from offramp.golden.folding import fold
from offramp.golden.models import MultiExitNetwork, resnet8
from offramp.golden.network import IntegerNetwork
from offramp.golden.qat import FakeQuantizedNetwork, error_bounds
from offramp.golden.quantize import observe, quantize
from offramp.golden.recipes import recipe_of
from offramp.golden.train import float_logits, load_model, train

TWO_BITS = replace(recipe_of(name="digits").quantization_aware(2), epochs=6)
SHORT = replace(TWO_BITS, epochs=2, batch_size=64)


@pytest.fixture(scope="module")
def trained() -> MultiExitNetwork:
    model, _ = load_model("zoo:digits")
    assert isinstance(model, MultiExitNetwork)
    return model


@pytest.fixture(scope="module")
def aware(trained: MultiExitNetwork, digits: Splits) -> FakeQuantizedNetwork:
    found = train(TWO_BITS, digits.train, initial=trained.state_dict())
    assert isinstance(found, FakeQuantizedNetwork)
    return found


@pytest.fixture(scope="module")
def network(aware: FakeQuantizedNetwork, digits: Splits) -> IntegerNetwork:
    return quantize(aware.folded(), digits.calibration, ranges=aware.ranges(), weight_bits=2)


def accuracies(network: IntegerNetwork, data: Dataset) -> NDArray[np.float64]:
    return np.array(
        [np.mean(z.argmax(axis=1) == data.labels) for z in network.forward(data.images)]
    )


def test_training_makes_up_for_two_bit_weights(
    trained: MultiExitNetwork, network: IntegerNetwork, digits: Splits
) -> None:
    after = quantize(trained, digits.calibration, weight_bits=2)
    gain = accuracies(network, digits.test) - accuracies(after, digits.test)
    assert gain.min() > 0.1
    assert accuracies(network, digits.test)[-1] > 0.93


def test_integer_weights_are_those_that_training_saw(
    aware: FakeQuantizedNetwork, network: IntegerNetwork
) -> None:
    for layer in network.topology.layers:
        if layer.weight_shape is not None:
            seen = aware.weighted[layer.name.replace(".", ":")].quant_weight().int()
            ours = network.parameters[layer.name].weight
            assert ours is not None
            assert np.abs(ours).max() == 1
            assert (ours == seen.movedim(1, -1).numpy()).all()


def logits_in_lsbs(
    model: FakeQuantizedNetwork, network: IntegerNetwork, data: Dataset
) -> list[NDArray[np.float64]]:
    offsets = network.metadata["quantization"]["logit_offsets"]
    octaves = [
        logits.astype(np.float64) / temperature / np.log(2)
        for logits, temperature in zip(
            float_logits(model, data.images), network.temperatures, strict=True
        )
    ]
    return [x * (1 << network.fraction_bits) + y for x, y in zip(octaves, offsets, strict=True)]


def check_against_fake_quantized(
    model: FakeQuantizedNetwork, network: IntegerNetwork, data: Dataset, agreeing: float
) -> None:
    expected = logits_in_lsbs(model, network, data)
    found = network.forward(data.images)
    for real, ours, bound in zip(expected, found, error_bounds(network), strict=True):
        inside = np.clip(real, -128, 127)
        assert (np.abs(inside - ours) <= bound).all()
        # the bound is for the worst image; roundings hardly ever add up to two LSBs
        assert np.mean(np.abs(inside - ours) < 2) > agreeing


def test_integer_logits_are_the_fake_quantized_ones_within_the_bound(
    aware: FakeQuantizedNetwork, network: IntegerNetwork, digits: Splits
) -> None:
    check_against_fake_quantized(aware, network, digits.test, 0.99)


def test_residual_networks_are_rounded_where_integers_are() -> None:
    torch.manual_seed(3)
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
    data = Dataset(
        name="noise",
        images=images,
        labels=np.arange(6),
        class_names=tuple("abcdefghij"),
    )
    folded = fold(resnet8().eval())
    (ranges,) = observe(folded, data, (100.0,))
    model = FakeQuantizedNetwork(folded, ranges, 8).eval()
    network = quantize(model.folded(), data, ranges=model.ranges())
    check_against_fake_quantized(model, network, data, 0.95)


def test_an_interrupted_run_resumes_to_the_same_weights(
    trained: MultiExitNetwork, digits: Splits, tmp_path: Path
) -> None:
    path, initial = tmp_path / "run", trained.state_dict()
    data = digits.train.subset(np.arange(200))
    seen = []

    def interrupt(report: object) -> None:
        seen.append(report)
        if len(seen) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SHORT, data, initial=initial, checkpoint=path, progress=interrupt)
    train(SHORT, data, initial=initial, checkpoint=path, progress=interrupt)
    assert len(seen) == 2
    resumed, record = load_model(path)
    assert record.config["weight_bits"] == 2
    whole = train(SHORT, data, initial=initial)
    one, other = resumed.state_dict(), whole.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("bits", [1, 9])
def test_other_weights_are_refused(trained: MultiExitNetwork, digits: Splits, bits: int) -> None:
    message = f"^Weight bits must be in 2..8, not {bits}$"
    with pytest.raises(ValueError, match=message):
        replace(SHORT, weight_bits=bits)
    with pytest.raises(ValueError, match=message):
        quantize(trained, digits.calibration, weight_bits=bits)


def test_what_does_not_fit_is_refused(
    trained: MultiExitNetwork, digits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"must be of the whole network, not heads only$"):
        replace(SHORT, heads_only=True)
    with pytest.raises(ValueError, match=r"must start from a trained network, not 0 of its tensor"):
        train(SHORT, digits.train)
    monkeypatch.delitem(sys.modules, "offramp.golden.qat")
    monkeypatch.setitem(sys.modules, "brevitas.nn", None)
    message = "Quantization-aware training must find Brevitas (pip install offramp[qat]), not "
    with pytest.raises(ValueError, match=re.escape(message)):
        train(SHORT, digits.train, initial=trained.state_dict())
