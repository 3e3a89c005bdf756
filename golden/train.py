"""Joint training of all exits, repeatable to the bit on one machine and resumable."""

import copy
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- the name that torch's own documents use
from numpy.typing import NDArray
from torch import Tensor, nn

from .checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from .data import Dataset
from .folded import PIXEL_MAX, FoldedNetwork
from .folding import fold
from .models import MultiExitNetwork, build_model
from .quantize import check_weight_bits, observe
from .spec.checks import require_int

if TYPE_CHECKING:
    from .qat import FakeQuantizedNetwork

Network: TypeAlias = "MultiExitNetwork | FakeQuantizedNetwork"
"""What training makes: a float network, or one that its training saw quantized."""

WARM_UP_SHARE = 0.3
"""Share of the steps in which the learning rate rises, before it falls along a cosine."""

RANGE_PERCENTILE = 99.9
"""Of the activations' magnitudes: the range that quantization-aware training starts from."""

DISTILLATION_TEMPERATURE = 2.0
"""Softens both softmaxes, so that the final classifier's second choices count too."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that the weights depend on, but the data.

    Parameters
    ----------
    model : str
        Name in `offramp.golden.models`.
    epochs, batch_size : int
    learning_rate : float
        Its peak.
    weight_decay : float
        Of AdamW.
    exit_weights : tuple of float
        Weight of each exit's loss, the final classifier last.
    shift_probability : float
        Share of the images that are moved, anew in each epoch.
    shift_limit : int
        Pixels that they move by at most, each way.
    flip_probability : float
        Share of the images that are mirrored left to right, anew in each epoch.
    distillation : float
        Share of an early exit's loss that pulls its softmax towards the final classifier's.
    initial_teaches : bool
        The final classifier of the state that training starts from is the teacher instead, and of
        the final classifier as well: what it has learned on more data is kept.
    weight_bits : int or None
        Quantization-aware: weights are rounded to so many bits and activations to 8 while training,
        from the given initial state on; None for a float network. See `offramp.golden.qat`.
    heads_only : bool
        Train the early branches alone and leave all else as it is, batch statistics included.
    channels_last : bool
        Memory layout in which wide convolutions are faster; the order of float sums depends on it.
    seed : int
    n_threads : int
        The order of float sums, hence the weights, may depend on it. A second thread gains a small
        network nothing, and costs it a factor of 30 where cores are busy with other work.

    Raises
    ------
    TypeError, ValueError
        If a field is of the wrong type or out of range.
    """

    model: str = "digits"
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 0.01
    weight_decay: float = 0.1
    exit_weights: tuple[float, ...] = (0.5, 0.5, 1.0)
    shift_probability: float = 0.5
    shift_limit: int = 1
    flip_probability: float = 0.0
    distillation: float = 0.0
    initial_teaches: bool = False
    weight_bits: int | None = None
    heads_only: bool = False
    channels_last: bool = False
    seed: int = 0
    n_threads: int = 1

    def __post_init__(self) -> None:
        require_int("Epochs", self.epochs, 1, 100_000)
        require_int("Batch size", self.batch_size, 2, 1 << 20)
        require_int("Shift limit", self.shift_limit, 1, 64)
        require_int("Seed", self.seed, 0, (1 << 31) - 1)
        require_int("Number of threads", self.n_threads, 1, 256)
        if not self.learning_rate > 0:
            raise ValueError(f"Learning rate must be positive, not {self.learning_rate!r}")
        if not self.weight_decay >= 0:
            raise ValueError(f"Weight decay must not be negative, not {self.weight_decay!r}")
        for thing, share in (
            ("Shift probability", self.shift_probability),
            ("Flip probability", self.flip_probability),
            ("Distillation", self.distillation),
        ):
            if not 0 <= share <= 1:
                raise ValueError(f"{thing} must be in 0..1, not {share!r}")
        if self.weight_bits is not None:
            check_weight_bits(self.weight_bits)
            if self.heads_only:
                raise ValueError(
                    "Quantization-aware training must be of the whole network, not heads only"
                )
        if not self.exit_weights or not all(weight > 0 for weight in self.exit_weights):
            raise ValueError(f"Exit weights must be positive, not {self.exit_weights!r}")


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What a progress callback is told after each epoch.

    Parameters
    ----------
    epoch, n_epochs : int
        Epochs done, and to do in all.
    loss : float
        Mean joint loss of the epoch.
    accuracies : tuple of float
        Per exit, on the epoch's (shifted) training images while they were learned from.
    """

    epoch: int
    n_epochs: int
    loss: float
    accuracies: tuple[float, ...]


Progress = Callable[[EpochReport], None]


def train(
    config: TrainingConfig,
    data: Dataset,
    *,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    provenance: Mapping[str, Any] | None = None,
    initial: Mapping[str, Tensor] | None = None,
) -> Network:
    """Return a trained network, in evaluation mode.

    The loss is the weighted sum over the exits, ``sum_k w_k L_k``, of the cross entropy
    ``L(y_k, y)``; with distillation a, an early exit has ``L_k = (1 - a) L(y_k, y) + a T**2
    KL(p_K || p_k)``, where ``p`` are softmaxes at temperature T = `DISTILLATION_TEMPERATURE` and
    the teacher's ``p_K``, of the final classifier, takes no gradient.

    Source: Teerapittayanon, McDanel and Kung, BranchyNet: Fast Inference via Early Exiting from
    Deep Neural Networks, ICPR 2016, section III-A, the joint optimization problem; Phuong and
    Lampert, Distillation-Based Training for Multi-Exit Architectures, ICCV 2019, equations 3 to 5.

    Parameters
    ----------
    config : TrainingConfig
    data : Dataset
        The train split.
    progress : callable
        Called after each epoch, once its checkpoint is written.
    checkpoint : path
        File that is rewritten after each epoch; a run that finds it there goes on behind the
        epochs it holds, to the same weights as an uninterrupted run.
    provenance : mapping
        JSON data about `data` (split seed, ...), kept in the checkpoint.
    initial : mapping of str to Tensor
        State to start from, of all of the model or of parts of it (``backbones.0...``).

    Raises
    ------
    ValueError
        If the data does not fit the model, or the exit weights are not one per exit.
    CheckpointError
        If the checkpoint cannot be read or written or is that of another run.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(config.n_threads)
    try:
        with torch.random.fork_rng(devices=[]):
            run = _Run(config, data, dict(provenance or {}), initial or {})
            return run.train(progress, checkpoint)
    finally:
        torch.set_num_threads(n_threads)


