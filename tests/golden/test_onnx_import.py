import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from offramp.golden.graph import UnsupportedModuleError
from offramp.golden.lowering import Lowered
from offramp.golden.onnx_import import OnnxFileError, import_onnx
from offramp.golden.rounding import rounding_bounds
from offramp.golden.spec.layers import AveragePool, Convolution, FullyConnected, MaxPool

from .imported import Plain, Rich, random_images, shaken


def model_of(
    nodes: list[onnx.NodeProto],
    outputs: list[str],
    weights: dict[str, np.ndarray],
    *,
    shape: tuple[int | str | None, ...] = ("n", 1, 6, 6),
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """Return a model whose input is named x."""
    graph = helper.make_graph(
        nodes,
        "hand",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("n", None)) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def random_weights(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}


def keras() -> onnx.ModelProto:
    """Return a network as Keras exporters write it: channels last, batch norm by itself."""
    weights = random_weights(
        w0=(8, 3, 3, 3), g=(8,), b=(8,), m=(8,), w1=(8, 4), a1=(4,), w2=(4, 8, 3, 3), b2=(4,),
        w3=(4 * 4 * 4, 4), a3=(4,),
    )  # fmt: skip
    weights["v"] = np.linspace(0.5, 2, 8, dtype=np.float32)
    weights["flat"] = np.array([-1, 64], np.int64)
    weights["hw"] = np.array([1, 2], np.int64)
    node = helper.make_node
    nodes = [
        node("Transpose", ["x"], ["x0"], perm=[0, 3, 1, 2]),
        node("Conv", ["x0", "w0"], ["c0"], auto_pad="SAME_UPPER", strides=[2, 2]),
        node("BatchNormalization", ["c0", "g", "b", "m", "v"], ["n0"], epsilon=1e-3),
        node("Relu", ["n0"], ["r0"]),
        node("MaxPool", ["r0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", ["p0"], ["t0"], perm=[0, 2, 3, 1]),
        node("ReduceMean", ["t0", "hw"], ["g0"], keepdims=0),
        node("MatMul", ["g0", "w1"], ["l0"]),
        node("Add", ["a1", "l0"], ["early_logits"]),
        node("Softmax", ["early_logits"], ["early"]),
        node("Conv", ["p0", "w2", "b2"], ["c1"], pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"]),
        node("Identity", ["r1"], ["i1"]),
        node("Transpose", ["i1"], ["t1"], perm=[0, 2, 3, 1]),
        node("Reshape", ["t1", "flat"], ["f1"]),
        node("MatMul", ["f1", "w3"], ["l1"]),
        node("Add", ["l1", "a3"], ["final_logits"]),
        node("Softmax", ["final_logits"], ["final"]),
    ]
    return model_of(nodes, ["early", "final"], weights, shape=("n", 16, 16, 3))


def exported(module: torch.nn.Module, shape: tuple[int, int, int], path: Path) -> onnx.ModelProto:
    """Return what torch's own exporter writes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            shaken(module),
            (torch.zeros(2, *shape),),
            path,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
        )
    return onnx.load(path)


def check_against_runtime(
    model: onnx.ModelProto, lowered: Lowered, *, channels_last: bool = False
) -> None:
    """Compare the logits in front of any softmax with ONNX Runtime's, within the bound."""
    images = random_images(lowered.network.topology.input_shape)
    x = (images / 255).astype(np.float32)
    names = [value.name for value in model.graph.output]
    makers = {name: node for node in model.graph.node for name in node.output}
    for index, name in enumerate(names):
        if makers[name].op_type in {"Softmax", "LogSoftmax"}:
            names[index] = makers[name].input[0]
            model.graph.output.append(onnx.ValueInfoProto(name=names[index]))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = session.run(names, {"x": x if channels_last else x.transpose(0, 3, 1, 2)})
    expected = lowered.network.forward(images)
    bounds = rounding_bounds(lowered, images)
    assert len(found) == len(expected)
    for a, b, bound in zip(expected, found, bounds, strict=True):
        assert (np.abs(a - b) <= bound).all()
        assert bound.max() < 0.01 * np.abs(a).max()  # the bound says something


@pytest.mark.parametrize(
    ("module", "shape"), [(Plain(), (1, 8, 8)), (Rich(), (3, 16, 16))], ids=["plain", "rich"]
)
def test_what_torch_exports_equals_onnx_runtime_within_rounding(module, shape, tmp_path):
    model = exported(module, shape, tmp_path / "model.onnx")
    check_against_runtime(model, import_onnx(tmp_path / "model.onnx"))


def test_channels_last_network_equals_onnx_runtime_within_rounding():
    model = keras()
    lowered = import_onnx(model)
    topology = lowered.network.topology
    assert topology.input_shape == (16, 16, 3)
    assert topology.segments[0].backbone[0].padding == (0, 1, 0, 1)
    kinds = [type(layer) for layer in topology.layers]
    assert kinds == [
        Convolution, MaxPool, AveragePool, FullyConnected, Convolution, FullyConnected,
    ]  # fmt: skip
    check_against_runtime(model, lowered, channels_last=True)


def test_a_wrong_weight_is_far_outside_the_bound():
    model, lowered = keras(), import_onnx(keras())
    lowered.network.weights["exit0.linear1"][0] += 0.01
    with pytest.raises(AssertionError):
        check_against_runtime(model, lowered, channels_last=True)


def small(
    behind: list[onnx.NodeProto] | None = None,
    *,
    outputs: tuple[str, ...] = ("early", "final"),
    last: str = "r1",
    changes: dict[str, np.ndarray] | None = None,
    before: list[onnx.NodeProto] | None = None,
    **options: object,
) -> onnx.ModelProto:
    """Return two convolutions with an exit behind each, and `behind` between the second and it."""
    node = helper.make_node
    weights = random_weights(w0=(2, 1, 3, 3), e=(3, 32), w1=(2, 2, 1, 1), f=(3, 32), s=(2,))
    nodes = [
        *(before or []),
        node("Conv", ["x", "w0"], ["c0"], "first"),
        node("Relu", ["c0"], ["r0"]),
        node("Flatten", ["r0"], ["f0"]),
        node("Gemm", ["f0", "e"], ["early"], "early_head", transB=1),
        node("Conv", ["r0", "w1"], ["c1"], "second"),
        node("Relu", ["c1"], ["r1"]),
        *(behind or []),
        node("Flatten", [last], ["f1"]),
        node("Gemm", ["f1", "f"], ["final"], "final_head", transB=1),
    ]
    return model_of(nodes, list(outputs), weights | (changes or {}), **options)


def test_exits_are_the_outputs_in_the_order_that_is_named():
    model = small(outputs=("final", "early"))
    with pytest.raises(UnsupportedModuleError, match=r"^Exits must be in order of depth, cheapest"):
        import_onnx(model)
    found = import_onnx(model, exits=["early", "final"]).network
    expected = import_onnx(small()).network
    assert found.topology == expected.topology
    assert all((found.weights[k] == expected.weights[k]).all() for k in expected.weights)


def test_open_sizes_are_given():
    model = small(shape=("n", 1, "h", "w"))
    assert import_onnx(model, input_shape=(1, 6, 6)).network.topology.input_shape == (6, 6, 1)
    message = r"^Input x must have fixed sizes, or be given an input shape, not \[None, 1, None, N"
    with pytest.raises(UnsupportedModuleError, match=message):
        import_onnx(model)
    with pytest.raises(UnsupportedModuleError, match=r"^Input x must have a batch and the sizes"):
        import_onnx(small(), input_shape=(1, 8, 8))


NODE = helper.make_node
NOT_A_NUMBER = np.full((2, 2, 1, 1), np.nan, np.float32)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (
            small([NODE("Sigmoid", ["r1"], ["s1"], "act/Sigmoid")], last="s1"),
            UnsupportedModuleError,
            "Node act/Sigmoid must be a supported one, not Sigmoid",
        ),
        (
            small([NODE("Tanh", ["r1"], ["t"]), NODE("Sin", ["t"], ["s1"], "s")], last="s1"),
            UnsupportedModuleError,
            "Node t must be a supported one, not Tanh",
        ),
        (
            small([NODE("Clip", ["r1", "", "six"], ["s1"], "relu6")], last="s1",
                  changes={"six": np.array(6, np.float32)}),
            UnsupportedModuleError,
            "Node relu6 must be a supported one, not Clip",
        ),
        (
            small([NODE("Mul", ["r1", "r1"], ["s1"], "square")], last="s1"),
            UnsupportedModuleError,
            "Node square must be a supported one, not Mul",
        ),
        (
            small([NODE("Mul", ["r1", "s"], ["s1"], "scale")], last="s1"),
            UnsupportedModuleError,
            "Node scale must be with a constant per channel, not Mul",
        ),
        (
            small([NODE("Conv", ["r1", "w1"], ["c2"]),
                   NODE("Div", ["c2", "o"], ["d1"], "div")], last="d1",
                  changes={"o": np.zeros(1, np.float32)}),
            UnsupportedModuleError,
            "Node div must be with a divisor that is not 0, not Div",
        ),
        (
            small([NODE("Conv", ["r1", "w1"], ["c2"]),
                   NODE("BatchNormalization", ["c2", "s", "s", "s", "v"], ["d1"], "norm")],
                  last="d1", changes={"v": np.array([1, -1], np.float32)}),
            UnsupportedModuleError,
            "Node norm must be a batch norm of positive variances, not BatchNormalization",
        ),
        (
            small([NODE("Reshape", ["r1", "z"], ["d1"], "split")], last="d1",
                  changes={"z": np.array([2, -1], np.int64)}),
            UnsupportedModuleError,
            "Node split must be a flattening to known sizes that keeps the images apart, not Resh",
        ),
        (
            small([NODE("MaxPool", ["m"], ["r2"], "pool", kernel_shape=[1, 1])], last="r2",
                  changes={"half": np.full(1, 0.5, np.float32)},
                  before=[NODE("Sub", ["x", "half"], ["m"])]),
            UnsupportedModuleError,
            "Node pool must be a convolution or linear layer, behind normalised images, not Max",
        ),
        (
            small([NODE("Conv", ["m", "w0"], ["r2"], "padded", pads=[1, 1, 0, 0])], last="r2",
                  changes={"half": np.full(1, 0.5, np.float32)},
                  before=[NODE("Sub", ["x", "half"], ["m"])]),
            UnsupportedModuleError,
            "Node padded must be a convolution without padding, behind images less their mean",
        ),
        (
            small([NODE("Sub", ["m", "half"], ["r2"], "less")], last="r2",
                  changes={"half": np.full(1, 0.5, np.float32),
                           "p": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)},
                  before=[NODE("Pad", ["x", "p"], ["m"])]),
            UnsupportedModuleError,
            "Node less must be a convolution, behind zeros as padding, not Sub",
        ),
        (
            small([NODE("Gemm", ["f0", "e"], ["again"], transB=1)], outputs=("early", "again")),
            UnsupportedModuleError,
            "Final exit must have a layer between the last early exit and its classifier, not Node",
        ),
        (
            small([NODE("Gelu", ["r1"], ["s1"], "gelu", domain="com.microsoft")], last="s1"),
            UnsupportedModuleError,
            "Node gelu must be a supported one, not com.microsoft.Gelu",
        ),
        (small(outputs=("final",)), UnsupportedModuleError,
         "Network must have at least two exits, the final classifier included, not 1"),
        (small(outputs=("early", "early")), UnsupportedModuleError,
         "Exits must be different outputs, not early twice"),
        (small(outputs=("early", "w1")), UnsupportedModuleError,
         "Logits of w1 must depend on the image"),
        (small(outputs=("early", "r1")), UnsupportedModuleError,
         "Last layer of r1 must be fully connected without ReLU, not Relu"),
        (small(changes={"w1": NOT_A_NUMBER}), ValueError, "Weight w1 must be finite, not nan"),
        (small(changes={"f": np.full((3, 32), np.inf, np.float32)}), ValueError,
         "Weight f must be finite, not inf"),
        (small(changes=random_weights(f=(4, 32))), ValueError,
         "Output features of exit1.linear0 must be the 3 classes of the first exit, not 4"),
        (small(changes=random_weights(w0=(2, 1, 9, 9))), ValueError,
         "Kernel of c0 must fit the padded image of 6 x 6, not (9, 9)"),
        (small(shape=("n", 1, 36)), UnsupportedModuleError,
         "Input x must have a batch and the sizes of an image, not [None, 1, 36]"),
        (small(kind=TensorProto.UINT8), UnsupportedModuleError,
         "Input x must be float images, not UINT8"),
        (small([NODE("Identity", ["absent"], ["s1"], "reads")], last="s1"), OnnxFileError,
         "Node reads must read tensors that the model holds, not 'absent'"),
        (
            small(
                [NODE("Conv", ["r1", "w1"], ["c2"]), NODE("Add", ["c2", "r0"], ["a2"], "skip"),
                 NODE("Flatten", ["a2"], ["f2"]), NODE("Gemm", ["f2", "f"], ["deep"], transB=1)],
                outputs=("early", "final", "deep"),
            ),
            UnsupportedModuleError,
            "Node skip must be fed by what lies behind the branch of the exit before it, no earl",
        ),
        (
            small([NODE("Gemm", ["early", "q"], ["s1"], "reader")], last="s1",
                  changes=random_weights(q=(3, 32))),
            UnsupportedModuleError,
            "Logits of early must be read by no layer, not Node reader",
        ),
    ],
)  # fmt: skip
def test_models_that_do_not_fit_are_refused_in_one_line(model, error, message):
    with pytest.raises(error) as caught:
        import_onnx(model)
    assert str(caught.value).startswith(message), str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_exits_than_a_unit_has_thresholds_are_refused():
    weights = random_weights(w0=(2, 1, 3, 3), e=(3, 32))
    nodes = [NODE("Conv", ["x", "w0"], ["c"]), NODE("Flatten", ["c"], ["f"])]
    nodes += [NODE("Gemm", ["f", "e"], [f"o{i}"], transB=1) for i in range(17)]
    model = model_of(nodes, [f"o{i}" for i in range(17)], weights)
    with pytest.raises(UnsupportedModuleError, match=r"^Network must have at most 16 exits"):
        import_onnx(model)


