import csv
import json

import numpy as np
import pytest

from offramp.golden.network_file import load_network
from offramp.host import accelerator
from offramp.host.cli.main import run
from offramp.host.workflow import splits_of_network


def test_run_on_the_engine_equals_golden_and_counts_cycles(capsys, tmp_path):
    path = tmp_path / "results.csv"
    arguments = ["run", "--device", "emulator", "--net", "zoo:digits", "--data", "digits"]
    arguments += ["--images", "80", "--check-layers", "1", "--json", "-o", str(path)]
    assert run(arguments) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["images"] == 80
    assert values["results_that_differ_from_golden"] == 0
    assert values["layers_equal_to_golden"] >= 6
    assert values["times_fewer_cycles"] > 1
    with path.open() as file:
        rows = list(csv.DictReader(file))
    mean = np.mean([int(row["cycles"]) for row in rows])
    assert mean == pytest.approx(values["mean_cycles"])


def test_two_processes_give_what_one_gives():
    network = load_network("zoo:digits")
    images = splits_of_network(network, None).test.images[: accelerator.CHUNK + 5]
    done: list[int] = []
    one = accelerator.run_network(network, "16", images, workers=1)
    two = accelerator.run_network(network, "16", images, workers=2, progress=done.append)
    assert done == [accelerator.CHUNK, len(images)]
    assert one.differences(two) == 0
    assert np.array_equal(one.cycles, two.cycles)


def test_layer_that_differs_is_named(monkeypatch):
    network = load_network("zoo:digits")
    images = splits_of_network(network, None).test.images[:1]
    genuine = accelerator.EngineEmulator.memory_after_operations

    def broken(emulator, image):
        memories = genuine(emulator, image)
        memories[1] ^= 1
        return memories

    monkeypatch.setattr(accelerator.EngineEmulator, "memory_after_operations", broken)
    compared, difference = accelerator.check_layers(network, "16", images)
    assert compared == 1
    assert difference is not None
    assert difference.image == 0
    assert difference.layers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Network must be given once"),
        (("zoo:digits", "--net", "zoo:digits"), "Network must be given once"),
        (("zoo:digits", "--check-layers", "1"), "Check of layers must be on the emulator"),
        (("zoo:digits", "--data", "mnist"), "Data set must be that of the network, digits"),
        (("zoo:digits", "--device", "emulator", "--engine", "17"), "is not one of"),
    ],
)
def test_bad_choices_are_one_line(capsys, arguments, message):
    assert run(["run", *arguments]) != 0
    assert message in capsys.readouterr().err
