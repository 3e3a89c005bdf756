"""Float networks with exits, for training."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .spec.layers import Shape


class MultiExitNetwork(nn.Module):
    """A backbone in segments with an exit branch behind each.

    Parameters
    ----------
    name : str
        Under which `build_model` makes it.
    input_shape : Shape
        Height, width and channels of an image.
    n_classes : int
    backbones : sequence of Sequential
        One per segment; see `offramp.golden.folding` for the modules that quantize.
    branches : sequence of Sequential
        One per segment, each ending in a `Linear` that makes the logits; the last is the final
        classifier.
    """

    def __init__(
        self,
        name: str,
        input_shape: Shape,
        n_classes: int,
        backbones: Sequence[nn.Sequential],
        branches: Sequence[nn.Sequential],
    ) -> None:
        super().__init__()
        if not backbones or len(backbones) != len(branches):
            raise ValueError(
                "Backbones and branches must be equally many, at least one, "
                f"not {len(backbones)} and {len(branches)}"
            )
        self.name = name
        self.input_shape = input_shape
        self.n_classes = n_classes
        self.backbones = nn.ModuleList(backbones)
        self.branches = nn.ModuleList(branches)

    @property
    def n_exits(self) -> int:
        """Number of exits, the final classifier included."""
        return len(self.branches)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the logits [n, n_classes] of each exit for images in 0..1, [n, C, H, W]."""
        logits = []
        activations = images
        for backbone, branch in zip(self.backbones, self.branches, strict=True):
            activations = backbone(activations)
            logits.append(branch(activations))
        return logits


class Residual(nn.Module):
    """Compute ``relu(body(x) + shortcut(x))``.

    Parameters
    ----------
    body : Sequential
    shortcut : Sequential or Identity
        The input itself unless given.
    """

    def __init__(self, body: nn.Sequential, shortcut: nn.Sequential | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut: nn.Module = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, C', H', W'] for [n, C, H, W]."""
        return torch.relu(self.body(x) + self.shortcut(x))


def digits_network(n_classes: int = 10) -> MultiExitNetwork:
    """Return the network for 8 x 8 grey images: two early exits and the final classifier.

    Three 3 x 3 convolutions, each exit one fully connected layer on what is there, the early ones
    pooled. Leaving at the exits costs about 1 : 9 : 40, and each is better than the one before, so
    that all of them have work to do.
    """
    return MultiExitNetwork(
        "digits",
        (8, 8, 1),
        n_classes,
        [
            nn.Sequential(*_convolution(1, 8), nn.MaxPool2d(2)),
            nn.Sequential(*_convolution(8, 32)),
            nn.Sequential(*_convolution(32, 32)),
        ],
        [
            nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 2 * 2, n_classes)),
            nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 2 * 2, n_classes)),
            nn.Sequential(nn.Flatten(), nn.Linear(32 * 4 * 4, n_classes)),
        ],
    )


def blenet(n_classes: int = 10) -> MultiExitNetwork:
    """Return B-LeNet for 28 x 28 grey images: LeNet with one early exit after its first layer.

    Backbone: three 5 x 5 convolutions of 5, 10 and 20 channels, padded by 3 and pooled, and two
    fully connected layers; branch: a 3 x 3 convolution of 10 channels, pooled, and a fully
    connected layer. Leaving early costs 4.65 times fewer MACs than the network without exit. A
    batch norm follows each convolution; pools drop an odd last row and column.

    Source: Teerapittayanon, McDanel and Kung, BranchyNet: Fast Inference via Early Exiting from
    Deep Neural Networks, ICPR 2016, section IV-A and figure 4(a).
    """
    pool = nn.MaxPool2d(2)
    return MultiExitNetwork(
        "blenet",
        (28, 28, 1),
        n_classes,
        [
            nn.Sequential(*_convolution(1, 5, kernel=5, padding=3), pool),
            nn.Sequential(
                *_convolution(5, 10, kernel=5, padding=3),
                pool,
                *_convolution(10, 20, kernel=5, padding=3),
                pool,
            ),
        ],
        [
            nn.Sequential(
                *_convolution(5, 10), pool, nn.Flatten(), nn.Linear(10 * 7 * 7, n_classes)
            ),
            nn.Sequential(
                nn.Flatten(), nn.Linear(20 * 5 * 5, 84), nn.ReLU(), nn.Linear(84, n_classes)
            ),
        ],
    )


