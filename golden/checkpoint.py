"""State of a training run as a file: weights, optimizer, configuration, epochs done."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .container import Container, FileError
from .zoo import zoo_entry


class CheckpointError(FileError):
    """A checkpoint that cannot be read, written or continued; the message is one line."""


CHECKPOINT_FILE = Container(
    thing="Checkpoint", format_name="offramp-training", version=1, error=CheckpointError
)
"""Format name and version of checkpoints."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training run after some epoch.

    Parameters
    ----------
    config : dict
        Fields of the `TrainingConfig`.
    n_classes : int
        Of the model.
    data : dict
        What was trained on: ``name``, ``images``, ``sha256`` and what the caller adds.
    epochs_done : int
    model : dict of str to Tensor
        State of the model.
    optimizer : dict of str to Tensor
        State of the optimizer, ``<parameter index>.<name>``.
    """

    config: dict[str, Any]
    n_classes: int
    data: dict[str, Any]
    epochs_done: int
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]


def save_checkpoint(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write a checkpoint, at once or not at all; `CheckpointError` if impossible."""
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().numpy()
        for part, state in (("model", checkpoint.model), ("optimizer", checkpoint.optimizer))
        for name, tensor in state.items()
    }
    description = {
        "config": checkpoint.config,
        "n_classes": checkpoint.n_classes,
        "data": checkpoint.data,
        "epochs_done": checkpoint.epochs_done,
    }
    CHECKPOINT_FILE.write(path, description, tensors)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Return the checkpoint that `save_checkpoint` wrote, or that of a network ``zoo:<name>``.

    Raises
    ------
    CheckpointError
        If the file is none.
    """
    try:
        entry = zoo_entry(path)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    description, tensors = CHECKPOINT_FILE.read(path if entry is None else entry.checkpoint_file)
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}}
    try:
        for key, array in tensors.items():
            part, _, name = key.partition(".")
            parts[part][name] = torch.from_numpy(np.array(array))
        return Checkpoint(**description, model=parts["model"], optimizer=parts["optimizer"])
    except (TypeError, KeyError) as error:
        raise CheckpointError(
            f"Checkpoint must hold a training run, not {str(path)!r}: {error}"
        ) from error
