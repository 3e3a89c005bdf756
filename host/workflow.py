"""The steps from data to a calibrated network, as the sub-commands and the demo share them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..golden.calibrate import CalibrationConfig, ExitFigures
from ..golden.checkpoint import Checkpoint
from ..golden.data import Dataset, Splits, load_dataset, split_dataset
from ..golden.decision import log_odds_score
from ..golden.folded import FoldedNetwork
from ..golden.models import MultiExitNetwork
from ..golden.network import IntegerNetwork
from ..golden.policies import FIXED, Budget, ExitLogits, Loss, Target, policy_of
from ..golden.quantize import WEIGHT_BITS, quantize
from ..golden.recipes import Recipe, recipe_of
from ..golden.risk import RiskConfig, risk_threshold
from ..golden.spec.checks import require_choice, require_int
from ..golden.spec.decision import DecisionConfig
from ..golden.spec.rules import ExitRule
from ..golden.train import EpochReport, Network, load_model, train
from .pipeline import unit_config

Integers = npt.NDArray[np.int64]


def load_splits(data: str, data_dir: str | Path | None, split_seed: int) -> Splits:
    """Return the train, calibration and test splits of a data set."""
    require_int("Split seed", split_seed, 0, (1 << 31) - 1)
    return split_dataset(load_dataset(data, data_dir), split_seed)


def train_network(
    splits: Splits,
    checkpoint: Path,
    *,
    recipe: Recipe | None = None,
    data_dir: str | Path | None = None,
    seed: int = 0,
    epochs: int | None = None,
    weight_bits: int | None = None,
    start: str | Path | None = None,
    progress: Callable[[EpochReport], None] | None = None,
) -> None:
    """Train a network; a run that was interrupted goes on from its checkpoint.

    Parameters
    ----------
    splits : Splits
    checkpoint : path
        File that is rewritten after each epoch.
    recipe : Recipe
        Model and training; that of the data set unless given.
    data_dir : path
        Folder in which the recipe's published backbone lies, if it has one.
    seed, epochs : int
        Instead of the recipe's.
    weight_bits : int
        Of quantization-aware training, which needs `start`.
    start : path
        Finished training of the recipe's model on the same split, to go on from.
    progress : callable
        Called after each epoch.

    Raises
    ------
    ValueError
        If recipe, data and start do not fit each other, or one of `weight_bits` and `start` is
        given without the other.
    """
    recipe = recipe_of(data=splits.train.name) if recipe is None else recipe
    if recipe.data != splits.train.name:
        raise ValueError(
            f"Data set of recipe {recipe.name} must be {recipe.data}, not {splits.train.name!r}"
        )
    if (weight_bits is None) != (start is None):
        raise ValueError(
            "Weight bits and start must be given together, "
            f"not {weight_bits!r} and {None if start is None else str(start)!r}"
        )
    config = replace(recipe.training, seed=seed)
    provenance: dict[str, Any] = {"split_seed": splits.seed}
    initial: Mapping[str, Tensor] = {}
    if start is not None and weight_bits is not None:
        config = replace(recipe.quantization_aware(weight_bits), seed=seed)
        model, record = load_model(start)
        if (record.data["name"], record.data["split_seed"]) != (splits.train.name, splits.seed):
            raise ValueError(
                f"Start must be trained on {splits.train.name} of split seed {splits.seed}, "
                f"not {record.data['name']} of {record.data['split_seed']}"
            )
        initial = model.state_dict()
        provenance["start"] = {
            "training": record.config,
            "sha256": hashlib.sha256(
                b"".join(tensor.numpy().tobytes() for tensor in initial.values())
            ).hexdigest(),
        }
    elif recipe.backbone is not None:
        from ..golden.mlperf_tiny import read_resnet8  # noqa: PLC0415 -- HDF5 for this recipe only

        path = Path(data_dir or ".") / recipe.backbone
        initial = read_resnet8(path)
        provenance["backbone"] = {
            "file": recipe.backbone,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    train(
        config if epochs is None else replace(config, epochs=epochs),
        splits.train,
        progress=progress,
        checkpoint=checkpoint,
        provenance=provenance,
        initial=initial,
    )


def quantize_checkpoint(
    checkpoint: str | Path,
    data_dir: str | Path | None,
    *,
    fraction_bits: int = 3,
    weight_bits: int | None = None,
    reserve: bool = False,
) -> IntegerNetwork:
    """Return the integer network of a finished training, on the calibration split of its data.

    With `reserve` every other image of the split is left alone, for thresholds with a guarantee.
    """
    model, record = load_model(checkpoint)
    splits = load_splits(str(record.data["name"]), data_dir, int(record.data["split_seed"]))
    return quantize_model(
        model,
        record,
        splits,
        fraction_bits=fraction_bits,
        weight_bits=weight_bits,
        reserve=reserve,
    )


def quantize_model(
    model: Network,
    record: Checkpoint,
    splits: Splits,
    *,
    fraction_bits: int = 3,
    weight_bits: int | None = None,
    reserve: bool = False,
) -> IntegerNetwork:
    """Return the integer network of what `load_model` gives, on the splits it was trained on.

    Weights have 8 bits unless `weight_bits` says otherwise, or those that their training saw.
    """
    origin = {"data": record.data, "training": record.config}
    if isinstance(model, MultiExitNetwork):
        return quantize_on(
            splits,
            model,
            origin,
            fraction_bits=fraction_bits,
            weight_bits=WEIGHT_BITS if weight_bits is None else weight_bits,
            reserve=reserve,
        )
    trained_bits = int(record.config["weight_bits"])
    if weight_bits not in {None, trained_bits}:
        raise ValueError(
            f"Weight bits must be the {trained_bits} that training saw, not {weight_bits}"
        )
    return quantize_on(
        splits,
        model.folded(),
        origin,
        fraction_bits=fraction_bits,
        weight_bits=trained_bits,
        ranges=model.ranges(),
        reserve=reserve,
    )


def quantize_on(
    splits: Splits,
    model: MultiExitNetwork | FoldedNetwork,
    origin: Mapping[str, Any],
    *,
    fraction_bits: int = 3,
    weight_bits: int = WEIGHT_BITS,
    ranges: Mapping[str, float] | None = None,
    reserve: bool = False,
) -> IntegerNetwork:
    """Return the integer network of a float one, with `origin` in its metadata."""
    calibration = splits.calibration
    if reserve:
        calibration = calibration.subset(np.arange(0, len(calibration), 2))
    metadata = {
        "data_set": splits.train.name,
        "split_seed": splits.seed,
        **origin,
        "offramp": version("offramp"),
        "reserved": reserve,
    }
    return quantize(
        model,
        calibration,
        fraction_bits=fraction_bits,
        weight_bits=weight_bits,
        ranges=ranges,
        metadata=metadata,
    )


def splits_of_network(network: IntegerNetwork, data_dir: str | Path | None) -> Splits:
    """Return the splits that a network was trained and quantized on.

    Raises
    ------
    ValueError
        The network does not say.
    """
    try:
        data, split_seed = str(network.metadata["data_set"]), int(network.metadata["split_seed"])
    except KeyError as error:
        raise ValueError(
            f"Network must name its data set and split seed, not leave out {error}"
        ) from None
    return load_splits(data, data_dir, split_seed)


def scores_and_predictions(
    config: DecisionConfig, all_logits: list[npt.NDArray[np.int8]]
) -> tuple[Integers, Integers]:
    """Return scores int64 [n, n_exits - 1] and labels int64 [n, n_exits] of each exit's logits."""
    scores = [log_odds_score(config, logits) for logits in all_logits[:-1]]
    predictions = [logits.argmax(axis=1).astype(np.int64) for logits in all_logits]
    return np.column_stack(scores), np.column_stack(predictions)


