import json

import numpy as np
import onnx
import onnxruntime
import pytest

from offramp.golden.data import Splits, load_dataset, split_dataset
from offramp.golden.network import IntegerNetwork
from offramp.golden.network_file import load_network
from offramp.golden.onnx_export import INPUT, export_onnx, layer_output_name, output_name, save_onnx

from .networks import random_network
from .published import DATA_DIR, needs_data


def runtime_logits(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    assert names == [output_name(index) for index in range(len(names))]
    return session.run(names, {INPUT: images})


def same(network: IntegerNetwork, images: np.ndarray) -> bool:
    expected = network.forward(images)
    found = runtime_logits(export_onnx(network), images)
    assert all(logits.dtype == np.int8 for logits in found)
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_every_kind_of_layer_equals_the_golden_model(seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (64, 7, 6, 3)).astype(np.uint8)
    images[0], images[1] = 0, 255
    assert same(random_network(seed), images)


def test_every_logit_of_the_digits_equals_the_golden_model(digits: Splits) -> None:
    assert same(load_network("zoo:digits"), digits.test.images)


@needs_data
def test_blenet_equals_the_golden_model() -> None:
    splits = split_dataset(load_dataset("mnist", DATA_DIR))
    assert same(load_network("zoo:blenet-mnist"), splits.test.images[:500])


def test_only_integer_operators_occur() -> None:
    model = export_onnx(random_network(0))
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    types = {value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    types |= {tensor.data_type for tensor in model.graph.initializer}
    names = {onnx.TensorProto.DataType.Name(number) for number in types}
    assert names <= {"INT8", "UINT8", "INT32", "INT64", "UINT64", "BOOL"}
    assert {domain.domain for domain in model.opset_import} == {""}
    # layers are found under their names
    outputs = {name for node in model.graph.node for name in node.output}
    assert {layer_output_name(layer) for layer in random_network(0).topology.layers} <= outputs


def test_metadata_says_what_logits_mean(tmp_path) -> None:
    network = load_network("zoo:digits")
    save_onnx(network, tmp_path / "digits.onnx")
    properties = {x.key: x.value for x in onnx.load(tmp_path / "digits.onnx").metadata_props}
    assert json.loads(properties["rules"]) == [rule.describe() for rule in network.rules]
    assert int(properties["fraction_bits"]) == network.fraction_bits
    assert json.loads(properties["class_names"]) == list(network.class_names)


def test_a_changed_weight_is_noticed(digits: Splits) -> None:
    """The comparison can fail."""
    network = load_network("zoo:digits")
    model = export_onnx(network)
    weights = [x for x in model.graph.initializer if len(x.dims) == 4 and x.dims[2] == 3]
    changed = bytearray(weights[0].raw_data)
    changed[0] ^= 16
    weights[0].raw_data = bytes(changed)
    found = runtime_logits(model, digits.test.images)
    assert not np.array_equal(found[0], network.forward(digits.test.images)[0])