def test_unknown_exit_is_refused():
    with pytest.raises(UnsupportedModuleError, match=r"^Exit must be one of the outputs early, "):
        import_onnx(small(), exits=["early", "late"])


def test_damaged_files_are_refused_in_one_line(tmp_path):
    path = tmp_path / "model.onnx"
    content = small().SerializeToString()
    for wrong in (content[:-40], b"no model", b""):
        path.write_bytes(wrong)
        with pytest.raises(OnnxFileError, match=r"^ONNX file must be a whole model") as caught:
            import_onnx(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(OnnxFileError, match=r"No such file"):
        import_onnx(tmp_path / "absent.onnx")


@pytest.mark.parametrize("make", [small, keras])
def test_flipped_bytes_never_cost_more_than_one_line(make, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "model.onnx"
    content = make().SerializeToString()
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        for index in rng.integers(0, len(damaged), 2):
            damaged[index] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            import_onnx(path)  # most bytes are weights, any of which is one
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017 -- not every one raises
            refused += 1
    assert 20 < refused < 150


def test_missing_external_data_is_named(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(small(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    import_onnx(path)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(OnnxFileError, match=r"^ONNX file must be .*weights\.bin"):
        import_onnx(path)


def test_weight_that_is_not_there_is_refused(tmp_path):
    model = small()
    del model.graph.initializer[0]
    with pytest.raises(OnnxFileError, match=r"^Node first must read tensors .* not 'w0'"):
        import_onnx(model)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(OnnxFileError, match=r"^ONNX file must be a whole model.*w0"):
        import_onnx(tmp_path / "model.onnx")
