"""The published ResNet-8 of MLPerf Tiny as the backbone of `offramp.golden.models.resnet8`.

Source: mlcommons/tiny, benchmark/training/image_classification: ``keras_model.py`` for the
architecture, ``trained_models/pretrainedResnet.h5`` for the weights.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .folded import PIXEL_MAX

EPSILON_DIFFERENCE = 1e-3 - 1e-5
"""Keras adds 1e-3 to the variance of a batch norm, torch 1e-5."""

# place in resnet8 of each convolution of the file, with the batch norm behind it if there is one
_CONVOLUTIONS = (
    ("backbones.0.0", "backbones.0.1"),
    ("backbones.1.0.body.0", "backbones.1.0.body.1"),
    ("backbones.1.0.body.3", "backbones.1.0.body.4"),
    ("backbones.1.1.body.1", "backbones.1.1.body.2"),
    ("backbones.1.1.body.4", "backbones.1.1.body.5"),
    ("backbones.1.1.shortcut.0", None),
    ("backbones.2.0.body.1", "backbones.2.0.body.2"),
    ("backbones.2.0.body.4", "backbones.2.0.body.5"),
    ("backbones.2.0.shortcut.0", None),
)

_CLASSIFIER = "branches.2.2"


def read_resnet8(path: str | Path) -> dict[str, Tensor]:
    """Return the state of backbone and final classifier from the published Keras file.

    Biases of convolutions move into the batch norm behind them, and the factor between pixels of
    0 to 255 there and 0 to 1 here into the first weights.

    Raises
    ------
    ValueError
        If the file is missing, no HDF5, or holds another network.
    """
    state: dict[str, NDArray[Any]] = {}
    try:
        # what HDF5 says of a missing file fills three lines
        with Path(path).open("rb"):
            pass
        with h5py.File(path, "r") as file:
            weights = file["model_weights"]
            n_norms = 0
            for index, (place, norm_place) in enumerate(_CONVOLUTIONS):
                layer = _numbered("conv2d", index)
                kernel = _array(weights, layer, "kernel")
                bias = _array(weights, layer, "bias")
                # [kernel height, kernel width, in, out] -> [out, in, kernel height, kernel width]
                state[f"{place}.weight"] = kernel.transpose(3, 2, 0, 1)
                if norm_place is None:
                    state[f"{place}.bias"] = bias
                    continue
                norm = _numbered("batch_normalization", n_norms)
                n_norms += 1
                state[f"{norm_place}.weight"] = _array(weights, norm, "gamma")
                state[f"{norm_place}.bias"] = _array(weights, norm, "beta")
                mean = _array(weights, norm, "moving_mean")
                state[f"{norm_place}.running_mean"] = mean - bias
                variance = _array(weights, norm, "moving_variance")
                state[f"{norm_place}.running_var"] = variance + EPSILON_DIFFERENCE
            state[f"{_CLASSIFIER}.weight"] = _array(weights, "dense", "kernel").T
            state[f"{_CLASSIFIER}.bias"] = _array(weights, "dense", "bias")
    except OSError as error:
        raise ValueError(
            f"Backbone file must be readable HDF5, not {str(path)!r}: {error.strerror or 'damaged'}"
        ) from error
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"Backbone file must hold MLPerf Tiny's ResNet-8, not {str(path)!r}: {error}"
        ) from error
    state["backbones.0.0.weight"] = state["backbones.0.0.weight"] * PIXEL_MAX
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in state.items()}


def _numbered(kind: str, index: int) -> str:
    return f"{kind}_{index}" if index else kind


def _array(weights: Any, layer: str, name: str) -> NDArray[np.float64]:
    return np.asarray(weights[layer][layer][f"{name}:0"], dtype=np.float64)