def load_model(path: str | Path) -> tuple[Network, Checkpoint]:
    """Return the trained network of a finished checkpoint, in evaluation mode, and its record.

    Raises
    ------
    CheckpointError
        If the file is no checkpoint, or its training is not finished.
    """
    checkpoint = load_checkpoint(path)
    try:
        epochs = int(checkpoint.config["epochs"])
        float_model = build_model(str(checkpoint.config["model"]), checkpoint.n_classes)
        model: Network = float_model
        weight_bits = checkpoint.config.get("weight_bits")
        if weight_bits is not None:
            model = _fake_quantized(fold(float_model.eval()), None, weight_bits)
        model.load_state_dict(checkpoint.model)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"Checkpoint must hold a known model, not {str(path)!r}: {reason}"
        ) from error
    if checkpoint.epochs_done != epochs:
        raise CheckpointError(
            f"Checkpoint must be of a finished training of {epochs} epochs, "
            f"not {str(path)!r} of {checkpoint.epochs_done}"
        )
    return model.eval(), checkpoint


def float_logits(model: Network, images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return the logits float32 [n, N] of each exit for images uint8 [n, H, W, C]."""
    model.eval()
    with torch.no_grad():
        return [logits.numpy() for logits in model(_tensor_of_images(images))]


class _Run:
    """One training run: all that changes from epoch to epoch."""

    def __init__(
        self,
        config: TrainingConfig,
        data: Dataset,
        provenance: dict[str, Any],
        initial: Mapping[str, Tensor],
    ) -> None:
        torch.manual_seed(config.seed)
        self._config = config
        self._model: Network = build_model(config.model, data.n_classes)
        if data.images.shape[1:] != self._model.input_shape:
            raise ValueError(
                f"Images must be {self._model.input_shape!r} as the model {config.model} takes, "
                f"not {data.images.shape[1:]!r}"
            )
        if len(config.exit_weights) != self._model.n_exits:
            raise ValueError(
                f"Exit weights must be one for each of {self._model.n_exits} exits, "
                f"not {config.exit_weights!r}"
            )
        if len(data) < config.batch_size:
            raise ValueError(
                f"Images must be at least a batch of {config.batch_size}, not {len(data)}"
            )
        unknown = initial.keys() - self._model.state_dict().keys()
        if unknown:
            raise ValueError(
                f"Initial state must be of the model {config.model}, not {min(unknown)!r}"
            )
        self._model.load_state_dict(initial, strict=False)
        if config.channels_last:
            self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._teacher: Callable[[Tensor], list[Tensor]] | None = None
        if config.initial_teaches:
            self._teacher = copy.deepcopy(self._model).eval()
        if config.weight_bits is not None:
            if self._model.state_dict().keys() - initial.keys():
                raise ValueError(
                    "Quantization-aware training must start from a trained network, "
                    f"not {len(initial)} of its tensors"
                )
            folded = fold(self._model.eval())
            (ranges,) = observe(folded, data, (RANGE_PERCENTILE,))
            self._model = _fake_quantized(folded, ranges, config.weight_bits)
        if config.heads_only:
            self._model.requires_grad_(requires_grad=False)
            for head in self._heads():
                head.requires_grad_(requires_grad=True)
        self._images = _tensor_of_images(data.images)
        self._labels = torch.from_numpy(data.labels.copy())
        digest = hashlib.sha256(data.images.tobytes() + data.labels.tobytes()).hexdigest()
        self._data = {
            **provenance,
            "name": data.name,
            "images": len(data),
            "sha256": digest,
        }
        self._optimizer = self._new_optimizer()
        self._epochs_done = 0

    def train(self, progress: Progress | None, path: str | Path | None) -> Network:
        if path is not None and Path(path).exists():
            self._resume(path)
        while self._epochs_done < self._config.epochs:
            report = self._epoch()
            if path is not None:
                save_checkpoint(self._checkpoint(), path)
            if progress is not None:
                progress(report)
        return self._model.eval()

    def _epoch(self) -> EpochReport:
        config = self._config
        # all randomness of an epoch starts from its number, so that a resumed run meets it again
        digest = hashlib.sha256(f"{config.seed}:{self._epochs_done}".encode()).digest()
        torch.manual_seed(int.from_bytes(digest[:4], "little"))
        self._model.train(not config.heads_only)
        for head in self._heads():
            head.train()
        order = torch.randperm(len(self._images))
        # the last batch takes what is left: batch norm cannot learn from a single image
        n_batches = len(order) // config.batch_size
        loss_sum, hits = 0.0, torch.zeros(self._model.n_exits)
        for index, batch in enumerate(torch.tensor_split(order, n_batches)):
            step = self._epochs_done * n_batches + index
            rate = config.learning_rate * _schedule(step / (config.epochs * n_batches))
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            images = _shifted(self._images[batch], config.shift_probability, config.shift_limit)
            if config.flip_probability:
                images = _flipped(images, config.flip_probability)
            labels = self._labels[batch]
            logits = self._model(images)
            loss = _joint_loss(config, logits, labels, self._teacher_logits(images))
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
            self._optimizer.step()
            loss_sum += loss.item() * len(batch)
            hits += torch.stack([(x.argmax(dim=1) == labels).sum() for x in logits])
        self._epochs_done += 1
        return EpochReport(
            epoch=self._epochs_done,
            n_epochs=config.epochs,
            loss=loss_sum / len(order),
            accuracies=tuple((hits / len(order)).tolist()),
        )

    def _teacher_logits(self, images: Tensor) -> Tensor | None:
        if self._teacher is None:
            return None
        with torch.no_grad():
            return self._teacher(images)[-1]

    def _new_optimizer(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(
            (p for p in self._model.parameters() if p.requires_grad),
            lr=self._config.learning_rate,
            weight_decay=self._config.weight_decay,
        )

    def _heads(self) -> Sequence[nn.Module]:
        """Return what is trained alone, nothing if all is."""
        if not self._config.heads_only:
            return []
        assert isinstance(self._model, MultiExitNetwork)
        return list(self._model.branches)[:-1]

    def _checkpoint(self) -> Checkpoint:
        states = self._optimizer.state_dict()["state"]
        return Checkpoint(
            config=_json_of_config(self._config),
            n_classes=self._model.n_classes,
            data=self._data,
            epochs_done=self._epochs_done,
            model=self._model.state_dict(),
            optimizer={
                f"{index}.{name}": tensor
                for index, state in states.items()
                for name, tensor in state.items()
            },
        )

    def _resume(self, path: str | Path) -> None:
        found = load_checkpoint(path)
        # a field that came later has the value that its absence meant
        found = replace(found, config=_json_of_config(TrainingConfig()) | found.config)
        expected = self._checkpoint()
        for thing, theirs, ours in (
            ("configuration", found.config, expected.config),
            ("data", found.data, expected.data),
        ):
            if theirs != ours:
                differing = sorted(
                    key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key)
                )
                raise CheckpointError(
                    f"Checkpoint must be of the same {thing}, not {str(path)!r}: "
                    f"{', '.join(differing)} differ; remove it to start anew"
                )
        states: dict[int, dict[str, Tensor]] = {}
        for key, tensor in found.optimizer.items():
            index, _, name = key.partition(".")
            states.setdefault(int(index), {})[name] = tensor
        try:
            self._model.load_state_dict(found.model)
            # Brevitas makes new parameters of those that it loads
            self._optimizer = self._new_optimizer()
            groups = self._optimizer.state_dict()["param_groups"]
            self._optimizer.load_state_dict({"state": states, "param_groups": groups})
        except (RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"Checkpoint must fit the model {self._config.model}, not {str(path)!r}"
            ) from error
        self._epochs_done = found.epochs_done


def _fake_quantized(
    folded: FoldedNetwork, ranges: Mapping[str, float] | None, weight_bits: int
) -> "FakeQuantizedNetwork":
    from .qat import FakeQuantizedNetwork  # noqa: PLC0415 -- Brevitas is an optional dependency

    if ranges is None:  # a state that is loaded holds them
        ranges = {layer.name: 1.0 for layer in folded.topology.layers}
    return FakeQuantizedNetwork(folded, ranges, weight_bits)


def _schedule(progress: float) -> float:
    """Return the share of the peak learning rate: a linear rise, then half a cosine down."""
    if progress < WARM_UP_SHARE:
        return max(progress / WARM_UP_SHARE, 0.01)
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)))


def _shifted(images: Tensor, probability: float, limit: int) -> Tensor:
    """Return [n, C, H, W] with some images moved by up to `limit` pixels, zeros behind."""
    n, _, height, width = images.shape
    chosen = (torch.rand(n) < probability).long()
    above, left = (
        (torch.randint(0, 2 * limit + 1, (n,)) - limit) * chosen + limit for _ in range(2)
    )
    rows = above[:, None] + torch.arange(height)
    columns = left[:, None] + torch.arange(width)
    padded = F.pad(images, (limit,) * 4).permute(0, 2, 3, 1)
    moved = padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _flipped(images: Tensor, probability: float) -> Tensor:
    """Return [n, C, H, W] with some images mirrored left to right."""
    chosen = torch.rand(len(images)) < probability
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def _joint_loss(
    config: TrainingConfig, logits: list[Tensor], labels: Tensor, taught: Tensor | None = None
) -> Tensor:
    """Return the loss of `train` for the logits [n, N] of each exit and labels [n].

    The teacher's logits are `taught`, or those of the final classifier, which learns from labels
    alone then.
    """
    share, temperature = config.distillation, DISTILLATION_TEMPERATURE
    n_students = len(logits) - 1 if taught is None else len(logits)
    teacher = logits[-1].detach() if taught is None else taught
    teacher = F.log_softmax(teacher / temperature, dim=1)
    losses = []
    for index, (weight, exit_logits) in enumerate(zip(config.exit_weights, logits, strict=True)):
        loss = F.cross_entropy(exit_logits, labels)
        if share and index < n_students:
            student = F.log_softmax(exit_logits / temperature, dim=1)
            divergence = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
            loss = (1 - share) * loss + share * temperature**2 * divergence
        losses.append(weight * loss)
    return torch.stack(losses).sum()


def _tensor_of_images(images: NDArray[np.uint8]) -> Tensor:
    """Return uint8 [n, H, W, C] as float32 [n, C, H, W] in 0..1."""
    return torch.from_numpy(images.astype(np.float32) / np.float32(PIXEL_MAX)).permute(0, 3, 1, 2)


def _json_of_config(config: TrainingConfig) -> dict[str, Any]:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(config).items()}
