import re

import numpy as np
import pytest
import torch
from torch import nn

from offramp.golden.folding import fold
from offramp.golden.graph import UnsupportedModuleError
from offramp.golden.models import (
    MultiExitNetwork,
    Residual,
    blenet,
    digits_network,
    lenet3,
    resnet8,
)
from offramp.golden.spec.layers import AveragePool, Convolution, FullyConnected, MaxPool


def single(*modules: nn.Module, shape: tuple[int, int, int] = (6, 6, 2)) -> MultiExitNetwork:
    """Return a network of one exit with `modules` as its backbone, and a global average."""
    features = nn.Sequential(*modules).eval()
    with torch.no_grad():
        channels = features(torch.zeros(2, shape[2], shape[0], shape[1])).shape[1]
    branch = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3))
    return MultiExitNetwork("single", shape, 3, [features], [branch])


def shaken(model: MultiExitNetwork, seed: int = 0) -> MultiExitNetwork:
    """Return `model` with batch norms that do something, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.running_mean, module.weight, module.bias):
                    if tensor is not None:
                        tensor.normal_(generator=generator)
                assert module.running_var is not None
                module.running_var.uniform_(0.1, 3, generator=generator)
    return model.eval()


@pytest.mark.parametrize(
    "model",
    [
        digits_network(),
        single(nn.Conv2d(2, 5, (3, 2), stride=2, padding=(1, 0)), nn.BatchNorm2d(5), nn.ReLU()),
        single(nn.Conv2d(2, 4, 3, groups=2, bias=False), nn.BatchNorm2d(4, affine=False)),
        single(nn.Conv2d(2, 4, 1), nn.Dropout(0.5), nn.AvgPool2d(2), nn.Identity()),
        single(nn.Sequential(nn.Conv2d(2, 4, 1), nn.ReLU()), nn.MaxPool2d((3, 2), stride=1)),
        single(*[nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU())] * 2),  # one module, twice
        single(nn.Conv2d(2, 4, 1), nn.MaxPool2d(2), nn.Dropout(0.5), nn.ReLU()),
        single(nn.ReLU(), nn.Conv2d(2, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.ReLU()),
        single(nn.Conv2d(2, 4, 1), nn.AvgPool2d(3, ceil_mode=True)),
        single(nn.ZeroPad2d((0, 1, 2, 1)), nn.Conv2d(2, 3, 3, padding=1)),
        single(Residual(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1)))),
        single(Residual(nn.Sequential(nn.Conv2d(2, 3, 1)), nn.Sequential(nn.Conv2d(2, 3, 1)))),
        single(nn.Conv2d(2, 2, 1), nn.ReLU(), Residual(nn.Sequential(nn.Conv2d(2, 2, 1)))),
        single(Residual(nn.Sequential(Residual(nn.Sequential(nn.Conv2d(2, 2, 1)))))),
        single(
            Residual(nn.Sequential(), nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))),
            nn.MaxPool2d(2),
        ),
        blenet(),
        lenet3(),
        resnet8(),
        MultiExitNetwork(
            "hidden",
            (6, 6, 2),
            3,
            [nn.Sequential(nn.Conv2d(2, 2, 3), nn.ReLU())],
            [nn.Sequential(nn.Flatten(), nn.Linear(32, 7), nn.ReLU(), nn.Linear(7, 3))],
        ),
    ],
)
def test_folding_keeps_every_logit(model: MultiExitNetwork) -> None:
    model = shaken(model)
    height, width, channels = model.input_shape
    images = np.random.default_rng(0).integers(0, 256, (300, height, width, channels))
    folded = fold(model).forward(images.astype(np.uint8))
    with torch.no_grad():
        expected = model(torch.from_numpy((images / 255).astype(np.float32)).permute(0, 3, 1, 2))
    for a, b in zip(folded, expected, strict=True):
        # the model computes in float32, the folded network in float64
        assert np.abs(a - b.numpy()).max() < 1e-5 * max(1, np.abs(a).max())


def test_layers_are_named_by_place_and_kind() -> None:
    names = [layer.name for layer in fold(digits_network()).topology.layers]
    assert names[:4] == ["backbone0.conv0", "backbone0.pool1", "exit0.pool0", "exit0.linear1"]
    kinds = {type(layer) for layer in fold(single(nn.Conv2d(2, 4, 1))).topology.layers}
    assert kinds == {Convolution, AveragePool, FullyConnected}
    assert MaxPool in {type(layer) for layer in fold(digits_network()).topology.layers}


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (
            [nn.ZeroPad2d(1), nn.MaxPool2d(2)],
            "Module backbone0.1 must be a convolution, behind zeros as padding, not MaxPool2d",
        ),
        (
            [nn.ZeroPad2d(1)],
            "Module exit0.0 must be a convolution, behind zeros as padding, not AdaptiveAvgPool2d",
        ),
        ([nn.Sigmoid()], "Module backbone0.0 must be a supported one, not Sigmoid"),
        (
            [nn.Sequential(nn.Conv2d(2, 2, 1), nn.Tanh())],
            "Module backbone0.0.1 must be a supported one, not Tanh",
        ),
        (
            [nn.Conv2d(2, 2, 1), nn.AvgPool2d(2), nn.ReLU()],
            "Module backbone0.2 must be a ReLU right after a convolution, linear layer or addition",
        ),
        (
            [nn.MaxPool2d(2), nn.BatchNorm2d(2)],
            "Module backbone0.1 must be right after a convolution or linear layer, its only reader",
        ),
        (
            [nn.Conv2d(2, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)],
            "Module backbone0.2 must be right after a convolution or linear layer, its only reader",
        ),
        (
            [nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)],
            "Module backbone0.1 must be a batch norm with running statistics, not BatchNorm2d",
        ),
        (
            [nn.Conv2d(2, 2, 2, dilation=2)],
            "Module backbone0.0 must be a convolution with one stride, zeros as padding, undilated",
        ),
        (
            [nn.Conv2d(2, 2, 3, padding="same")],
            "Module backbone0.0 must be a convolution with one stride, zeros as padding, undilated",
        ),
        (
            [nn.MaxPool2d(2, padding=1)],
            "Module backbone0.0 must be a pool with one stride, no padding and no ceil mode",
        ),
        (
            [nn.MaxPool2d(2, dilation=2)],
            "Module backbone0.0 must be a pool without dilation, not MaxPool2d",
        ),
        (
            [nn.AvgPool2d(2, divisor_override=1)],
            "Module backbone0.0 must be an average over its own window, not AvgPool2d",
        ),
        (
            [nn.AdaptiveAvgPool2d(2)],
            "Module backbone0.0 must be an adaptive average to 1 x 1, not AdaptiveAvgPool2d",
        ),
    ],
)
def test_the_first_module_that_cannot_fold_is_named(modules: list[nn.Module], message: str) -> None:
    with pytest.raises(UnsupportedModuleError, match=f"^{re.escape(message)}"):
        fold(single(*modules))


@pytest.mark.parametrize(
    ("branch", "message"),
    [
        (
            [nn.Linear(72, 3)],
            "Module exit0.0 must be behind a Flatten, the input being an image, not Linear",
        ),
        (
            [nn.Flatten(), nn.Linear(71, 3)],
            "Module exit0.1 must be a linear layer of 72 inputs, not Linear",
        ),
        (
            [nn.Flatten(), nn.MaxPool2d(2)],
            "Module exit0.1 must be before the Flatten, not MaxPool2d",
        ),
    ],
)
def test_branches_that_torch_would_refuse_are_refused_by_name(
    branch: list[nn.Module], message: str
) -> None:
    model = MultiExitNetwork(
        "x", (6, 6, 2), 3, [nn.Sequential(nn.Conv2d(2, 2, 1))], [nn.Sequential(*branch)]
    )
    with pytest.raises(UnsupportedModuleError, match=f"^{re.escape(message)}$"):
        fold(model)
