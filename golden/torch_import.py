"""Anyone's torch module with exits as a graph, through `torch.export`.

The module takes images in 0..1, float32 [n, C, H, W], and returns the logits of its exits as a
tuple or list, each [n, n_classes], in order of depth; the last is the final classifier.
"""

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.export.graph_signature import OutputKind

from .folding import affine, array, batch_norm, pair, per_channel
from .graph import (
    IMAGE,
    SAME_UPPER,
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
    Sides,
    Sum,
    Transpose,
    UnsupportedModuleError,
)
from .lowering import Lowered, lower
from .scaling import require_finite
from .segments import check_exits
from .spec.checks import require_int
from .spec.layers import SIZE_MAX

BATCH = 2
"""Images that the module is traced with; it must not depend on their number otherwise."""

aten = torch.ops.aten

SOFTMAXES = (aten.softmax, aten._softmax, aten.log_softmax, aten._log_softmax)


def import_torch(
    module: nn.Module,
    input_shape: tuple[int, int, int],
    *,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
    name: str | None = None,
) -> Lowered:
    """Return the layers of `module` in evaluation mode.

    Parameters
    ----------
    module : Module
    input_shape : tuple of int
        Channels, height and width of an image, as torch has them.
    mean, std : sequence of float
        Of the images as the module takes them, ``(image - mean) / std``, per channel or one for
        all; the image in 0..1 unless given.
    name : str
        Of the network; that of the module's class unless given.

    Raises
    ------
    TypeError
        If `module` is none, or returns something else than tensors.
    UnsupportedModuleError
        At the first node that cannot be part of an integer network, naming it; or if the exits
        are not those of one backbone, in order of depth.
    ValueError
        If a parameter is not finite, or the module cannot be traced.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"Network must be a torch module, not {type(module).__name__}")
    if not isinstance(input_shape, tuple) or len(input_shape) != 3:
        raise TypeError(f"Input shape must be channels, height and width, not {input_shape!r}")
    for size in input_shape:
        require_int("Size in the input shape", size, 1, SIZE_MAX)
    for key, tensor in module.state_dict().items():
        if isinstance(tensor, Tensor) and not bool(torch.isfinite(tensor).all()):
            wrong = tensor[~torch.isfinite(tensor)].flatten()[0].item()
            raise ValueError(f"Parameter {key} must be finite, not {wrong!r}")
    program = _export(module, input_shape)
    writer = _Writer(program)
    exits = writer.exits()
    channels, height, width = input_shape
    lowered = lower(
        Graph(
            name=name or type(module).__name__,
            input_shape=(height, width, channels),
            nodes=tuple(writer.nodes),
            exits=exits,
            exit_names=tuple(f"exit {index}" for index in range(len(exits))),
            mean=tuple(mean),
            std=tuple(std),
        )
    )
    for layer in lowered.network.weights:
        require_finite(layer, lowered.network.weights[layer], lowered.network.biases[layer])
    return lowered


def _export(module: nn.Module, input_shape: tuple[int, int, int]) -> torch.export.ExportedProgram:
    training = module.training
    example = next(iter(module.parameters()), torch.zeros(())).new_zeros(BATCH, *input_shape)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of torch, about its own inside
            module.eval()
            # decompositions make in-place operators functional, and leave the others as they are
            program = torch.export.export(module, (example,))
            functional: torch.export.ExportedProgram = program.run_decompositions({})
            return functional
    except Exception as error:  # whatever a user's module raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"Network must take images of {list(example.shape)} and be traceable by torch.export, "
            f"not raise {type(error).__name__}: {reason}"
        ) from error
    finally:
        module.train(training)


class _Writer:
    """Turn an exported program into nodes."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        signature = program.graph_signature
        if len(signature.user_inputs) != 1:
            raise UnsupportedModuleError(
                f"Network must have one input, the images, not {len(signature.user_inputs)}"
            )
        self._tensors: dict[str, Tensor] = {}
        targets = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        for key, target in targets.items():
            held = program.state_dict.get(target, program.constants.get(target))
            assert isinstance(held, Tensor)
            self._tensors[key] = held
        for key, target in signature.inputs_to_lifted_tensor_constants.items():
            self._tensors[key] = program.constants[target]
        self._names = {str(signature.user_inputs[0]): IMAGE}
        self._softmax: dict[str, str] = {}
        self._outputs: list[Any] = []
        self.nodes: list[Node] = []
        for node in program.graph.nodes:
            if node.op == "output":
                # buffers that the module changes come out too
                self._outputs = [
                    value
                    for value, spec in zip(node.args[0], signature.output_specs, strict=True)
                    if spec.kind is OutputKind.USER_OUTPUT
                ]
            elif node.op == "call_function":
                self._write(node)

    def exits(self) -> tuple[str, ...]:
        """Return the names of the nodes that make the logits."""
        found = []
        for value in self._outputs:
            if not isinstance(value, fx.Node):
                raise TypeError(
                    f"Network must return a tuple of logits, one per exit, not {value!r} in it"
                )
            # logits are what the decision wants, a softmax behind them is its own work
            found.append(self._softmax.get(value.name, self._names.get(value.name, value.name)))
        check_exits(found)
        return tuple(found)

    def _write(self, node: fx.Node) -> None:
        arguments = _arguments(node)
        packet = getattr(node.target, "overloadpacket", node.target)
        inputs, operation = self._operation(packet, node, arguments)
        if packet in SOFTMAXES and arguments["dim"] in (1, -1):
            self._softmax[node.name] = inputs[0]
        if isinstance(operation, Same):
            self._names[node.name] = inputs[0]
            return
        self.nodes.append(
            Node(
                name=node.name,
                inputs=inputs,
                operation=operation,
                place=f"Node {node.name}{_module_path(node)}",
                kind=str(node.target),
            )
        )

    def _operation(
        self, packet: Any, node: fx.Node, arguments: dict[str, Any]
    ) -> tuple[tuple[str, ...], Operation]:
        """Return the activations that a node reads, and what it does with them."""
        held = {key: self._tensor(value) for key, value in arguments.items()}
        values = {
            key: self._names.get(value.name, value.name)
            for key, value in arguments.items()
            if isinstance(value, fx.Node) and held[key] is None
        }
        inputs = tuple(values.values())
        if packet is operator.getitem:
            source, index = node.args[0], node.args[1]
            assert isinstance(source, fx.Node)
            # batch norm and pool return their output first, and then what training would need
            return (self._names.get(source.name, source.name),), (
                Same() if index == 0 and _returns_more(source) else Refused()
            )
        if packet is aten.add and arguments["alpha"] == 1 and len(inputs) == 2:
            return inputs, Sum()
        if packet not in _READERS or len(inputs) != 1:
            # some read lists, which are no arguments of their own
            return tuple(self._names.get(x.name, x.name) for x in node.all_input_nodes), Refused()
        return inputs, _READERS[packet](arguments, held)

    def _tensor(self, value: object) -> Reals | None:
        """Return a parameter, buffer or constant; None if `value` is none of these."""
        if isinstance(value, fx.Node) and value.name in self._tensors:
            return array(self._tensors[value.name])
        return None


