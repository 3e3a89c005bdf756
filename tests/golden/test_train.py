import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from offramp.golden.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from offramp.golden.data import Dataset, Splits
from offramp.golden.models import MODEL_NAMES, MultiExitNetwork, build_model
from offramp.golden.train import (
    EpochReport,
    TrainingConfig,
    _flipped,
    _joint_loss,
    _shifted,
    float_logits,
    load_model,
    train,
)

SHORT = TrainingConfig(epochs=3, batch_size=64)


@pytest.fixture(scope="module")
def data(digits: Splits) -> Dataset:
    return digits.train.subset(np.arange(200))


def same_weights(a: MultiExitNetwork, b: MultiExitNetwork) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return all(torch.equal(one[name], other[name]) for name in one)


def test_exits_of_the_digits_are_accurate(trained: MultiExitNetwork, digits: Splits) -> None:
    logits = float_logits(trained, digits.test.images)
    accuracies = [float((x.argmax(axis=1) == digits.test.labels).mean()) for x in logits]
    # each exit is clearly better than the one before: all of them have work to do
    assert 0.90 <= accuracies[0] < accuracies[1] - 0.02
    assert accuracies[1] >= 0.965
    assert accuracies[2] >= 0.98
    assert not trained.training


def test_the_same_seed_makes_the_same_weights_and_another_does_not(data: Dataset) -> None:
    before = torch.random.get_rng_state()
    first = train(SHORT, data)
    # the caller's randomness is left alone
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(123)
    assert same_weights(train(SHORT, data), first)
    assert not same_weights(train(replace(SHORT, seed=1), data), first)


def test_progress_reports_every_epoch(data: Dataset) -> None:
    reports: list[EpochReport] = []
    train(SHORT, data, progress=reports.append)
    assert [(x.epoch, x.n_epochs, len(x.accuracies)) for x in reports] == [
        (1, 3, 3),
        (2, 3, 3),
        (3, 3, 3),
    ]
    assert reports[0].loss > reports[2].loss > 0
    assert all(0 <= accuracy <= 1 for x in reports for accuracy in x.accuracies)


@pytest.mark.parametrize("stop", [1, 2])
def test_an_interrupted_run_resumes_to_the_same_weights(
    data: Dataset, tmp_path: Path, stop: int
) -> None:
    path = tmp_path / "run"
    seen = []

    def interrupt(report: EpochReport) -> None:
        seen.append(report.epoch)
        if seen == list(range(1, stop + 1)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SHORT, data, progress=interrupt, checkpoint=path)
    resumed = train(SHORT, data, progress=interrupt, checkpoint=path)
    assert seen == [1, 2, 3]
    assert same_weights(resumed, train(SHORT, data))
    loaded, checkpoint = load_model(path)
    assert same_weights(loaded, resumed)
    assert (checkpoint.epochs_done, checkpoint.data["images"]) == (3, 200)


