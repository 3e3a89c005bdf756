"""How each network of the zoo is made: model, data, training and calibration."""

from dataclasses import dataclass, replace

from .train import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All choices that lead to one network.

    Parameters
    ----------
    name : str
        In the zoo.
    data : str
        Name of the data set.
    training : TrainingConfig
    max_loss_points : float
        Accuracy that exits may cost, see `offramp.golden.calibrate.CalibrationConfig`.
    tolerance : float or None
        Likewise; one standard error unless the calibration split is too small for it.
    standard_errors : float
        Likewise.
    backbone : str or None
        Published file below the data folder that the training starts from.
    """

    name: str
    data: str
    training: TrainingConfig
    max_loss_points: float = 0.5
    tolerance: float | None = None
    standard_errors: float = 2.0
    backbone: str | None = None

    def quantization_aware(self, weight_bits: int) -> TrainingConfig:
        """Return the training that goes on from the recipe's network with weights of so few bits.

        A quarter of the epochs at a fifth of the learning rate, of all weights and ranges, without
        decay: it would pull at the ranges as well.
        """
        return replace(
            self.training,
            weight_bits=weight_bits,
            epochs=max(1, self.training.epochs // 4),
            learning_rate=self.training.learning_rate / 5,
            weight_decay=0.0,
            heads_only=False,
            initial_teaches=True,
        )


RECIPES = (
    Recipe(name="digits", data="digits", training=TrainingConfig(), tolerance=0.1),
    Recipe(
        name="blenet-mnist",
        data="mnist",
        training=TrainingConfig(
            model="blenet",
            epochs=30,
            batch_size=128,
            weight_decay=0.05,
            exit_weights=(1.0, 1.0),
            channels_last=True,
        ),
        max_loss_points=0.4,  # what the calibration split leaves above 99 %
    ),
    Recipe(
        name="lenet3-fashion_mnist",
        data="fashion_mnist",
        training=TrainingConfig(
            model="lenet3",
            epochs=20,
            batch_size=128,
            weight_decay=0.05,
            shift_probability=0.3,
            flip_probability=0.5,
            distillation=0.5,
            channels_last=True,
        ),
    ),
    Recipe(
        name="blenet-fashion_mnist",
        data="fashion_mnist",
        training=TrainingConfig(
            model="blenet",
            epochs=26,
            batch_size=128,
            weight_decay=0.05,
            exit_weights=(1.0, 1.0),
            shift_probability=0.3,
            flip_probability=0.5,
            channels_last=True,
        ),
    ),
    Recipe(
        name="resnet8-cifar10",
        data="cifar10",
        training=TrainingConfig(
            model="resnet8",
            epochs=48,
            batch_size=128,
            learning_rate=0.005,
            weight_decay=0.05,
            exit_weights=(1.0, 1.0, 1.0),
            shift_probability=1.0,
            shift_limit=4,
            flip_probability=0.5,
            distillation=0.8,
            heads_only=True,
            channels_last=True,
        ),
        max_loss_points=1.0,
        standard_errors=0.5,  # the published weights have seen these images: exits look worse
        backbone="mlperf_tiny/ic/pretrainedResnet.h5",
    ),
)
"""All networks of the zoo; the first of a data set is its default."""


def recipe_of(*, name: str | None = None, data: str | None = None) -> Recipe:
    """Return the recipe of a name, or else the default one of a data set.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name is not None:
        for recipe in RECIPES:
            if recipe.name == name:
                return recipe
        known = ", ".join(recipe.name for recipe in RECIPES)
        raise ValueError(f"Recipe must be one of {known}, not {name!r}")
    for recipe in RECIPES:
        if recipe.data == data:
            return recipe
    known = ", ".join(sorted({recipe.data for recipe in RECIPES}))
    raise ValueError(f"Data set with a recipe must be one of {known}, not {data!r}")
