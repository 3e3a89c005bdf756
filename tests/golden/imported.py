"""Torch modules with exits as people write them, for the tests of imports."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use
from torch import Tensor, nn


class Plain(nn.Module):
    """Two exits; a ReLU behind the pool and log-softmaxes at the end, as in torch's examples."""

    def __init__(self, n_classes: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)
        self.drop = nn.Dropout(0.5)
        self.early = nn.Linear(4 * 3 * 3, n_classes)
        self.second = nn.Conv2d(4, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.hidden = nn.Linear(6, 12)
        self.hidden_norm = nn.BatchNorm1d(12)
        self.last = nn.Linear(12, n_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(F.max_pool2d(self.drop(self.first(x)), 2))
        early = F.log_softmax(self.early(torch.flatten(x, 1)), dim=1)
        x = F.relu(self.norm(self.second(x)))
        x = F.relu(self.hidden_norm(self.hidden(x.reshape(x.size(0), -1))))
        return early, F.log_softmax(self.last(x), dim=-1)


class Rich(nn.Module):
    """Three exits, residual and depthwise, in place, padded in every way that is supported."""

    def __init__(self, n_classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)),
            nn.Conv2d(3, 8, 3, stride=2, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
        )
        self.early = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, n_classes, bias=False)
        )
        self.depthwise = nn.Conv2d(8, 8, 3, padding="same", groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8, affine=False)
        self.pointwise = nn.Conv2d(8, 8, 1)
        self.middle = nn.Conv2d(8, n_classes, (4, 4))
        self.wide = nn.Conv2d(8, 16, (1, 3), padding=(0, 1), groups=2)
        self.narrow = nn.Conv2d(8, 16, 1)
        self.last = nn.Linear(16, n_classes)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        outputs = [self.early(x)]
        y = self.pointwise(F.relu(self.norm(self.depthwise(x))))
        y += x
        y.relu_()
        outputs.append(self.middle(F.avg_pool2d(y, 2)).flatten(1))
        y = F.relu(self.wide(y) + self.narrow(y))
        outputs.append(self.last(y.mean((2, 3)).contiguous()))
        return outputs


def shaken(module: nn.Module, seed: int = 0) -> nn.Module:
    """Return `module` with random parameters and running statistics, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator).mul_(0.4)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(generator=generator)
            elif name.endswith("running_var"):
                buffer.uniform_(0.1, 3, generator=generator)
    return module.eval()


def random_images(shape: tuple[int, int, int], count: int = 40, seed: int = 0) -> np.ndarray:
    """Return uint8 [count, H, W, C]."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)
