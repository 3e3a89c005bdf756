"""How far a float32 evaluation of a network may be from the exact one, by a derived bound."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .folded import PIXEL_MAX
from .lowering import Lowered
from .spec.layers import CHAIN_INPUT, AveragePool, Layer, MaxPool, ResidualAdd

UNIT = 2.0**-24
"""Largest relative error of one rounding to float32."""

EXTRA_ROUNDINGS = 16
"""Of a batch norm, folded or not, a bias and a division, besides the products of a layer."""


def rounding_bounds(lowered: Lowered, images: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Return bounds float64 [n, n_classes] of each exit's rounding error, for uint8 images.

    A sum of k rounded terms is off by at most ``gamma_k`` times the sum of their magnitudes, in
    any order, ``gamma_k = k u / (1 - k u)``; errors e of a layer's input arrive multiplied by the
    magnitudes of its weights::

        e' = |W| e + gamma_k (|W| (|x| + e) + |bias terms|)

    A maximum, a ReLU and a copy do not add to it.

    Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1.
    """
    network = lowered.network
    magnitudes = {name: np.abs(weight) for name, weight in network.weights.items()}
    without_bias = replace(
        network,
        weights=magnitudes,
        biases={name: np.zeros_like(bias) for name, bias in network.biases.items()},
    )
    with_terms = replace(without_bias, biases=lowered.bias_terms)

    def chain(layers: tuple[Layer, ...], value: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
        outputs = {CHAIN_INPUT: (value, error)}
        for layer in layers:
            found = [(value, error) if n is None else outputs[n] for n in layer.sources]
            values, errors = [a for a, _ in found], [b for _, b in found]
            value = network.apply(layer, *values)
            error = without_bias.apply(layer, *errors)
            if not isinstance(layer, MaxPool):
                reached = [a.abs() + b for a, b in zip(values, errors, strict=True)]
                error = error + _gamma(layer) * with_terms.apply(layer, *reached)
            outputs[layer.name] = value, error
        return value, error

    value = torch.from_numpy(images / PIXEL_MAX).permute(0, 3, 1, 2)
    error = value * UNIT
    bounds = []
    for segment in network.topology.segments:
        value, error = chain(segment.backbone, value, error)
        _, bound = chain(segment.branch, value, error)
        bounds.append(bound.reshape(len(images), -1).numpy())
    return bounds


def _gamma(layer: Layer) -> float:
    if isinstance(layer, ResidualAdd):
        terms = 2
    elif isinstance(layer, AveragePool):
        terms = int(np.prod(layer.kernel))
    else:
        terms = int(np.prod((layer.weight_shape or (1,))[1:]))
    rounded = (terms + EXTRA_ROUNDINGS) * UNIT
    return rounded / (1 - rounded)