def calibration_config(config: DecisionConfig, **choices: Any) -> CalibrationConfig:
    """Return a calibration for the thresholds that the unit's registers can hold."""
    return CalibrationConfig(
        threshold_low=config.threshold_low, threshold_high=config.threshold_high, **choices
    )


def exit_logits(network: IntegerNetwork, images: Dataset) -> ExitLogits:
    """Return what policies are fitted on, and measured with: the logits of all exits."""
    return ExitLogits(
        config=unit_config(network),
        logits=tuple(network.forward(images.images)),
        labels=images.labels,
        macs_at_exit=network.macs_at_exit,
    )


def calibrate_network(
    network: IntegerNetwork,
    splits: Splits,
    max_loss_points: float,
    *,
    policy: str = "confidence",
    tolerance: float | None = 0.1,
    standard_errors: float = 2.0,
    seed: int = 0,
) -> tuple[IntegerNetwork, ExitFigures]:
    """Return the network with rules for an accuracy target, and their figures.

    Both come from the calibration split alone, by the unit's own integer scores. `policy` is one
    of `offramp.golden.policies`, `seed` that of what it trains.
    """
    target = Loss(
        max_loss_points=max_loss_points, tolerance=tolerance, standard_errors=standard_errors
    )
    return _calibrate(network, splits, policy, target, seed)


