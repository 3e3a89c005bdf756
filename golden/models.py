"""Float networks with exits, for training."""

from collections.abc import Callable, Sequence

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


def build_model(name: str, n_classes: int) -> MultiExitNetwork:
    """Return an untrained network by name; ValueError if there is none of that name."""
    if name not in _BUILDERS:
        raise ValueError(f"Model must be one of {', '.join(_BUILDERS)}, not {name!r}")
    return _BUILDERS[name](n_classes)


def _convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
    # batch norm brings the bias
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    ]


_BUILDERS: dict[str, Callable[[int], MultiExitNetwork]] = {"digits": digits_network}

MODEL_NAMES = tuple(_BUILDERS)
"""All names that `build_model` knows."""
