"""Export of an integer network to standard ONNX operators, for runtimes that are not ours.

Only integer operators occur, so that any runtime that follows the ONNX specification computes
every logit to the bit. With ``acc`` of `ConvInteger` or `MatMulInteger`, a layer's output is ::

    y = min(max(acc * m + bias * m + 2**(s-1) - low * 2**s, 0) >> s, high - low) + low

which is the requantization of `offramp.golden.spec.numbers`: the shift of a number that is not
negative floors, and what is below 0 would be clamped to `low` anyway.

Where and Less stand for minimum and maximum: ONNX Runtime 1.31 compares 64-bit integers in 32 bits
when it computes Max. Weights are stored as uint8 with a zero point of 128: some runtimes multiply
uint8 by int8 with 16-bit sums that saturate, and none does so for uint8 by uint8.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .files import replacing
from .network import IntegerNetwork
from .parameters import LayerParameters
from .spec.layers import (
    CHAIN_INPUT,
    AveragePool,
    Convolution,
    FullyConnected,
    Layer,
    MaxPool,
    ResidualAdd,
)
from .spec.numbers import INT8, IntegerFormat

OPSET = 18
"""Version of the ONNX operators."""

IR_VERSION = 9
"""Version of the file format; the one that came with the operators."""

ZERO_POINT = 128
"""Of weights, and of signed activations that are multiplied with weights."""

INPUT = "images"
"""Name of the input: uint8 [n, H, W, C]."""


def output_name(index: int) -> str:
    """Return the name of an exit's output: int8 [n, n_classes]."""
    return f"logits{index}"


def layer_output_name(layer: Layer) -> str:
    """Return the name of a layer's output: uint8 or int8 [n, C, H, W]."""
    return f"layer/{layer.name}"


