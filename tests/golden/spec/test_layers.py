import re

import pytest

from offramp.golden.spec.layers import (
    AveragePool,
    Convolution,
    FullyConnected,
    Layer,
    MaxPool,
    ResidualAdd,
)
from offramp.golden.spec.numbers import INT8, INT32, UINT8


def convolution(**fields: object) -> Convolution:
    standard = {"name": "conv", "in_shape": (8, 8, 4), "out_channels": 6, "kernel": (3, 3)}
    return Convolution(**{**standard, **fields})


@pytest.mark.parametrize(
    ("fields", "out_shape", "macs"),
    [
        ({}, (6, 6, 6), 36 * 6 * 9 * 4),
        ({"padding": (1, 1, 1, 1)}, (8, 8, 6), 64 * 6 * 9 * 4),
        ({"padding": (0, 1, 0, 1), "stride": 2}, (4, 4, 6), 16 * 6 * 9 * 4),
        ({"kernel": (1, 1)}, (8, 8, 6), 64 * 6 * 4),
        ({"kernel": (1, 3), "groups": 2}, (8, 6, 6), 48 * 6 * 3 * 2),
        ({"out_channels": 4, "groups": 4}, (6, 6, 4), 36 * 4 * 9),
        ({"kernel": (8, 8)}, (1, 1, 6), 6 * 64 * 4),
    ],
)
def test_convolution_has_the_shape_and_macs_of_its_definition(
    fields: dict[str, object], out_shape: tuple[int, int, int], macs: int
) -> None:
    layer = convolution(**fields)
    assert layer.out_shape == out_shape
    assert layer.macs == macs


def test_relu_decides_the_output_format() -> None:
    assert convolution(relu=True).out_format == UINT8
    assert convolution(relu=False).out_format == INT8
    assert FullyConnected(name="f", in_shape=(1, 1, 2), out_features=3).out_format == INT8


def test_fully_connected_counts_one_mac_per_weight() -> None:
    layer = FullyConnected(name="f", in_shape=(4, 4, 3), out_features=10)
    assert (layer.in_features, layer.out_shape, layer.macs) == (48, (1, 1, 10), 480)
    assert layer.weight_shape == (10, 48)


def test_pools_and_additions_cost_no_macs_and_keep_channels() -> None:
    maximum = MaxPool(name="m", in_shape=(5, 7, 3), kernel=(2, 2), stride=2)
    average = AveragePool(name="a", in_shape=(5, 7, 3), kernel=(5, 7))
    residual = ResidualAdd(name="r", in_shape=(5, 7, 3), other="m")
    assert [x.out_shape for x in (maximum, average, residual)] == [(2, 3, 3), (1, 1, 3), (5, 7, 3)]
    assert sum(x.macs for x in (maximum, average, residual)) == 0


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"name": ""}, ValueError, "Layer name must be one word other than 'input', not ''"),
        ({"name": "a b"}, ValueError, "Layer name must be one word other than 'input', not 'a b'"),
        ({"name": 3}, TypeError, "Layer name must be a string, not 3"),
        ({"in_shape": (8, 8)}, TypeError, "Input shape of conv must be a tuple of 3 integers"),
        ({"in_shape": (8, 8, 0)}, ValueError, "Input shape of conv must be in 1..65536, not 0"),
        ({"in_format": INT32}, ValueError, "Input format of conv must be uint8 or int8, not int32"),
        ({"stride": 0}, ValueError, "Stride of conv must be in 1..65536, not 0"),
        ({"stride": 1.0}, TypeError, "Stride of conv must be an integer, not 1.0"),
        ({"padding": (1, 1)}, TypeError, "Padding of conv must be a tuple of 4 integers"),
        ({"padding": (-1, 0, 0, 0)}, ValueError, "Padding of conv must be in 0..65536, not -1"),
        ({"groups": 3}, ValueError, "Groups of conv must divide the channels 4 and 6, not 3"),
        ({"out_channels": 0}, ValueError, "Output channels of conv must be in 1..65536, not 0"),
        ({"relu": 1}, TypeError, "ReLU of conv must be true or false, not 1"),
        ({"source": 1}, TypeError, "Source of conv must be a layer name or None, not 1"),
        (
            {"kernel": (9, 1)},
            ValueError,
            "Kernel of conv must fit the padded image of 8 x 8, not (9, 1)",
        ),
    ],
)
def test_illegal_fields_are_refused_by_name(
    fields: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        convolution(**fields)


def test_the_base_class_describes_no_layer() -> None:
    with pytest.raises(NotImplementedError):
        _ = Layer(name="x", in_shape=(1, 1, 1)).out_shape
