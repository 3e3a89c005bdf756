"""The trained digits network, once per run."""

import pytest

from offramp.golden.data import Splits, load_dataset, split_dataset
from offramp.golden.models import MultiExitNetwork
from offramp.golden.network import IntegerNetwork
from offramp.golden.quantize import quantize
from offramp.golden.train import TrainingConfig, train


@pytest.fixture(scope="session")
def digits() -> Splits:
    return split_dataset(load_dataset("digits"), seed=0)


@pytest.fixture(scope="session")
def trained(digits: Splits) -> MultiExitNetwork:
    return train(TrainingConfig(), digits.train)


@pytest.fixture(scope="session")
def quantized(digits: Splits, trained: MultiExitNetwork) -> IntegerNetwork:
    return quantize(trained, digits.calibration)
