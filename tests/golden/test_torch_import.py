import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use
from torch import Tensor, nn

from offramp.golden.data import Splits
from offramp.golden.folding import fold
from offramp.golden.graph import UnsupportedModuleError
from offramp.golden.models import lenet3, resnet8
from offramp.golden.quantize import quantize
from offramp.golden.spec.layers import AveragePool, Convolution, FullyConnected, ResidualAdd
from offramp.golden.torch_import import import_torch

from .imported import Plain, Rich, random_images, shaken


class Net(nn.Module):
    """One convolution, an exit, and whatever a test does behind it."""

    def __init__(self, behind: Callable[..., Any], **modules: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.early = nn.Linear(2, 3)
        self.last = nn.Linear(2, 3)
        for name, module in modules.items():
            setattr(self, name, module)
        self.behind = behind

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.conv(x))
        return self.behind(self, x, self.early(self.pool(x).flatten(1)))


def head(net: Net, x: Tensor) -> Tensor:
    return net.last(net.pool(x).flatten(1))


@pytest.mark.parametrize(
    ("module", "shape"), [(Plain(), (8, 8, 1)), (Rich(), (16, 16, 3))], ids=["plain", "rich"]
)
def test_import_computes_what_the_module_does(module, shape):
    module = shaken(module)
    height, width, channels = shape
    images = random_images(shape)
    found = import_torch(module, (channels, height, width)).network.forward(images)
    with torch.no_grad():
        x = torch.from_numpy(images / 255).permute(0, 3, 1, 2).contiguous()
        expected = [y.numpy() for y in module.double()(x)]
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if isinstance(module, Plain):
            a = a - np.log(np.exp(a).sum(axis=1, keepdims=True))  # noqa: PLW2901
        # both in float64: only the order of summation differs
        assert np.abs(a - b).max() < 1e-11 * max(1, np.abs(a).max())


def test_structure_is_the_modules():
    topology = import_torch(shaken(Rich()), (3, 16, 16)).network.topology
    kinds = [
        ([type(x) for x in segment.backbone], [type(x) for x in segment.branch])
        for segment in topology.segments
    ]
    assert kinds == [
        ([Convolution], [AveragePool, FullyConnected]),
        ([Convolution, Convolution, ResidualAdd], [AveragePool, FullyConnected]),
        ([Convolution, Convolution, ResidualAdd], [AveragePool, FullyConnected]),
    ]
    assert topology.segments[0].backbone[0].padding == (0, 1, 0, 1)
    assert topology.segments[1].backbone[0].groups == 8
    assert topology.n_classes == 5


@pytest.mark.parametrize("model", [lenet3(), resnet8()], ids=["lenet3", "resnet8"])
def test_networks_of_the_package_import_to_what_they_fold_to(model):
    model = shaken(model)
    height, width, channels = model.input_shape
    folded, found = fold(model), import_torch(model, (channels, height, width)).network
    assert found.topology == folded.topology
    for name, weight in folded.weights.items():
        assert (found.weights[name] == weight).all()
        assert (found.biases[name] == folded.biases[name]).all()


def test_imported_network_quantizes(digits: Splits):
    network = quantize(import_torch(shaken(Plain()), (1, 8, 8)).network, digits.calibration)
    images = digits.test.images[:50]
    for a, b in zip(network.forward(images), network.reference_forward(images), strict=True):
        assert (a == b).all()
    assert network.name == "Plain"


class Normalizing(nn.Module):
    """Constants per channel at the image and behind a layer, in every way of writing them."""

    def __init__(self, *, inside: bool) -> None:
        super().__init__()
        self.inside = inside
        self.register_buffer("mean", torch.tensor([0.1, 0.2, 0.3, 0.4]).reshape(4, 1, 1))
        self.register_buffer("std", torch.tensor([0.5, 0.6, 0.7, 0.8]).reshape(1, 4, 1, 1))
        self.conv = nn.Conv2d(4, 6, 3, groups=2)
        self.early = nn.Linear(6 * 6 * 6, 3)
        self.conv2 = nn.Conv2d(6, 6, 3)
        self.last = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.inside:
            x = (x - self.mean) / self.std
        y = F.relu(0.5 + 2 * (self.conv(x) * 3 - 1))
        return self.early(y.flatten(1)) + 1, self.last(F.relu(self.conv2(y)).mean((2, 3)))


