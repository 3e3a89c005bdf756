"""A float ONNX model with several outputs as a graph, each output an exit.

Shapes and all that does not depend on the image are computed first, by the reference
implementation that comes with ONNX; what is left are the operators in `_READERS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.inliner import inline_local_functions
from onnx.reference import ReferenceEvaluator

from .folding import affine, batch_norm, per_channel
from .graph import (
    IMAGE,
    SAME_LOWER,
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
from .lowering import TO_FIRST, Lowered, lower
from .scaling import require_finite
from .segments import check_exits

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)

SOFTMAXES = ("Softmax", "LogSoftmax")

Array = NDArray[Any]


class OnnxFileError(ValueError):
    """An ONNX file that cannot be read; the message is one line."""


def import_onnx(
    source: str | Path | onnx.ModelProto,
    *,
    exits: Sequence[str] | None = None,
    input_shape: tuple[int, int, int] | None = None,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
    name: str | None = None,
) -> Lowered:
    """Return the layers of an ONNX model.

    Parameters
    ----------
    source : path or ModelProto
        Its one input are float images in 0..1, [n, C, H, W], or [n, H, W, C] if all that read it
        transpose it.
    exits : sequence of str
        Names of the outputs in order of depth, the final classifier last; all outputs in the
        order of the file unless given. A softmax behind the logits is left out.
    input_shape : tuple of int
        Sizes of an image, in the order of the file, where the file leaves them open.
    mean, std : sequence of float
        Of the images as the model takes them, ``(image - mean) / std``, per channel or one for
        all; the image in 0..1 unless given.
    name : str
        Of the network; that of the graph unless given.

    Raises
    ------
    OnnxFileError
        If the file cannot be read, or lacks weights.
    UnsupportedModuleError
        At the first node that cannot be part of an integer network, naming it; or if the exits
        are not those of one backbone, in order of depth.
    ValueError
        If a weight is not finite.
    """
    model = source if isinstance(source, onnx.ModelProto) else _load(Path(source))
    model = inline_local_functions(model) if model.functions else model
    writer = _Writer(_with_shapes(model, input_shape))
    graph = writer.graph(exits, name)
    lowered = lower(replace(graph, mean=tuple(mean), std=tuple(std)))
    for layer in lowered.network.weights:
        require_finite(layer, lowered.network.weights[layer], lowered.network.biases[layer])
    return lowered


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # whatever reading a damaged file raises
        reason = getattr(error, "strerror", None) or _first_line(error)
        raise OnnxFileError(
            f"ONNX file must be a whole model with all its data, not {str(path)!r}: {reason}"
        ) from error
    return model


def _images(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """Return the one input that is no weight."""
    held = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in held]
    if len(inputs) != 1:
        raise UnsupportedModuleError(
            f"Network must have one input, the images, not {len(inputs)}"
            + "".join(f" {value.name}" for value in inputs)
        )
    images: onnx.ValueInfoProto = inputs[0]
    kind = images.type.tensor_type.elem_type
    if kind not in FLOATS:
        raise UnsupportedModuleError(
            f"Input {images.name} must be float images, not {TensorProto.DataType.Name(kind)}"
        )
    return images


def _with_shapes(
    model: onnx.ModelProto, input_shape: tuple[int, int, int] | None
) -> onnx.ModelProto:
    """Return a copy of `model` for single images, with the shapes of all tensors."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    images = _images(fixed.graph)
    dims = images.type.tensor_type.shape.dim
    found = [dim.dim_value if dim.dim_value > 0 else None for dim in dims]
    wanted = [None, *(input_shape or (None,) * (len(found) - 1))]
    if len(found) != 4 or any(
        a is not None and b is not None and a != b for a, b in zip(found, wanted, strict=False)
    ):
        raise UnsupportedModuleError(
            f"Input {images.name} must have a batch and the sizes of an image"
            f"{'' if input_shape is None else f' of {list(input_shape)}'}, not {found}"
        )
    sizes = [a or b for a, b in zip(found, wanted, strict=True)]
    if None in sizes[1:]:
        raise UnsupportedModuleError(
            f"Input {images.name} must have fixed sizes, or be given an input shape, not {found}"
        )
    for dim, size in zip(dims, [sizes[0] or 1, *sizes[1:]], strict=True):
        dim.dim_value = size
    for value in (*fixed.graph.output, *fixed.graph.value_info):
        value.type.tensor_type.ClearField("shape")
    del fixed.graph.value_info[:]
    try:
        return onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    except onnx.shape_inference.InferenceError:
        return fixed  # whatever does not fit is refused with its name further on