Arguments = Mapping[str, Any]
Held = Mapping[str, Reals | None]


def _convolution(arguments: Arguments, held: Held) -> Operation:
    weight, padding = held["weight"], arguments["padding"]
    if weight is None or arguments.get("transposed"):
        return Refused(rule="a convolution with weights that do not depend on the image")
    sides: Sides | str
    if isinstance(padding, str):
        sides = SAME_UPPER if padding == "same" else (0, 0, 0, 0)
    else:
        vertical, horizontal = pair(padding)
        sides = vertical, vertical, horizontal, horizontal
    return Convolve(
        weight=weight,
        bias=_bias(held, len(weight)),
        stride=pair(arguments["stride"]),
        padding=sides,
        dilation=pair(arguments["dilation"]),
        groups=arguments["groups"],
    )


def _linear(arguments: Arguments, held: Held) -> Operation:
    weight = held["weight"]
    if weight is None:
        return Refused(rule="a linear layer with weights that do not depend on the image")
    return Connect(weight=weight, bias=_bias(held, len(weight)))


def _bias(held: Held, size: int) -> Reals:
    bias = held["bias"]
    return np.zeros(size) if bias is None else bias


def _affine(kind: str) -> Callable[[Arguments, Held], Operation]:
    def read(arguments: Arguments, held: Held) -> Operation:
        operands = [(arguments[key], held[key]) for key in ("self", "other")]
        if operands[0][1] is not None and kind in {"add", "mul"}:
            operands.reverse()  # the constant may stand first
        (value, first), (number, second) = operands
        constant = np.asarray(number, np.float64) if isinstance(number, int | float) else second
        if first is not None or constant is None or arguments.get("alpha", 1) != 1:
            return Refused()
        return affine(kind, per_channel(constant, value.meta["val"].ndim))

    return read


