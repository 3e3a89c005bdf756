import numpy as np
import pytest

from offramp.golden.decision import log_odds_score
from offramp.golden.spec.rules import ExitRule
from offramp.host.devices import GoldenDevice, open_device
from offramp.host.pipeline import run, set_rules, unit_config
from offramp.host.workflow import load_splits


@pytest.fixture(scope="module")
def images():
    return load_splits("digits", None, 0).test.images[:200]


@pytest.fixture
def device(network):
    golden = GoldenDevice(unit_config(network))
    set_rules(network, golden)
    return golden


def expected(network, images):
    """Decide with all logits of all exits at hand, one image at a time."""
    config = unit_config(network)
    logits = network.forward(images)
    rows = []
    for image in range(len(images)):
        for index, exit_logits in enumerate(logits):
            vector = exit_logits[image : image + 1]
            score = int(log_odds_score(config, vector)[0])
            if index == network.n_exits - 1 or score >= network.thresholds[index]:
                rows.append((int(vector.argmax()), index, score, network.macs_at_exit[index]))
                break
    return np.array(rows)


def test_pipeline_stops_where_the_first_exit_is_taken(network, device, images):
    results = run(network, device, images)
    columns = np.stack([results.label, results.exit_index, results.score, results.macs], axis=1)
    assert np.array_equal(columns, expected(network, images))
    assert len(set(results.exit_index.tolist())) > 1  # else the test shows nothing


@pytest.mark.parametrize("batch_size", [1, 7, 200, 1000])
def test_results_do_not_depend_on_the_batch_size(network, device, images, batch_size):
    results = run(network, device, images, batch_size=batch_size)
    whole = run(network, device, images)
    assert np.array_equal(results.label, whole.label)
    assert np.array_equal(results.exit_index, whole.exit_index)


def test_emulated_rtl_and_golden_model_give_the_same_results(network, device, images):
    with open_device("unit", unit_config(network)) as emulator:
        set_rules(network, emulator)
        by_rtl = run(network, emulator, images)
    by_golden = run(network, device, images)
    for field in ("label", "exit_index", "score", "macs"):
        assert np.array_equal(getattr(by_rtl, field), getattr(by_golden, field))


def test_only_undecided_images_go_on(network, device, images):
    seen = []

    class Watching(GoldenDevice):
        def decide(self, logits, exit_index=0, *, tag=None):
            seen.append(len(logits))
            return super().decide(logits, exit_index, tag=tag)

    watching = Watching(unit_config(network))
    set_rules(network, watching)
    results = run(network, watching, images, batch_size=len(images))
    left = np.bincount(results.exit_index, minlength=network.n_exits)
    assert seen == [len(images) - int(left[:index].sum()) for index in range(len(seen))]
    assert seen[1] < seen[0]


def test_an_exit_that_takes_all_ends_the_run_there(network, device, images):
    device.set_rule(0, ExitRule(threshold=device.config.threshold_low))
    results = run(network, device, images)
    assert not results.exit_index.any()
    assert results.mean_macs() == network.macs_at_exit[0]


def test_no_images_give_empty_results(network, device, images):
    results = run(network, device, images[:0])
    assert len(results) == 0
    assert results.exit_shares() == [0.0] * network.n_exits


def test_progress_counts_images(network, device, images):
    done = []
    run(network, device, images, batch_size=64, progress=done.append)
    assert done == [64, 128, 192, 200]


def test_batch_size_must_be_positive(network, device, images):
    with pytest.raises(ValueError, match="Batch size must be at least 1, not 0"):
        run(network, device, images, batch_size=0)


def test_uncalibrated_network_sets_no_thresholds(network, device):
    with pytest.raises(ValueError, match="Network must be calibrated, not 'digits'"):
        set_rules(network.with_thresholds(None), device)


def test_golden_device_refuses_an_exit_that_it_has_not(device):
    with pytest.raises(ValueError, match=r"Exit index must be in 0\.\.2, not 3"):
        device.set_rule(3, ExitRule(threshold=0))
    with pytest.raises(
        ValueError, match=r"Threshold of confidence must be in -255\.\.255, not 256"
    ):
        device.set_rule(0, ExitRule(threshold=256))


def test_rules_of_any_criterion_run_on_the_emulated_rtl(network, images):
    gate = ExitRule(criterion="gate", threshold=60, weights={"margin": 2}, offset=-3)
    network = network.with_rules([gate, ExitRule(criterion="patience", threshold=1)])
    config = unit_config(network)
    golden = GoldenDevice(config)
    set_rules(network, golden)
    by_golden = run(network, golden, images)
    with open_device("unit", config) as emulator:
        set_rules(network, emulator)
        by_rtl = run(network, emulator, images)
    for field in ("label", "exit_index", "score", "macs"):
        assert np.array_equal(getattr(by_rtl, field), getattr(by_golden, field))
    assert len(set(by_golden.exit_index.tolist())) == 3