@pytest.mark.parametrize("inside", [True, False])
def test_constants_and_normalisation_fold_exactly(inside):
    module = Normalizing(inside=inside)
    shaken(module)
    mean, std = module.mean.reshape(-1).tolist(), module.std.reshape(-1).tolist()
    given = {} if inside else {"mean": mean, "std": std}
    images = random_images((8, 8, 4))
    found = import_torch(module, (4, 8, 8), **given).network.forward(images)
    x = torch.from_numpy(images / 255).permute(0, 3, 1, 2).contiguous()
    if not inside:
        x = (x - module.mean.double()) / module.std.double()
    with torch.no_grad():
        expected = [y.numpy() for y in module.double()(x)]
    for a, b in zip(found, expected, strict=True):
        assert np.abs(a - b).max() < 1e-11 * max(1, np.abs(a).max())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: F.relu(x - 0.5), "Node relu must be a convolution or linear layer, behind norm"),
        (lambda x: 1 - x, "Node rsub must be a supported one, not aten.rsub.Scalar"),
        (lambda x: F.pad(x - 0.5, (1, 1)), "Node conv2d of module first must be a convolution w"),
    ],
)
def test_what_cannot_be_done_to_images_is_refused(change, message):
    class Changed(Plain):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return super().forward(change(x))

    module = Changed()
    module.early = nn.LazyLinear(3)
    module.hidden = nn.LazyLinear(12)
    with torch.no_grad():
        module.eval()(torch.zeros(2, 1, 9, 9))
    with pytest.raises(UnsupportedModuleError, match=f"^{re.escape(message)}"):
        import_torch(module, (1, 9, 9))


class Counting(Plain):
    """A module that changes a buffer whenever it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        return super().forward(x)


def test_buffers_that_change_are_no_exits():
    assert import_torch(Counting(), (1, 8, 8)).network.topology.n_exits == 2


def test_module_keeps_its_mode():
    module = Plain().train()
    import_torch(module, (1, 8, 8))
    assert module.training


REFUSED = {
    "sigmoid": (
        lambda net, x, early: (early, head(net, net.act(x))),
        {"act": nn.Sequential(nn.Identity(), nn.Sigmoid())},
        "Node sigmoid of module act.1 must be a supported one, not aten.sigmoid.default",
    ),
    "first of two": (
        lambda net, x, early: (early, head(net, torch.tanh(torch.sin(x)))),
        {},
        "Node sin must be a supported one, not aten.sin.default",
    ),
    "concatenation": (
        lambda net, x, early: (early, head(net, torch.cat([x, x], 1)[:, :2])),
        {},
        "Node cat must be a supported one, not aten.cat.default",
    ),
    "dropout that runs": (
        lambda net, x, early: (early, head(net, F.dropout(x, 0.5, True))),
        {},
        "Node native_dropout must be a supported one, not aten.native_dropout.default",
    ),
    "batch norm without statistics": (
        lambda net, x, early: (early, head(net, net.act(x))),
        {"act": nn.BatchNorm2d(2, track_running_stats=False)},
        "Node _native_batch_norm_legit of module act must be a batch norm with running statistics",
    ),
    "one output": (lambda net, x, early: early, {}, "Network must have at least two exits"),
    "no tensor": (
        lambda net, x, early: (early, 3),
        {},
        "Network must return a tuple of logits, one per exit, not 3 in it",
    ),
    "control flow": (
        lambda net, x, early: (early, early) if x.sum() > 0 else (early, x),
        {},
        "Network must take images of [2, 1, 10, 10] and be traceable by torch.export, not raise",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_networks_that_do_not_fit_are_refused_in_one_line(case):
    behind, modules, message = REFUSED[case]
    with pytest.raises((UnsupportedModuleError, ValueError, TypeError)) as caught:
        import_torch(Net(behind, **modules), (1, 10, 10))
    assert re.match(re.escape(message), str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_parameter_that_is_not_finite_is_named(wrong):
    module = Plain()
    with torch.no_grad():
        module.second.weight[1, 0, 0, 0] = wrong
    with pytest.raises(ValueError, match=f"^Parameter second.weight must be finite, not {wrong}$"):
        import_torch(module, (1, 8, 8))


@pytest.mark.parametrize(
    ("module", "shape", "error", "message"),
    [
        (Plain, (1, 8, 8), TypeError, "Network must be a torch module, not type"),
        (Plain(), (8, 8), TypeError, "Input shape must be channels, height and width, not (8, 8)"),
        (Plain(), (1, 8, 0), ValueError, "Size in the input shape must be in 1..65536, not 0"),
        (Plain(), (3, 8, 8), ValueError, "Network must take images of [2, 3, 8, 8]"),
    ],
)
def test_wrong_arguments_are_refused(module, shape, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        import_torch(module, shape)
