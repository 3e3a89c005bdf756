"""The networks of this package as graphs, and from there as layers: batch norm folded."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from .folded import FoldedNetwork
from .graph import (
    IMAGE,
    Affine,
    Connect,
    Convolve,
    Graph,
    Node,
    Operation,
    Pad,
    Pool,
    Reals,
    Rectify,
    Refused,
    Reshape,
    Same,
    Sum,
)
from .lowering import lower
from .models import MultiExitNetwork, Residual


def fold(model: MultiExitNetwork) -> FoldedNetwork:
    """Return `model` in evaluation mode with batch norm folded into the layer before it.

    Modules that fold: `Conv2d`, `Linear`, `BatchNorm2d` after a `Conv2d`, `BatchNorm1d` after a
    `Linear`, `ReLU` after any of these or a `MaxPool2d` behind them, `MaxPool2d`, `AvgPool2d`,
    `AdaptiveAvgPool2d` to 1 x 1, `ZeroPad2d` before a `Conv2d`, `Flatten`, `Dropout`, and
    `Sequential` and `Residual` of these.

    Raises
    ------
    UnsupportedModuleError
        At the first module that does not, naming it.
    """
    writer = _Writer()
    taps, exits, value = [], [], IMAGE
    for index in range(model.n_exits):
        value = writer.write(model.backbones[index], f"backbone{index}", value)
        taps.append(value)
        exits.append(writer.write(model.branches[index], f"exit{index}", value))
    graph = Graph(
        name=model.name,
        input_shape=model.input_shape,
        nodes=tuple(writer.nodes),
        exits=tuple(exits),
        exit_names=tuple(f"exit {index}" for index in range(model.n_exits)),
        taps=tuple(taps),
    )
    return lower(graph).network


class _Writer:
    """Collect the nodes of a graph, module by module."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def write(self, module: nn.Module, path: str, value: str) -> str:
        """Add all of `module`, which reads `value`; return the name of its output."""
        if isinstance(module, nn.Sequential):
            # named_children would leave out a module that occurs twice
            for index, child in enumerate(module):
                value = self.write(child, f"{path}.{index}", value)
            return value
        if isinstance(module, Residual):
            body = self.write(module.body, f"{path}.body", value)
            shortcut = self.write(module.shortcut, f"{path}.shortcut", value)
            total = self._add(module, path, Sum(), body, shortcut)
            return self._add(module, path, Rectify(), total)
        return self._add(module, path, operation_of_module(module), value)

    def _add(self, module: nn.Module, path: str, operation: Operation, *inputs: str) -> str:
        name = f"{path}:{len(self.nodes)}"
        self.nodes.append(
            Node(
                name=name,
                inputs=inputs,
                operation=operation,
                place=f"Module {path}",
                kind=type(module).__name__,
            )
        )
        return name


def operation_of_module(module: nn.Module) -> Operation:
    """Return what a module without children computes in evaluation mode."""
    for module_type, translate in _OPERATIONS.items():
        if isinstance(module, module_type):
            return translate(module)
    return Refused()


def batch_norm(
    weight: Reals | None, bias: Reals | None, mean: Reals, variance: Reals, epsilon: float
) -> Operation:
    """Return what a batch norm in evaluation mode computes per channel, all float64 [C]."""
    if not (variance + epsilon > 0).all():
        return Refused(rule="a batch norm of positive variances")
    gain = 1.0 / np.sqrt(variance + epsilon)
    if weight is not None:
        gain = gain * weight
    return Affine(gain=gain, terms=(-mean * gain, np.zeros_like(gain) if bias is None else bias))


def per_channel(constant: Reals, rank: int) -> Reals | None:
    """Return a constant operand as float64 [C], or [1] for all; None if it is neither.

    Parameters
    ----------
    constant : float64 array
        As it is broadcast against activations [n, C, ...].
    rank : int
        Axes of these, the batch included; 0 if unknown.
    """
    if constant.size == 1:
        return constant.reshape(1)
    shape = (1,) * (rank - constant.ndim) + constant.shape
    if rank < 2 or len(shape) != rank or shape[1] != constant.size:
        return None
    return constant.reshape(-1)


