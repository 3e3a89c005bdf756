import json

import numpy as np
import pytest
import torch

from offramp.golden.forward import FLOAT32_EXACT
from offramp.golden.network_file import load_network
from offramp.golden.parameters import product_bound
from offramp.host.cli.main import run
from offramp.host.golden_speed import measure_golden_speed


def test_both_runtimes_are_timed_and_agree_on_every_logit() -> None:
    network = load_network("zoo:digits")
    images = np.random.default_rng(0).integers(0, 256, (600, 8, 8, 1)).astype(np.uint8)
    threads = torch.get_num_threads()
    rounds: list[int] = []
    speed = measure_golden_speed(network, images, rounds=2, progress=rounds.append)
    assert torch.get_num_threads() == threads
    assert rounds == [0, 1, 2]
    assert (speed.logits, speed.logits_that_differ) == (600 * 3 * 10, 0)
    layers = [layer for layer in network.topology.layers if layer.name in network.parameters]
    bounds = [product_bound(layer, network.parameters[layer.name]) for layer in layers]
    assert speed.largest_bound == max(bounds)
    assert speed.layers_in_float64 == sum(bound >= FLOAT32_EXACT for bound in bounds)
    assert speed.golden.wall > 0
    assert speed.runtime.processor > 0
    figures = speed.as_dict()
    assert figures["ratio"] == speed.runtime.wall / speed.golden.wall


def test_nothing_is_timed_of_no_images() -> None:
    message = "Images and rounds must be at least one each, not 0 and 3"
    with pytest.raises(ValueError, match=f"^{message}$"):
        measure_golden_speed(load_network("zoo:digits"), np.empty((0, 8, 8, 1), np.uint8))


def test_bench_golden_prints_figures_of_each_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "golden", "zoo:digits", "--images", "200", "--rounds", "1", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)["networks"]["zoo:digits"]
    assert values["logits_that_differ"] == 0
    assert values["largest_bound_of_a_partial_sum"] < FLOAT32_EXACT
    assert values["golden_images_per_second"] > 0