def export_onnx(network: IntegerNetwork) -> onnx.ModelProto:
    """Return `network` as an ONNX model with one output per exit.

    Name, fraction bits, rules of the exits and classes are in its metadata.
    """
    builder = _Builder()
    x = builder.add("Transpose", [INPUT], perm=[0, 3, 1, 2])
    for index, segment in enumerate(network.topology.segments):
        x = builder.chain(segment.backbone, network.values_of(segment.backbone), x)
        logits = builder.chain(segment.branch, network.values_of(segment.branch), x)
        builder.add("Flatten", [logits], output=output_name(index), axis=1)
    images = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", *network.input_shape])
    outputs = [
        helper.make_tensor_value_info(
            output_name(index), TensorProto.INT8, ["n", network.n_classes]
        )
        for index in range(network.n_exits)
    ]
    graph = helper.make_graph(
        builder.nodes, network.name, [images], outputs, initializer=builder.constants
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="offramp",
    )
    helper.set_model_props(
        model,
        {
            "fraction_bits": str(network.fraction_bits),
            "rules": json.dumps(
                None if network.rules is None else [rule.describe() for rule in network.rules]
            ),
            "class_names": json.dumps(network.class_names),
        },
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def save_onnx(network: IntegerNetwork, path: str | Path) -> None:
    """Write `export_onnx` to a file, at once or not at all; OSError if impossible."""
    content = export_onnx(network).SerializeToString()
    with replacing(path) as temporary:
        temporary.write_bytes(content)


class _Builder:
    """Nodes and constants of a graph, in the order of computation; tensors are [n, C, H, W]."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def chain(self, layers: Sequence[Layer], parameters: Sequence[LayerParameters], x: str) -> str:
        """Add a backbone or a branch that reads tensor `x`; return the name of its output."""
        outputs = {CHAIN_INPUT: x}
        for layer, values in zip(layers, parameters, strict=True):
            operands = [x if name is None else outputs[name] for name in layer.sources]
            x = outputs[layer.name] = self._layer(layer, values, operands)
        return x

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add a node of one output; return that output's name."""
        name = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, array: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _layer(self, layer: Layer, values: LayerParameters, operands: Sequence[str]) -> str:
        if isinstance(layer, MaxPool):
            return self.add(
                "MaxPool",
                operands,
                layer_output_name(layer),
                kernel_shape=layer.kernel,
                strides=[layer.stride] * 2,
            )
        if isinstance(layer, ResidualAdd):
            assert values.other_multiplier is not None
            products = [
                self._times(self._cast(operand, TensorProto.INT64), multiplier)
                for operand, multiplier in zip(
                    operands, (values.multiplier, values.other_multiplier), strict=True
                )
            ]
            scaled = self.add("Add", products)
        else:
            accumulator = self._accumulate(layer, values, operands[0])
            scaled = self._times(self._cast(accumulator, TensorProto.INT64), values.multiplier)
        return self._requantize(layer, values, scaled)

    def _accumulate(self, layer: Layer, values: LayerParameters, x: str) -> str:
        """Add products and sums without the bias; return int32 [n, C, H, W]."""
        x, zero = self._unsigned(x, layer.in_format)
        if isinstance(layer, FullyConnected):
            height, width, channels = layer.in_shape
            assert values.weight is not None
            weight = values.weight.reshape(-1, height, width, channels)
            # [out, H * W * C] -> [C * H * W, out]: ONNX flattens channels first
            columns = weight.transpose(0, 3, 1, 2).reshape(layer.out_features, -1).T
            flat = self.add("Flatten", [x], axis=1)
            sums = self.add(
                "MatMulInteger", [flat, self._weight(columns), zero, self._zero_point()]
            )
            return self.add("Unsqueeze", [sums, self.constant(np.array([2, 3]))])
        if isinstance(layer, AveragePool):
            groups, padding = layer.in_shape[2], (0, 0, 0, 0)
            weight = np.ones((groups, *layer.kernel, 1), np.int8)
        elif isinstance(layer, Convolution):
            assert values.weight is not None
            groups, padding, weight = layer.groups, layer.padding, values.weight
        else:
            raise TypeError(f"Layer must be of a known kind, not {type(layer).__name__}")
        top, bottom, left, right = padding
        # [out, kernel height, kernel width, in] -> [out, in, kernel height, kernel width]
        filters = self._weight(weight.transpose(0, 3, 1, 2))
        return self.add(
            "ConvInteger",
            [x, filters, zero, self._zero_point()],
            kernel_shape=layer.kernel,
            strides=[layer.stride] * 2,
            pads=[top, left, bottom, right],
            group=groups,
        )

    def _requantize(self, layer: Layer, values: LayerParameters, scaled: str) -> str:
        assert values.shift is not None
        assert values.multiplier is not None
        low, high = layer.out_format.low, layer.out_format.high
        shift = values.shift.astype(np.int64)
        constant = (np.int64(1) << (shift - 1)) - (low << shift)
        if values.bias is not None:
            constant = constant + values.bias.astype(np.int64) * values.multiplier
        moved = self.add("Add", [scaled, self._per_channel(constant)])
        zero = self.constant(np.array([0], np.int64))
        positive = self.add("Where", [self.add("Less", [moved, zero]), zero, moved])
        unsigned = self._cast(positive, TensorProto.UINT64)
        shifts = self._per_channel(shift.astype(np.uint64))
        shifted = self.add("BitShift", [unsigned, shifts], direction="RIGHT")
        signed = self._cast(shifted, TensorProto.INT64)
        largest = self.constant(np.array([high - low], np.int64))
        limited = self.add("Where", [self.add("Less", [signed, largest]), signed, largest])
        if low:
            limited = self.add("Add", [limited, self.constant(np.array([low], np.int64))])
        signed_output = layer.out_format == INT8
        return self._cast(limited, TensorProto.INT8 if signed_output else TensorProto.UINT8, layer)

    def _unsigned(self, x: str, number_format: IntegerFormat) -> tuple[str, str]:
        """Return `x` as uint8 and the name of its zero point."""
        if number_format != INT8:
            return x, self.constant(np.array(0, np.uint8))
        wide = self._cast(x, TensorProto.INT32)
        moved = self.add("Add", [wide, self.constant(np.array([ZERO_POINT], np.int32))])
        return self._cast(moved, TensorProto.UINT8), self._zero_point()

    def _times(self, x: str, multiplier: NDArray[np.uint16] | None) -> str:
        assert multiplier is not None
        return self.add("Mul", [x, self._per_channel(multiplier.astype(np.int64))])

    def _per_channel(self, values: NDArray[Any]) -> str:
        return self.constant(values.reshape(1, -1, 1, 1))

    def _weight(self, weight: NDArray[np.int8]) -> str:
        return self.constant((weight.astype(np.int16) + ZERO_POINT).astype(np.uint8))

    def _zero_point(self) -> str:
        return self.constant(np.array(ZERO_POINT, np.uint8))

    def _cast(self, x: str, to: int, layer: Layer | None = None) -> str:
        return self.add("Cast", [x], "" if layer is None else layer_output_name(layer), to=to)