def test_a_run_of_an_earlier_release_goes_on(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "run"
    whole = train(SHORT, data, checkpoint=path)
    found = load_checkpoint(path)
    del found.config["weight_bits"]
    save_checkpoint(found, path)
    assert same_weights(train(SHORT, data, checkpoint=path), whole)


def test_a_finished_run_is_not_repeated(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "run"
    first = train(SHORT, data, checkpoint=path)
    reports: list[EpochReport] = []
    again = train(SHORT, data, progress=reports.append, checkpoint=path)
    assert not reports
    assert same_weights(first, again)


def test_the_callers_thread_count_returns(data: Dataset) -> None:
    before = torch.get_num_threads()
    train(replace(SHORT, epochs=1, n_threads=before + 1), data)
    assert torch.get_num_threads() == before


def test_checkpoints_of_other_runs_are_refused(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(replace(SHORT, epochs=1), data, checkpoint=path)
    message = f"must be of the same configuration, not {str(path)!r}: epochs, seed differ"
    with pytest.raises(CheckpointError, match=re.escape(message)):
        train(replace(SHORT, seed=5), data, checkpoint=path)
    message = f"must be of the same data, not {str(path)!r}: images, sha256 differ"
    with pytest.raises(CheckpointError, match=re.escape(message)):
        train(replace(SHORT, epochs=1), data.subset(np.arange(100)), checkpoint=path)


def test_unfinished_damaged_and_foreign_checkpoints_make_no_model(
    data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    train(replace(SHORT, epochs=1), data, checkpoint=path)
    whole = load_checkpoint(path)
    save_checkpoint(replace(whole, config={**whole.config, "epochs": 2}), path)
    message = f"must be of a finished training of 2 epochs, not {str(path)!r} of 1"
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load_model(path)
    save_checkpoint(replace(whole, config={**whole.config, "model": "other"}), path)
    message = f"{str(path)!r}: Model must be one of {', '.join(MODEL_NAMES)}, not 'other'"
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load_model(path)
    save_checkpoint(replace(whole, model={}), path)
    with pytest.raises(CheckpointError, match="must hold a known model") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match="Checkpoint must be a whole safetensors file"):
        load_model(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "Epochs must be in 1..100000, not 0"),
        ({"batch_size": 1}, "Batch size must be in 2..1048576, not 1"),
        ({"seed": -1}, "Seed must be in 0..2147483647, not -1"),
        ({"n_threads": 0}, "Number of threads must be in 1..256, not 0"),
        ({"shift_limit": 0}, "Shift limit must be in 1..64, not 0"),
        ({"learning_rate": 0.0}, "Learning rate must be positive, not 0.0"),
        ({"learning_rate": float("nan")}, "Learning rate must be positive, not nan"),
        ({"weight_decay": -0.1}, "Weight decay must not be negative, not -0.1"),
        ({"shift_probability": 1.5}, "Shift probability must be in 0..1, not 1.5"),
        ({"flip_probability": -0.5}, "Flip probability must be in 0..1, not -0.5"),
        ({"distillation": 2.0}, "Distillation must be in 0..1, not 2.0"),
        ({"exit_weights": (1.0, 0.0, 1.0)}, "Exit weights must be positive, not (1.0, 0.0, 1.0)"),
    ],
)
def test_illegal_configurations_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TrainingConfig(**fields)


def test_data_that_does_not_fit_the_model_is_refused(data: Dataset) -> None:
    wide = replace(data, images=np.zeros((200, 8, 9, 1), np.uint8))
    with pytest.raises(ValueError, match=r"^Images must be \(8, 8, 1\) as the model digits takes"):
        train(SHORT, wide)
    with pytest.raises(ValueError, match=r"^Exit weights must be one for each of 3 exits, not"):
        train(replace(SHORT, exit_weights=(1.0,)), data)
    with pytest.raises(ValueError, match=r"^Images must be at least a batch of 64, not 10$"):
        train(SHORT, data.subset(np.arange(10)))


def test_heads_alone_are_trained_from_a_given_state(data: Dataset) -> None:
    start = train(SHORT, data)
    state = start.state_dict()
    found = train(replace(SHORT, heads_only=True, distillation=0.5), data, initial=state)
    changed = {name for name, value in found.state_dict().items() if (value != state[name]).any()}
    assert changed
    assert all(name.startswith(("branches.0.", "branches.1.")) for name in changed)


def test_a_state_may_cover_parts_but_nothing_else(data: Dataset) -> None:
    part = {
        name: value
        for name, value in build_model("digits", 10).state_dict().items()
        if name.startswith("backbones.")
    }
    assert not same_weights(train(SHORT, data, initial=part), train(SHORT, data))
    message = "Initial state must be of the model digits, not 'heads.weight'"
    with pytest.raises(ValueError, match=f"^{message}$"):
        train(SHORT, data, initial={"heads.weight": torch.zeros(1)})


def test_distillation_teaches_early_exits_the_final_softmax() -> None:
    final = torch.tensor([[2.0, 0.0, -2.0]], requires_grad=True)
    early = torch.tensor([[0.0, 0.0, 0.0]], requires_grad=True)
    config = TrainingConfig(exit_weights=(1.0, 0.5), distillation=1.0)
    loss = _joint_loss(config, [early, final], torch.tensor([0]))
    # T**2 KL(p_K || p_k) with p_k uniform, and half the cross entropy of the final exit
    softened = np.exp([1.0, 0.0, -1.0]) / np.exp([1.0, 0.0, -1.0]).sum()
    divergence = 4 * (softened * np.log(3 * softened)).sum()
    entropy = np.log(np.exp([2.0, 0.0, -2.0]).sum()) - 2
    assert loss.item() == pytest.approx(divergence + entropy / 2, rel=1e-5)
    (divergence_gradient,) = torch.autograd.grad(loss, final, retain_graph=True)
    expected = torch.softmax(final.detach(), 1) - torch.tensor([[1.0, 0.0, 0.0]])
    assert torch.allclose(divergence_gradient, expected / 2)  # no teaching of the teacher


def test_the_initial_state_teaches_every_exit() -> None:
    config = TrainingConfig(exit_weights=(1.0, 0.5), distillation=1.0)
    logits = [torch.randn(4, 3), torch.randn(4, 3)]
    assert _joint_loss(config, logits, torch.zeros(4, dtype=torch.long), logits[0]) > 0.01
    alike = [logits[0], logits[0]]
    loss = _joint_loss(config, alike, torch.zeros(4, dtype=torch.long), logits[0])
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_what_was_learned_before_is_kept_by_its_teaching(data: Dataset, digits: Splits) -> None:
    start = train(replace(SHORT, epochs=20), digits.train)
    config = replace(SHORT, epochs=4, distillation=1.0, initial_teaches=True)
    wrong = replace(data, labels=(data.labels + 1) % 10)
    # labels do not count at all here
    found = train(config, wrong, initial=start.state_dict())
    predicted = float_logits(found, digits.test.images)[-1].argmax(axis=1)
    assert (predicted == digits.test.labels).mean() > 0.9


def test_flips_mirror_left_to_right() -> None:
    images = torch.arange(6.0).reshape(1, 1, 2, 3).repeat(50, 1, 1, 1)
    torch.manual_seed(0)
    flipped = _flipped(images, 0.5)
    mirrored = (flipped == images.flip(3)).all(dim=(1, 2, 3))
    assert (mirrored | (flipped == images).all(dim=(1, 2, 3))).all()
    assert 10 < mirrored.sum() < 40
    assert (_flipped(images, 0.0) == images).all()


def test_shifts_move_by_up_to_the_limit_and_leave_zeros_behind() -> None:
    images = torch.arange(1.0, 13).reshape(1, 1, 3, 4).repeat(400, 1, 1, 1)
    torch.manual_seed(0)
    moved = _shifted(images, 1.0, 2)
    assert moved.shape == images.shape
    padded = torch.nn.functional.pad(images[0, 0], (2, 2, 2, 2))
    expected = {
        tuple(padded[top : top + 3, left : left + 4].flatten().tolist())
        for top in range(5)
        for left in range(5)
    }
    assert {tuple(image.flatten().tolist()) for image in moved} == expected
    assert (_shifted(images, 0.0, 2) == images).all()
