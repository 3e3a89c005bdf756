import pytest
import torch
from torch import nn

from offramp.golden.folding import fold
from offramp.golden.models import (
    MultiExitNetwork,
    blenet,
    build_model,
    digits_network,
    lenet3,
    resnet8,
)
from offramp.golden.spec.layers import Convolution, ResidualAdd


def test_digits_network_has_three_exits_whose_cost_rises_steeply() -> None:
    model = digits_network()
    logits = model(torch.zeros(2, 1, 8, 8))
    assert [tuple(x.shape) for x in logits] == [(2, 10)] * 3
    topology = fold(model).topology
    first, second, last = topology.macs_at_exit
    # worked out by hand: three convolutions, three classifiers
    convolutions = (64 * 1 * 8 * 9, 16 * 8 * 32 * 9, 16 * 32 * 32 * 9)
    classifiers = (32 * 10, 128 * 10, 512 * 10)
    assert first == convolutions[0] + classifiers[0]
    assert second == first + convolutions[1] + classifiers[1]
    assert last == sum(convolutions) + sum(classifiers)
    assert topology.macs_total == sum(convolutions) + classifiers[2]
    assert first < 0.06 * topology.macs_total
    assert second < 0.25 * topology.macs_total


def test_build_model_knows_its_names() -> None:
    assert build_model("digits", 7).n_classes == 7
    message = "Model must be one of digits, blenet, lenet3, resnet8, not 'vgg'"
    with pytest.raises(ValueError, match=f"^{message}$"):
        build_model("vgg", 10)


def test_blenet_costs_what_its_shapes_say() -> None:
    topology = fold(blenet().eval()).topology
    first, branch = 30 * 30 * 25 * 5, 15 * 15 * 45 * 10 + 490 * 10
    rest = 17 * 17 * 125 * 10 + 10 * 10 * 250 * 20 + 500 * 84 + 84 * 10
    assert topology.macs_at_exit == (first + branch, first + branch + rest)
    assert topology.macs_total == first + rest


def test_lenet3_fills_a_mac_array() -> None:
    topology = fold(lenet3().eval()).topology
    weighted = [layer for layer in topology.layers if isinstance(layer, Convolution)]
    assert all(layer.in_shape[2] % 16 == 0 for layer in weighted[1:])
    assert all(layer.out_channels % 16 == 0 for layer in weighted)
    first, second, _ = (macs / topology.macs_total for macs in topology.macs_at_exit)
    assert first < 0.1
    assert second < 0.35


def test_resnet8_is_that_of_mlperf_tiny() -> None:
    model = resnet8()
    backbone = [*model.backbones.parameters(), *model.branches[-1].parameters()]
    # the published model has 78,666 parameters; biases of convolutions under a batch norm, which
    # that cancels, are left out here
    cancelled = 16 + 2 * 16 + 2 * 32 + 2 * 64
    assert sum(p.numel() for p in backbone) == 78_666 - cancelled - BATCH_STATISTICS
    topology = fold(model.eval()).topology
    assert topology.macs_total == 12_501_632
    adds = [layer for layer in topology.layers if isinstance(layer, ResidualAdd)]
    assert [layer.out_shape for layer in adds] == [(32, 32, 16), (16, 16, 32), (8, 8, 64)]


BATCH_STATISTICS = 2 * (16 + 2 * 16 + 2 * 32 + 2 * 64)
"""Running means and variances: Keras counts them as parameters."""


def test_a_network_needs_as_many_branches_as_backbones() -> None:
    message = "Backbones and branches must be equally many, at least one, not 1 and 0"
    with pytest.raises(ValueError, match=message):
        MultiExitNetwork("x", (1, 1, 1), 2, [nn.Sequential()], [])