class _Writer:
    """Turn the nodes of an ONNX graph into those of ours."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model.graph
        images = _images(model.graph)
        self._shapes = {
            value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
            for value in (images, *model.graph.value_info, *model.graph.output)
            if value.type.tensor_type.HasField("shape")
        }
        self._opset = {entry.domain: entry.version for entry in model.opset_import}.get("", 0)
        self._input = images.name
        self._constants: dict[str, Array] = {}
        self._names = {images.name: IMAGE}
        self._softmax: dict[str, str] = {}
        self.nodes: list[Node] = []
        for tensor in model.graph.initializer:
            self._hold(tensor.name, _array(tensor))
        for node in model.graph.node:
            self._write(node)

    def graph(self, exits: Sequence[str] | None, name: str | None) -> Graph:
        """Return all nodes with the chosen outputs as exits."""
        outputs = [value.name for value in self._model.output]
        chosen = list(outputs if exits is None else exits)
        for output in chosen:
            if output not in outputs:
                raise UnsupportedModuleError(
                    f"Exit must be one of the outputs {', '.join(outputs)}, not {output!r}"
                )
        leaves = [self._softmax.get(x, self._names.get(x, x)) for x in chosen]
        check_exits(chosen)
        check_exits(leaves)
        readers = [node for node in self._model.node if self._input in node.input]
        channels_last = bool(readers) and all(
            node.op_type == "Transpose" and _attributes(node).get("perm") == list(TO_FIRST)
            for node in readers
        )
        first, second, third = self._shapes[self._input][1:]
        shape = (first, second, third) if channels_last else (second, third, first)
        return Graph(
            name=name or self._model.name or "imported",
            input_shape=shape,
            nodes=tuple(self.nodes),
            exits=tuple(leaves),
            exit_names=tuple(chosen),
            channels_last=channels_last,
        )

    def _hold(self, name: str, array: Array) -> None:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            wrong = float(array[~np.isfinite(array)][0])
            raise ValueError(f"Weight {name} must be finite, not {wrong!r}")
        self._constants[name] = array

    def _write(self, node: onnx.NodeProto) -> None:
        for name in node.input:
            if name and name not in self._constants and name not in self._names:
                raise OnnxFileError(
                    f"Node {node.name or node.output[0]} must read tensors that the model holds, "
                    f"not {name!r}"
                )
        if self._fold(node):
            return
        inputs = tuple(self._names[name] for name in node.input if name in self._names)
        operation = self._operation(node, len(inputs))
        if isinstance(operation, Same):
            self._names[node.output[0]] = inputs[0]
            return
        attributes = _attributes(node)
        if node.op_type in SOFTMAXES and attributes.get("axis", -1) in (1, -1):
            self._softmax[node.output[0]] = inputs[0]
        for name in node.output:
            self._names[name] = name
        self.nodes.append(
            Node(
                name=node.output[0],
                inputs=inputs,
                operation=operation,
                place=f"Node {node.name or node.output[0]}",
                kind=f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
            )
        )

    def _fold(self, node: onnx.NodeProto) -> bool:
        """Compute a node that does not depend on the image; return whether it is one."""
        if node.op_type == "Shape" and node.input[0] in self._names:
            shape = self._shapes.get(node.input[0], ())
            if not shape or 0 in shape:
                return False
            attributes = _attributes(node)
            part = slice(attributes.get("start", 0), attributes.get("end"))
            self._constants[node.output[0]] = np.array(shape, np.int64)[part]
            return True
        if any(name in self._names for name in node.input) or node.domain not in {"", "ai.onnx"}:
            return False
        given = {name: self._constants[name] for name in node.input if name}
        try:
            results = ReferenceEvaluator(_alone(node, given, self._opset)).run(None, given)
        except Exception as error:  # whatever an operator without an implementation raises
            raise OnnxFileError(
                f"Constant {node.output[0]} must be computable, not raise "
                f"{type(error).__name__}: {_first_line(error)}"
            ) from error
        for name, result in zip(node.output, results, strict=True):
            self._hold(name, np.asarray(result))
        return True

    def _operation(self, node: onnx.NodeProto, n_values: int) -> Operation:
        if node.domain not in {"", "ai.onnx"} or (
            node.input[0] not in self._names and (node.op_type not in {"Add", "Mul"})
        ):
            return Refused()
        if n_values == 2 and node.op_type == "Add":
            return Sum()
        reader = _READERS.get(node.op_type)
        if reader is None or n_values != 1:
            return Refused()
        shape = self._shapes.get(next(x for x in node.input if x in self._names), ())
        held = [self._constants.get(name) for name in node.input]
        try:
            return reader(_Arguments(_attributes(node), held, shape))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise OnnxFileError(
                f"Node {node.name or node.output[0]} must have weights and attributes of a "
                f"{node.op_type}, not raise {type(error).__name__}: {_first_line(error)}"
            ) from error


class _Arguments:
    """What a node is given besides activations.

    Parameters
    ----------
    attributes : mapping
    held : sequence of array or None
        Constants by the position of the input.
    shape : tuple of int
        Of the activations, the batch included; empty if unknown.
    """

    def __init__(
        self, attributes: Mapping[str, Any], held: Sequence[Array | None], shape: tuple[int, ...]
    ) -> None:
        self._attributes = attributes
        self._held = held
        self.shape = shape
        self.rank = len(shape)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self._attributes.get(name, default)

    def constant(self, index: int) -> Array | None:
        """Return a constant input, None if there is none."""
        return self._held[index] if index < len(self._held) else None

    def reals(self, index: int) -> Reals | None:
        """Return a constant input as float64."""
        array = self.constant(index)
        return None if array is None else array.astype(np.float64)

    def per_channel(self) -> Reals | None:
        """Return the one constant operand as [C] or [1], None if it is not one per channel."""
        array = self.reals(0) if self.constant(1) is None else self.reals(1)
        assert array is not None
        return per_channel(array, self.rank)

    def ints(self, index: int, name: str) -> list[int] | None:
        """Return integers that are an input, or an attribute in older models."""
        array = self.constant(index)
        values = self.get(name) if array is None else array.reshape(-1).tolist()
        return None if values is None else [int(value) for value in values]

    def sides(self) -> Sides | str:
        """Return the padding of a window."""
        automatic = self.get("auto_pad", b"NOTSET").decode()
        if automatic.startswith("SAME"):
            return SAME_UPPER if automatic == "SAME_UPPER" else SAME_LOWER
        pads = self.get("pads", [0, 0, 0, 0])
        if automatic == "VALID" or len(pads) != 4:
            return 0, 0, 0, 0
        top, left, bottom, right = pads
        return top, bottom, left, right

    def pair(self, name: str) -> tuple[int, int]:
        """Return an attribute of one value per axis, 1 by default."""
        values = self.get(name, [1, 1])
        return int(values[0]), int(values[-1])


def _convolution(given: _Arguments) -> Operation:
    weight, bias = given.reals(1), given.reals(2)
    if weight is None:
        return Refused(rule="a convolution with weights that do not depend on the image")
    return Convolve(
        weight=weight,
        bias=np.zeros(len(weight)) if bias is None else bias,
        stride=given.pair("strides"),
        padding=given.sides(),
        dilation=given.pair("dilations"),
        groups=given.get("group", 1),
    )


def _gemm(given: _Arguments) -> Operation:
    weight, bias = given.reals(1), given.reals(2)
    if weight is None or given.get("transA", 0):
        return Refused(rule="a product with constant weights")
    weight = (weight if given.get("transB", 0) else weight.T) * given.get("alpha", 1.0)
    offset = np.zeros(1) if bias is None else bias * given.get("beta", 1.0)
    return Connect(weight=weight, bias=offset.reshape(-1) + np.zeros(len(weight)))


def _matmul(given: _Arguments) -> Operation:
    weight = given.reals(1)
    if weight is None or weight.ndim != 2:
        return Refused(rule="a product with a constant matrix")
    return Connect(weight=weight.T, bias=np.zeros(weight.shape[1]))


def _affine(kind: str) -> Callable[[_Arguments], Operation]:
    return lambda given: affine(kind, given.per_channel())


def _normalization(given: _Arguments) -> Operation:
    weight, bias, mean, variance = (given.reals(index) for index in range(1, 5))
    if mean is None or variance is None or given.get("training_mode", 0):
        return Refused(rule="a batch norm with running statistics")
    return batch_norm(weight, bias, mean, variance, given.get("epsilon", 1e-5))


def _pool(average: bool) -> Callable[[_Arguments], Operation]:
    def read(given: _Arguments) -> Operation:
        return Pool(
            average=average,
            kernel=given.pair("kernel_shape"),
            stride=given.pair("strides"),
            padding=given.sides(),
            dilation=given.pair("dilations"),
            ceil=bool(given.get("ceil_mode", 0)),
        )

    return read


def _mean(given: _Arguments) -> Operation:
    axes = given.ints(1, "axes")
    found = sorted(axis % 4 for axis in axes or ())
    if given.rank != 4 or found not in ([1, 2], [2, 3]):
        return Refused(rule="a mean over height and width")
    flat = not given.get("keepdims", 1)
    return Pool(average=True, kernel=None, flat=flat, channels_last=found == [1, 2])


def _pad(given: _Arguments) -> Operation:
    pads, axes = given.ints(1, "pads"), given.ints(3, "axes")
    value = given.constant(2)
    fill = given.get("value", 0.0) if value is None else float(value)
    if given.get("mode", b"constant") != b"constant" or fill or pads is None or given.rank != 4:
        return Refused(rule="zeros around an image")
    where = list(range(4)) if axes is None else [axis % 4 for axis in axes]
    begin, end = [0] * 4, [0] * 4
    for axis, first, last in zip(where, pads[: len(where)], pads[len(where) :], strict=True):
        begin[axis], end[axis] = first, last
    if any(begin[:2] + end[:2]):
        return Refused(rule="zeros around an image")
    return Pad(padding=(begin[2], end[2], begin[3], end[3]))


def _reshape(given: _Arguments) -> Operation:
    sizes = given.ints(1, "shape")
    if sizes is None or len(sizes) < 2 or sizes[0] not in (0, -1, *given.shape[:1]):
        return Refused(rule="a flattening to known sizes that keeps the images apart")
    if 0 in sizes[1:]:
        return Refused(rule="a flattening that names its sizes")
    return Reshape(sizes=tuple(sizes[1:]))


def _flatten(given: _Arguments) -> Operation:
    if given.get("axis", 1) not in (1, 1 - given.rank):
        return Refused(rule="a flattening that keeps the images apart")
    return Reshape(sizes=(-1,))


def _squeeze(given: _Arguments) -> Operation:
    axes = given.ints(1, "axes")
    if given.rank != 4 or sorted(axis % 4 for axis in axes or ()) != [2, 3]:
        return Refused(rule="a squeeze of height and width")
    return Reshape(sizes=(-1,))


def _dropout(given: _Arguments) -> Operation:
    trains = given.constant(2)
    return Refused() if trains is not None and bool(trains) else Same()


_READERS: dict[str, Callable[[_Arguments], Operation]] = {
    "Conv": _convolution,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _affine("add"),
    "Mul": _affine("mul"),
    "Sub": _affine("sub"),
    "Div": _affine("div"),
    "BatchNormalization": _normalization,
    "Relu": lambda given: Rectify(),
    "MaxPool": _pool(average=False),
    "AveragePool": _pool(average=True),
    "GlobalMaxPool": lambda given: Pool(average=False, kernel=None),
    "GlobalAveragePool": lambda given: Pool(average=True, kernel=None),
    "ReduceMean": _mean,
    "Pad": _pad,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Transpose": lambda given: Transpose(axes=tuple(given.get("perm", ()))),
    "Identity": lambda given: Same(),
    "Dropout": _dropout,
}


def _array(tensor: onnx.TensorProto) -> Array:
    try:
        return numpy_helper.to_array(tensor)
    except (LookupError, TypeError, ValueError) as error:
        raise OnnxFileError(
            f"Weight {tensor.name} must be a whole tensor, not {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def _alone(node: onnx.NodeProto, given: Mapping[str, Array], opset: int) -> onnx.ModelProto:
    """Return a model of one node."""
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in given.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    graph = helper.make_graph([node], "constant", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
