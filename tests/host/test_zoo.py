import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from offramp.golden.checkpoint import CheckpointError, load_checkpoint
from offramp.golden.network_file import NetworkFileError, load_network
from offramp.golden.recipes import RECIPES, recipe_of
from offramp.golden.train import TrainingConfig, _json_of_config, load_model
from offramp.golden.zoo import entries
from offramp.host.cli.main import run
from offramp.host.workflow import load_splits, train_network
from offramp.host.zoo import make_entry, measure

NAMES = [entry.name for entry in entries()]

# float accuracy of the final classifier, points that int8 may lose, accuracy with exits or points
# that they may lose, times fewer MACs
CLAIMS = {
    "digits": (0.975, 0.6, 1.0, 2.0),
    "blenet-mnist": (0.991, 0.15, 0.5, 4.2),
    "blenet-fashion_mnist": (0.895, 0.4, 0.5, 2.0),
    "lenet3-fashion_mnist": (0.915, 0.4, 0.5, 2.2),
    "resnet8-cifar10": (0.865, 0.8, 1.0, 1.5),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_the_zoo_says_how_it_was_made(name: str) -> None:
    network = load_network(f"zoo:{name}")
    model, record = load_model(f"zoo:{name}")
    recipe = recipe_of(name=name)
    assert (network.name, model.name) == (recipe.training.model, recipe.training.model)
    assert network.thresholds is not None
    metadata = network.metadata
    assert metadata["command"].startswith(f"offramp zoo build {name} ")
    assert metadata["training"] == record.config
    # a field that came later has the value that its absence meant
    assert _json_of_config(TrainingConfig()) | record.config == _json_of_config(recipe.training)
    assert metadata["data"]["sha256"] == record.data["sha256"]
    assert record.optimizer == {}
    calibration = metadata["calibration"]
    assert calibration["split"] == "calibration"
    assert calibration["tolerance"] == recipe.tolerance
    assert calibration["max_loss_points"] == recipe.max_loss_points


@pytest.mark.parametrize("name", NAMES)
def test_recorded_figures_of_the_zoo_keep_their_claims(name: str) -> None:
    metrics = load_network(f"zoo:{name}").metadata["metrics"]
    accuracy, int8_points, exit_points, times = CLAIMS[name]
    assert metrics["accuracy_float"][-1] >= accuracy
    lost = metrics["accuracy_float"][-1] - metrics["accuracy_int8"][-1]
    assert 100 * abs(lost) <= int8_points
    assert metrics["loss_points"] <= exit_points
    assert metrics["times_fewer_macs"] >= times


def test_recorded_figures_of_the_digits_are_those_of_the_file() -> None:
    network = load_network("zoo:digits")
    figures = measure(network, load_splits("digits", None, 0))
    recorded = network.metadata["metrics"]
    assert figures == {name: recorded[name] for name in figures}


def test_unknown_names_are_refused() -> None:
    message = f"^Network of the zoo must be one of {', '.join(NAMES)}, not 'vgg'$"
    with pytest.raises(NetworkFileError, match=message):
        load_network("zoo:vgg")
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint("zoo:vgg")
    with pytest.raises(ValueError, match=r"^Recipe must be one of digits, .*, not 'vgg'$"):
        recipe_of(name="vgg")
    with pytest.raises(ValueError, match=r"^Data set with a recipe must be one of .*, not 'svhn'$"):
        recipe_of(data="svhn")


def test_command_line_takes_networks_of_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "zoo:digits", "--device", "golden", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    recorded = load_network("zoo:digits").metadata["metrics"]
    assert found["accuracy"] == recorded["accuracy_with_exits"]
    assert run(["calibrate", "zoo:digits"]) == 1
    assert "Output must be given for a network of the zoo" in capsys.readouterr().err


def test_zoo_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo", "list", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == [f"zoo:{name}" for name in NAMES]
    assert run(["zoo", "list"]) == 0
    assert "zoo:digits" in capsys.readouterr().out


def test_an_entry_is_made_of_a_finished_training(tmp_path: Path) -> None:
    splits = load_splits("digits", None, 0)
    recipe = replace(recipe_of(name="digits"), max_loss_points=5.0)
    train_network(splits, tmp_path / "run", recipe=recipe, epochs=8)
    path, metrics = make_entry(recipe, tmp_path / "run", splits, tmp_path)
    network = load_network(path)
    assert network.metadata["metrics"] == metrics
    assert metrics["accuracy_float"][-1] > 0.9
    assert load_model(tmp_path / "digits.checkpoint.safetensors")[0].name == "digits"


def test_an_entry_is_rebuilt_of_its_trained_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["zoo", "build", "digits", "--trained", "-o", str(tmp_path), "--json"]) == 0
    capsys.readouterr()
    made, there = load_network(tmp_path / "digits.safetensors"), load_network("zoo:digits")
    assert made.thresholds == there.thresholds
    assert made.metadata["metrics"] == there.metadata["metrics"]
    weights = [
        load_checkpoint(x).model for x in (tmp_path / "digits.checkpoint.safetensors", "zoo:digits")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_data_of_another_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^Data set of recipe blenet-mnist must be mnist, not 'd"):
        train_network(
            load_splits("digits", None, 0), tmp_path / "x", recipe=recipe_of(name="blenet-mnist")
        )


def test_recipes_have_names_of_their_own() -> None:
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
