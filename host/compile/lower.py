"""One step as the fields of an operation, with its weights and channels, but where they lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm

import numpy as np

from ...golden.parameters import LayerParameters
from ...golden.spec.engine import EngineConfig
from ...golden.spec.layers import AveragePool, Convolution, FullyConnected
from ...golden.spec.layout import TensorLayout
from .graph import IMAGE, Sharing, Step
from .lanes import IDLE, Lanes, channel_lanes, packed_lanes, shared_lanes
from .loops import Fields, run_loops, sliding_loops
from .packing import group_runs, pixel_bytes, pixel_stride, spacing_of
from .parameters import Bytes, Words, channel_lines, identity_lines, weight_lines

Array = tuple[Fields, Bytes, Lanes]
"""What the array does: loops, lines of weights, channels of lanes."""


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """An operation without the places of its weights and channels.

    Attributes
    ----------
    fields : dict
        Of `Operation`, but `weight_base` and `channel_base`.
    weights : int8 [lines, out_lanes, in_lanes]
    channels : uint32 [lines, requantizers, words]
    """

    fields: Fields
    weights: Bytes
    channels: Words


def written_layout(step: Step, config: EngineConfig) -> TensorLayout:
    """Return the layout of what a step writes, at address 0."""
    shape = step.out_shape
    pixel_step = pixel_bytes(step, config)
    places: tuple[int, ...] = ()
    if step.sharing is not None:
        lanes = _shared(step.sharing, shape[2], config)
        group, lane = np.nonzero(lanes.channels != IDLE)
        places = tuple((group * lanes.group_bytes + lane).tolist())
        pixel_step = lanes.groups * lanes.group_bytes
    return TensorLayout(
        name=step.name,
        shape=shape,
        signed=step.layers[-1].out_format.signed if step.layers else step.signed,
        base=0,
        row_step=-(-shape[1] // step.pack) * step.pack * pixel_step,
        pixel_step=pixel_step,
        places=places,
    )


def _shared(sharing: Sharing, n_channels: int, config: EngineConfig) -> Lanes:
    return shared_lanes(n_channels, sharing.first_lane, sharing.groups, config)


def lower(
    step: Step,
    parameters: Mapping[str, LayerParameters],
    tensors: Mapping[str, TensorLayout],
    config: EngineConfig,
) -> Lowered:
    """Return the operation of a step.

    Parameters
    ----------
    step : Step
    parameters : mapping of str to LayerParameters
        By layer.
    tensors : mapping of str to TensorLayout
        Where all tensors lie.
    config : EngineConfig
    """
    source = tensors[step.source]
    if isinstance(step.main, Convolution):
        loops, weights, lanes = _convolution(step, step.main, parameters, source, config)
    elif isinstance(step.main, FullyConnected):
        loops, weights, lanes = _fully_connected(step, step.main, parameters, source, config)
    else:
        loops, weights, lanes = _pixels(step, source, config)
    return Lowered(
        fields={
            "source_base": source.base,
            "source_signed": source.signed,
            "image": step.source == IMAGE,
            **loops,
            **_drain(step, lanes, tensors, config),
        },
        weights=weights,
        channels=channel_lines(step, parameters, lanes, config),
    )


def _convolution(
    step: Step,
    layer: Convolution,
    parameters: Mapping[str, LayerParameters],
    source: TensorLayout,
    config: EngineConfig,
) -> Array:
    """Each kernel row is one run over its pixels, or one run a pixel over a group's channels."""
    weight = parameters[layer.name].weight
    assert weight is not None
    rows, columns = layer.kernel
    group_in, group_out = weight.shape[3], layer.out_channels // layer.groups
    loops = sliding_loops(source, layer, step.pool, layer.padding, step.pack)

    lanes = packed_lanes(layer.out_channels, pixel_bytes(step, config), step.pack, config)
    group_run = group_runs(step, layer, lanes, source.pixel_step, config)
    unit = lcm(group_out, config.requantizers)
    if layer.groups > 1 and unit <= config.out_lanes:
        whole = channel_lanes(layer.out_channels, config, unit)
        range_bytes = whole.group_bytes // group_out * group_in
        range_steps = -(-range_bytes // config.in_lanes)
        if columns * range_steps < group_run.steps:
            # groups of lanes begin with a group of the layer: what they read is a range
            taps = _taps(layer, weight, range_bytes, whole.group_bytes)
            loops |= {
                "kernel_columns": columns,
                "run_steps": range_steps,
                "row_weight_lines": columns * range_steps,
                "group_source_step": range_bytes,
            }
            taps = taps.reshape(layer.out_channels, rows * columns, range_bytes)
            return loops, weight_lines(taps, whole.channels, config), whole

    single = _taps(layer, weight, source.pixel_step, layer.out_channels)
    single = single.reshape(layer.out_channels, rows, columns * source.pixel_step)
    run_bytes = group_run.steps * config.in_lanes
    taps = np.zeros((step.pack * layer.out_channels, rows, run_bytes), np.int8)
    for group, channels in enumerate(lanes.channels):
        for packed in channels[channels != IDLE]:
            pixel, channel = divmod(int(packed), layer.out_channels)
            first = pixel * pixel_stride(step, layer) * source.pixel_step
            first -= int(group_run.starts[group])
            taps[packed, :, first : first + single.shape[2]] = single[channel]
    loops |= {
        "column_start": loops["column_start"] + int(group_run.starts[0]),
        "kernel_column_step": 0,
        "run_steps": group_run.steps,
        "row_weight_lines": group_run.steps,
        "group_source_step": group_run.step,
    }
    return loops, weight_lines(taps, lanes.channels, config), lanes


def _taps(layer: Convolution, weight: Bytes, range_bytes: int, lane_group: int) -> Bytes:
    """Return int8 [out, kernel height, kernel width, bytes of a pixel that are read].

    Those are `range_bytes`, the next ones for each `lane_group` output channels.
    """
    group_in, group_out = weight.shape[3], layer.out_channels // layer.groups
    taps = np.zeros((*weight.shape[:3], range_bytes), np.int8)
    for channel in range(layer.out_channels):
        start = channel // group_out * group_in - channel // lane_group * range_bytes
        taps[channel, :, :, start : start + group_in] = weight[channel]
    return taps


def _fully_connected(
    step: Step,
    layer: FullyConnected,
    parameters: Mapping[str, LayerParameters],
    source: TensorLayout,
    config: EngineConfig,
) -> Array:
    """One run over the whole tensor, its padding channels with weights of 0."""
    weight = parameters[layer.name].weight
    assert weight is not None
    height, width, n_channels = source.shape
    loops = run_loops(source.size, config.in_lanes, 1 << config.count_bits)
    runs, run_bytes = loops["kernel_columns"], loops["run_steps"] * config.in_lanes
    pitch = source.row_step // source.pixel_step
    spread = np.zeros((layer.out_features, height, pitch, source.pixel_step), np.int8)
    spread[:, :, :width, :n_channels] = weight.reshape(-1, height, width, n_channels)
    taps = np.zeros((layer.out_features, runs * run_bytes), np.int8)
    taps[:, : source.size] = spread.reshape(layer.out_features, -1)
    lanes = channel_lanes(layer.out_features, config)
    if step.sharing is not None:
        lanes = _shared(step.sharing, layer.out_features, config)
    taps = taps.reshape(layer.out_features, runs, run_bytes)
    return loops, weight_lines(taps, lanes.channels, config), lanes


def _pixels(step: Step, source: TensorLayout, config: EngineConfig) -> Array:
    """Pools, additions and copies: a lane takes a channel of a pixel as it is."""
    lanes = channel_lanes(source.shape[2], config)
    group_channels = lanes.group_bytes
    loops = {
        **sliding_loops(source, step.main, step.pool),  # type: ignore[arg-type]
        "kernel_columns": step.main.kernel[1] if isinstance(step.main, AveragePool) else 1,
        "run_steps": -(-group_channels // config.in_lanes),
        "group_source_step": group_channels,
        "weight_rewind": True,
    }
    return loops, identity_lines(group_channels, config), lanes


def _drain(
    step: Step, lanes: Lanes, tensors: Mapping[str, TensorLayout], config: EngineConfig
) -> Fields:
    target = tensors[step.name]
    residual = None if step.residual is None else tensors[step.residual]
    fields: Fields = {
        "groups": lanes.groups,
        "drain_steps": lanes.steps,
        "last_group_steps": lanes.last_steps,
        "tile_spacing": spacing_of(step, lanes, config),
        "out_base": target.base,
        "out_pixel_step": step.pack * target.pixel_step,
        "out_group_step": lanes.group_bytes,
        "out_signed": step.signed if step.main is None else step.main.out_format.signed,
        "pool": step.pool is not None,
        "logits": step.exit_index is not None,
        "exit_index": (step.exit_index or 0) + 1,
    }
    if residual is not None:
        fields |= {
            "residual": True,
            "residual_base": residual.base,
            "other_signed": residual.signed,
            "sum_signed": target.signed,
        }
    return fields