def lenet3(n_classes: int = 10) -> MultiExitNetwork:
    """Return a LeNet-like network with three exits for 28 x 28 grey images.

    All but the first layer read multiples of 16 channels, so that a MAC array of 16 to 128 units
    has no idle column. Leaving at the exits costs about 1 : 5 : 16.
    """
    pool = nn.MaxPool2d(2)
    return MultiExitNetwork(
        "lenet3",
        (28, 28, 1),
        n_classes,
        [
            nn.Sequential(*_convolution(1, 16), pool),
            nn.Sequential(*_convolution(16, 32), pool),
            nn.Sequential(*_convolution(32, 64), *_convolution(64, 64)),
        ],
        [
            nn.Sequential(
                pool, *_convolution(16, 16), nn.Flatten(), nn.Linear(16 * 7 * 7, n_classes)
            ),
            nn.Sequential(nn.Flatten(), nn.Linear(32 * 7 * 7, n_classes)),
            nn.Sequential(pool, nn.Flatten(), nn.Linear(64 * 3 * 3, n_classes)),
        ],
    )


def resnet8(n_classes: int = 10) -> MultiExitNetwork:
    """Return ResNet-8 of MLPerf Tiny for 32 x 32 colour images, with two early exits.

    Behind the first convolution three residual stacks of 16, 32 and 64 channels. The first stack
    alone costs 38 % of all MACs, at full resolution, so the first exit lies before it: a branch
    that halves the image three times costs a quarter of the stack. The second exit lies behind the
    second stack. Leaving at the exits costs about 1 : 6.2 : 8.5.
    Padding is that of the published weights: where a stride of 2 needs one row and column of
    zeros, they are at the bottom and the right.

    Source: Banbury et al., MLPerf Tiny Benchmark, NeurIPS 2021 Datasets and Benchmarks, section
    4.2, image classification; exits after Ghanathe and Wilton, T-RecX: Tiny-Resource Efficient
    Convolutional Neural Networks with Early-Exit, CF 2023.
    """
    return MultiExitNetwork(
        "resnet8",
        (32, 32, 3),
        n_classes,
        [
            nn.Sequential(*_convolution(3, 16)),
            nn.Sequential(_residual_stack(16, 16), _residual_stack(16, 32)),
            nn.Sequential(_residual_stack(32, 64)),
        ],
        [
            nn.Sequential(
                *_halving(16, 16),
                *_halving(16, 32),
                *_halving(32, 64),
                nn.Flatten(),
                nn.Linear(64 * 4 * 4, n_classes),
            ),
            nn.Sequential(
                nn.MaxPool2d(2), *_halving(32, 32), nn.Flatten(), nn.Linear(32 * 4 * 4, n_classes)
            ),
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, n_classes)),
        ],
    )


def _residual_stack(in_channels: int, out_channels: int) -> Residual:
    wider = in_channels != out_channels
    first = _halving if wider else _convolution
    second = _convolution(out_channels, out_channels)[:-1]  # the ReLU follows the addition
    shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride=2)) if wider else None
    return Residual(nn.Sequential(*first(in_channels, out_channels), *second), shortcut)


def build_model(name: str, n_classes: int) -> MultiExitNetwork:
    """Return an untrained network by name; ValueError if there is none of that name."""
    if name not in _BUILDERS:
        raise ValueError(f"Model must be one of {', '.join(_BUILDERS)}, not {name!r}")
    return _BUILDERS[name](n_classes)


def _convolution(
    in_channels: int, out_channels: int, *, kernel: int = 3, padding: int = 1
) -> list[nn.Module]:
    # batch norm brings the bias
    return [
        nn.Conv2d(in_channels, out_channels, kernel, padding=padding, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    ]


def _halving(in_channels: int, out_channels: int) -> list[nn.Module]:
    """Return a 3 x 3 convolution of stride 2, zeros below and to the right."""
    return [
        nn.ZeroPad2d((0, 1, 0, 1)),
        nn.Conv2d(in_channels, out_channels, 3, stride=2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    ]


_BUILDERS: dict[str, Callable[[int], MultiExitNetwork]] = {
    "digits": digits_network,
    "blenet": blenet,
    "lenet3": lenet3,
    "resnet8": resnet8,
}

MODEL_NAMES = tuple(_BUILDERS)
"""All names that `build_model` knows."""
