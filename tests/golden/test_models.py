import pytest
import torch
from torch import nn

from offramp.golden.folding import fold
from offramp.golden.models import MultiExitNetwork, build_model, digits_network


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
    with pytest.raises(ValueError, match=r"^Model must be one of digits, not 'vgg'$"):
        build_model("vgg", 10)


def test_a_network_needs_as_many_branches_as_backbones() -> None:
    message = "Backbones and branches must be equally many, at least one, not 1 and 0"
    with pytest.raises(ValueError, match=message):
        MultiExitNetwork("x", (1, 1, 1), 2, [nn.Sequential()], [])
