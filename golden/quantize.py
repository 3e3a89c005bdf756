"""Post-training quantization of a float network with exits to an `IntegerNetwork`.

Activations are uint8 with zero point 0 where a ReLU made them, int8 otherwise, one scale per
tensor; weights are int8, symmetric, one scale per output channel. One LSB of a logit is
``2**-F`` octaves of the softmax at the exit's temperature, so the logits of an exit are::

    z_i = x_i / temperature * log2(e) * 2**F + offset

with the float logits ``x``, first centred on their mean over the classes. Centring and offset
change no softmax; both are folded into weights and bias of the classifier.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Dataset
from .folded import PIXEL_MAX, FoldedNetwork
from .folding import fold
from .models import MultiExitNetwork
from .network import FRACTION_BITS_MAX, FRACTION_BITS_MIN, IntegerNetwork
from .parameters import LayerParameters
from .scaling import encode_ratios, quantize_weights, require_finite
from .spec.chain import follow_chain
from .spec.checks import require_int
from .spec.layers import AveragePool, Layer, MaxPool, ResidualAdd
from .spec.numbers import INT8
from .temperature import fit_temperature, negative_log_likelihood

FRACTION_BITS = 3
"""Default F: 32 octaves in an int8 logit."""

WEIGHT_BITS = 8
"""Of an int8, and the most that a weight may have."""

PERCENTILES = (100.0, 99.99, 99.9, 99.5)
"""Candidates for the clipping range of activations, the maximum first."""

OBSERVED_IMAGES = 1024
"""At most this many calibration images, evenly spaced, set the ranges."""

HEADROOM_OCTAVES = 2
"""Between the largest logit of the calibration split and the top of the range."""

Reals = NDArray[np.float64]


def quantize(
    model: MultiExitNetwork | FoldedNetwork,
    calibration: Dataset,
    *,
    fraction_bits: int = FRACTION_BITS,
    percentiles: Sequence[float] = PERCENTILES,
    weight_bits: int = WEIGHT_BITS,
    ranges: Mapping[str, float] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> IntegerNetwork:
    """Return the integer network of a float network.

    Temperatures are fitted on the calibration split, ranges observed there, and of the
    `percentiles` the one with the best mean accuracy over all exits there is kept (the better
    likelihood decides among equals).

    Parameters
    ----------
    model : MultiExitNetwork or FoldedNetwork
    calibration : Dataset
        Never the test split.
    fraction_bits : int
        F, 2 to 6; at 3 a logit spans 32 octaves, at 4 only 16.
    percentiles : sequence of float
        Of the activations' magnitudes, 0 < p <= 100.
    weight_bits : int
        2 to 8; fewer than 8 leave values of an int8 unused.
    ranges : mapping of str to float
        Magnitude that each layer's output is clipped to, by name, from quantization-aware training.
        Nothing is observed then, and the weights count as they are.
    metadata : mapping
        JSON data about the origin of the model, kept in the network.

    Raises
    ------
    UnsupportedModuleError
        If a module of `model` has no integer counterpart.
    ValueError
        If a weight is not finite, the data does not fit the model, or an accumulator could
        overflow.
    """
    require_int("Fraction bits", fraction_bits, FRACTION_BITS_MIN, FRACTION_BITS_MAX)
    check_weight_bits(weight_bits)
    if not percentiles or not all(0 < p <= 100 for p in percentiles):
        raise ValueError(f"Percentiles must be above 0 and at most 100, not {percentiles!r}")
    folded = model if isinstance(model, FoldedNetwork) else fold(model)
    _check_data(folded, calibration)
    for name in folded.weights:
        require_finite(name, folded.weights[name], folded.biases[name])
    if ranges is None:
        folded = _centred(folded)
    logits = folded.forward(calibration.images)
    temperatures = tuple(fit_temperature(x, calibration.labels) for x in logits)
    logit_scales = [t * math.log(2) / (1 << fraction_bits) for t in temperatures]
    offsets = [
        logit_offset(x / scale, fraction_bits)
        for x, scale in zip(logits, logit_scales, strict=True)
    ]
    candidates: list[tuple[float | None, Mapping[str, float]]]
    if ranges is None:
        candidates = [*zip(percentiles, observe(folded, calibration, percentiles), strict=True)]
    else:
        candidates = [(None, ranges)]
    best: tuple[tuple[float, float], float | None, IntegerNetwork] | None = None
    for percentile, limits in candidates:
        network = IntegerNetwork(
            name=folded.name,
            topology=folded.topology,
            parameters=_parameters(folded, limits, logit_scales, offsets, weight_bits),
            class_names=calibration.class_names,
            fraction_bits=fraction_bits,
            temperatures=temperatures,
        )
        merit = _merit(network, calibration)
        if best is None or merit > best[0]:
            best = merit, percentile, network
    assert best is not None
    record = {
        "data_set": calibration.name,
        "images": len(calibration),
        "percentile": best[1],
        "weight_bits": weight_bits,
        "logit_offsets": offsets,
    }
    return replace(best[2], metadata={**(metadata or {}), "quantization": record})


def check_weight_bits(weight_bits: int) -> None:
    """Raise unless weights can have so many bits."""
    require_int("Weight bits", weight_bits, 2, WEIGHT_BITS)


def logit_offset(logits: Reals, fraction_bits: int) -> int:
    """Return what to add to logits in LSBs so that int8 clips their low side only.

    The largest winner of all vectors comes `HEADROOM_OCTAVES` below the top. If the smallest
    winner would then leave the range at the bottom, all logits move up until it is as far inside:
    a clipped top costs exits, a clipped winner would cost its label.

    Parameters
    ----------
    logits : float64 [n, N]
    fraction_bits : int
    """
    winners = logits.max(axis=1)
    smallest, largest = float(winners.min()), float(winners.max())
    headroom = HEADROOM_OCTAVES << fraction_bits
    from_top = math.floor(INT8.high - headroom - largest)
    from_bottom = math.ceil(INT8.low + headroom - smallest)
    return max(from_top, from_bottom)


def _check_data(folded: FoldedNetwork, calibration: Dataset) -> None:
    if calibration.images.shape[1:] != folded.topology.input_shape:
        raise ValueError(
            f"Calibration images must be {folded.topology.input_shape!r} as the model takes, "
            f"not {calibration.images.shape[1:]!r}"
        )
    if calibration.n_classes != folded.topology.n_classes:
        raise ValueError(
            f"Classes of the calibration data must be {folded.topology.n_classes} as the model "
            f"has, not {calibration.n_classes}"
        )
    if not len(calibration):
        raise ValueError("Calibration images must be at least one, not 0")


def _centred(folded: FoldedNetwork) -> FoldedNetwork:
    """Return the network with the outputs of each classifier centred on their mean.

    Winning logits then need about half the range.
    """
    weights, biases = dict(folded.weights), dict(folded.biases)
    for segment in folded.topology.segments:
        name = segment.branch[-1].name
        weights[name] = weights[name] - weights[name].mean(axis=0)
        biases[name] = biases[name] - biases[name].mean()
    return replace(folded, weights=weights, biases=biases)


def observe(
    folded: FoldedNetwork, calibration: Dataset, percentiles: Sequence[float]
) -> list[dict[str, float]]:
    """Return the observed magnitude of each layer's output, by layer name, per percentile."""
    step = -(-len(calibration) // OBSERVED_IMAGES)
    seen: dict[str, list[Reals]] = {}
    folded.forward(
        calibration.images[::step],
        lambda layer, x: seen.setdefault(layer.name, []).append(np.abs(x.numpy()).ravel()),
    )
    found = {
        name: np.percentile(np.concatenate(blocks), percentiles) for name, blocks in seen.items()
    }
    return [
        {name: float(values[index]) for name, values in found.items()}
        for index in range(len(percentiles))
    ]


def _parameters(
    folded: FoldedNetwork,
    ranges: Mapping[str, float],
    logit_scales: Sequence[float],
    offsets: Sequence[int],
    weight_bits: int,
) -> dict[str, LayerParameters]:
    parameters: dict[str, LayerParameters] = {}
    in_scale = 1 / PIXEL_MAX
    weight_limit = (1 << (weight_bits - 1)) - 1
    segments = folded.topology.segments
    for segment, logit_scale, offset in zip(segments, logit_scales, offsets, strict=True):
        in_scale = _quantize_chain(
            folded, segment.backbone, in_scale, ranges, parameters, weight_limit=weight_limit
        )
        last = segment.branch[-1]
        scale = _quantize_chain(
            folded, segment.branch[:-1], in_scale, ranges, parameters, weight_limit=weight_limit
        )
        parameters[last.name] = quantize_weights(
            last.name,
            folded.weights[last.name],
            folded.biases[last.name],
            in_scale=scale,
            out_scale=logit_scale,
            offset=offset,
            weight_limit=weight_limit,
        )
    return parameters


def _quantize_chain(
    folded: FoldedNetwork,
    layers: Sequence[Layer],
    in_scale: float,
    ranges: Mapping[str, float],
    parameters: dict[str, LayerParameters],
    *,
    weight_limit: int,
) -> float:
    """Add the integers of `layers` to `parameters`; return the scale of the chain's output."""

    def scale_of(layer: Layer, *in_scales: float) -> float:
        if isinstance(layer, MaxPool):
            return in_scales[0]
        # a layer that is 0 for all images has any scale
        scale = (ranges[layer.name] or 1.0) / layer.out_format.high
        parameters[layer.name] = _quantize_layer(folded, layer, in_scales, scale, weight_limit)
        return scale

    return follow_chain(layers, in_scale, scale_of)


def _quantize_layer(
    folded: FoldedNetwork,
    layer: Layer,
    in_scales: Sequence[float],
    out_scale: float,
    weight_limit: int,
) -> LayerParameters:
    if layer.weight_shape is not None:
        return quantize_weights(
            layer.name,
            folded.weights[layer.name],
            folded.biases[layer.name],
            in_scale=in_scales[0],
            out_scale=out_scale,
            weight_limit=weight_limit,
        )
    channels = layer.out_shape[2]
    ratios = [np.full(channels, scale / out_scale) for scale in in_scales]
    if isinstance(layer, AveragePool):
        ratios[0] /= math.prod(layer.kernel)
    multipliers, shift = encode_ratios(layer.name, *ratios)
    return LayerParameters(
        multiplier=multipliers[0],
        other_multiplier=multipliers[1] if isinstance(layer, ResidualAdd) else None,
        shift=shift,
    )


def _merit(network: IntegerNetwork, calibration: Dataset) -> tuple[float, float]:
    """Return accuracy and log-likelihood on the calibration split, means over all exits."""
    nats = math.log(2) / (1 << network.fraction_bits)
    logits = network.forward(calibration.images)
    accuracy = np.mean([(z.argmax(axis=1) == calibration.labels).mean() for z in logits])
    losses = [negative_log_likelihood(z * nats, calibration.labels) for z in logits]
    return float(accuracy), -float(np.mean(losses))