def _batch_norm(arguments: Arguments, held: Held) -> Operation:
    mean, variance = held.get("running_mean"), held.get("running_var")
    if mean is None or variance is None or arguments.get("training"):
        return Refused(rule="a batch norm with running statistics")
    return batch_norm(held["weight"], held["bias"], mean, variance, arguments["eps"])


def _pool(arguments: Arguments, held: Held) -> Operation:
    if arguments.get("divisor_override") is not None:
        return Refused(rule="an average over its own window")
    kernel = pair(arguments["kernel_size"])
    vertical, horizontal = pair(arguments["padding"])
    return Pool(
        average="dilation" not in arguments,
        kernel=kernel,
        stride=pair(arguments["stride"]) if arguments["stride"] else kernel,
        padding=(vertical, vertical, horizontal, horizontal),
        dilation=pair(arguments.get("dilation", 1)),
        ceil=arguments["ceil_mode"],
    )


def _adaptive_average(arguments: Arguments, held: Held) -> Operation:
    if pair(arguments["output_size"]) != (1, 1):
        return Refused(rule="an adaptive average to 1 x 1")
    return Pool(average=True, kernel=None)


def _mean(arguments: Arguments, held: Held) -> Operation:
    if sorted(axis % 4 for axis in arguments["dim"] or ()) != [2, 3]:
        return Refused(rule="a mean over height and width")
    return Pool(average=True, kernel=None, flat=not arguments["keepdim"])


def _pad(arguments: Arguments, held: Held) -> Operation:
    sides = list(arguments["pad"])
    if arguments.get("mode", "constant") != "constant" or arguments["value"] or len(sides) > 4:
        return Refused(rule="zeros around an image")
    left, right, top, bottom = sides + [0] * (4 - len(sides))
    return Pad(padding=(top, bottom, left, right))


def _reshape(arguments: Arguments, held: Held) -> Operation:
    batch, *sizes = arguments.get("size", arguments.get("shape"))
    if batch not in (BATCH, -1) or not sizes:
        return Refused(rule="a flattening that keeps the images apart")
    return Reshape(sizes=tuple(sizes))


def _same(arguments: Arguments, held: Held) -> Operation:
    return Refused() if arguments.get("train") else Same()


_READERS: dict[Any, Callable[[Arguments, Held], Operation]] = {
    aten.conv2d: _convolution,
    aten.convolution: _convolution,
    aten.linear: _linear,
    aten._native_batch_norm_legit: _batch_norm,
    aten._native_batch_norm_legit_no_training: _batch_norm,
    aten.add: _affine("add"),
    aten.sub: _affine("sub"),
    aten.mul: _affine("mul"),
    aten.div: _affine("div"),
    aten.relu: lambda arguments, held: Rectify(),
    aten.max_pool2d: _pool,
    aten.max_pool2d_with_indices: _pool,
    aten.avg_pool2d: _pool,
    aten.adaptive_avg_pool2d: _adaptive_average,
    aten.mean: _mean,
    aten.pad: _pad,
    aten.constant_pad_nd: _pad,
    aten.view: _reshape,
    aten.reshape: _reshape,
    aten._unsafe_view: _reshape,
    aten.permute: lambda arguments, held: Transpose(axes=tuple(arguments["dims"])),
    aten.dropout: _same,
    aten.feature_dropout: _same,
    aten.clone: _same,
    aten.contiguous: _same,
    aten.alias: _same,
    aten.detach: _same,
}


def _arguments(node: fx.Node) -> dict[str, Any]:
    """Return all arguments of an operator by name, those that were left out by their default."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return dict(node.kwargs)
    found = {argument.name: argument.default_value for argument in schema.arguments}
    found |= {
        argument.name: value for argument, value in zip(schema.arguments, node.args, strict=False)
    }
    return found | dict(node.kwargs)


def _returns_more(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and len(schema.returns) > 1


def _module_path(node: fx.Node) -> str:
    """Return the path of the module that a node belongs to, as a part of a message."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = str(stack[-1][0]) if stack else ""
    return f" of module {path}" if path else ""