def calibrate_for_budget(
    network: IntegerNetwork,
    splits: Splits,
    budget: float,
    *,
    policy: str = "msdnet",
    seed: int = 0,
) -> tuple[IntegerNetwork, ExitFigures]:
    """Return the network with rules for a mean cost in MACs, and their figures.

    Raises
    ------
    ValueError
        If the budget is below what the policy can reach.
    """
    return _calibrate(network, splits, policy, Budget(macs=budget), seed)


def _calibrate(
    network: IntegerNetwork, splits: Splits, policy: str, target: Target, seed: int
) -> tuple[IntegerNetwork, ExitFigures]:
    chosen = policy_of(policy)
    data = exit_logits(network, splits.calibration)
    rules = chosen.fit(data, target, seed=seed)
    provenance = {
        "data_set": splits.calibration.name,
        "split": "calibration",
        "split_seed": splits.seed,
        "images": len(splits.calibration),
        "policy": policy,
        "seed": seed,
        **({"budget_macs": target.macs} if isinstance(target, Budget) else asdict(target)),
    }
    return network.with_rules(rules, provenance), data.figures(rules)


def calibrate_with_risk(
    network: IntegerNetwork, splits: Splits, risk: RiskConfig, *, policy: str = "confidence"
) -> tuple[IntegerNetwork, ExitFigures]:
    """Return the network with the lowest common threshold that keeps a risk, and its figures.

    A network that was quantized with reserved images is judged on these alone: it was made without
    them. Otherwise the statement says what it leaves out. Both are kept in the network. The policy
    has one fixed criterion: what is learned on the images cannot be judged on them as well.

    Raises
    ------
    ValueError
        If no threshold keeps the risk, or the policy is another.
    """
    criterion = require_choice("Policy with a risk", policy, FIXED)
    images = splits.calibration
    reserved = bool(network.metadata.get("reserved"))
    if reserved:
        images = images.subset(np.arange(1, len(images), 2))
    data = exit_logits(network, images)
    scores = data.criterion_scores(criterion)
    low, high = data.bounds(criterion)
    threshold = risk_threshold(risk, range(low, high + 1), scores, data.predictions, images.labels)
    statement = risk.statement(len(images))
    if not reserved:
        statement += (
            " Not counted: the network's ranges and temperatures were chosen on the same images "
            "(quantize with --reserve to count it)."
        )
    provenance = {
        "data_set": images.name,
        "split": "calibration, images kept from quantization" if reserved else "calibration",
        "split_seed": splits.seed,
        "images": len(images),
        "policy": policy,
        "risk": asdict(risk),
        "statement": statement,
    }
    rules = [ExitRule(threshold=threshold, criterion=criterion)] * data.n_early
    return network.with_rules(rules, provenance), data.figures(rules)