def affine(kind: str, constant: Reals | None) -> Operation:
    """Return what adding, subtracting, multiplying by or dividing by a constant computes.

    Parameters
    ----------
    kind : str
        ``add``, ``sub``, ``mul`` or ``div``.
    constant : float64 [C] or [1]
        None where there is none of these shapes.
    """
    if constant is None:
        return Refused(rule="with a constant per channel")
    if kind in {"add", "sub"}:
        return Affine(gain=np.ones(1), terms=(constant if kind == "add" else -constant,))
    if kind == "div" and not constant.all():
        return Refused(rule="with a divisor that is not 0")
    return Affine(gain=constant if kind == "mul" else 1 / constant, terms=(np.zeros(1),))


def array(tensor: Tensor) -> Reals:
    """Return a tensor as float64."""
    return tensor.detach().cpu().numpy().astype(np.float64)


def _batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d) -> Operation:
    if module.running_mean is None or module.running_var is None:
        return Refused(rule="a batch norm with running statistics")
    return batch_norm(
        None if module.weight is None else array(module.weight),
        None if module.bias is None else array(module.bias),
        array(module.running_mean),
        array(module.running_var),
        module.eps,
    )


def _convolution(module: nn.Conv2d) -> Operation:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        return Refused(rule="a convolution with one stride, zeros as padding, undilated")
    vertical, horizontal = module.padding
    return Convolve(
        weight=array(module.weight),
        bias=_bias(module),
        stride=pair(module.stride),
        padding=(vertical, vertical, horizontal, horizontal),
        dilation=pair(module.dilation),
        groups=module.groups,
    )


def _pool(module: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d) -> Operation:
    if isinstance(module, nn.AdaptiveAvgPool2d):
        if pair(module.output_size) != (1, 1):
            return Refused(rule="an adaptive average to 1 x 1")
        return Pool(average=True, kernel=None)
    if isinstance(module, nn.AvgPool2d) and module.divisor_override is not None:
        return Refused(rule="an average over its own window")
    vertical, horizontal = pair(module.padding)
    return Pool(
        average=isinstance(module, nn.AvgPool2d),
        kernel=pair(module.kernel_size),
        stride=pair(module.stride),
        padding=(vertical, vertical, horizontal, horizontal),
        dilation=pair(module.dilation) if isinstance(module, nn.MaxPool2d) else (1, 1),
        ceil=module.ceil_mode,
    )


def _zeros(module: nn.ZeroPad2d) -> Operation:
    left, right, top, bottom = module.padding
    return Pad(padding=(top, bottom, left, right))


def _bias(module: nn.Conv2d | nn.Linear) -> Reals:
    return np.zeros(len(module.weight)) if module.bias is None else array(module.bias)


def pair(value: object) -> tuple[int, int]:
    """Return one size per axis as torch means it."""
    if isinstance(value, tuple | list):
        return int(value[0]), int(value[-1])
    assert isinstance(value, int)
    return value, value


_OPERATIONS: dict[type[nn.Module], Callable[[Any], Operation]] = {
    nn.Conv2d: _convolution,
    nn.Linear: lambda module: Connect(weight=array(module.weight), bias=_bias(module)),
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.ReLU: lambda module: Rectify(),
    nn.MaxPool2d: _pool,
    nn.AvgPool2d: _pool,
    nn.AdaptiveAvgPool2d: _pool,
    nn.ZeroPad2d: _zeros,
    nn.Flatten: lambda module: Reshape(sizes=(-1,)),
    nn.Dropout: lambda module: Same(),
    nn.Dropout2d: lambda module: Same(),
    nn.Identity: lambda module: Same(),
}
