"""A small network's program and images, and boards that run it."""

import numpy as np
import numpy.typing as npt
import pytest

from offramp.golden.link_board import LinkBoard
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.golden.spec.link import LinkConfig
from offramp.golden.spec.program import Program
from offramp.host.compile import compile_network
from offramp.host.link.models import model_board
from offramp.host.workflow import splits_of_network

LINK = LinkConfig(clock_hz=48_000_000, baud=3_000_000, result_slots=8, build_hash=0xC0FFEE)
ENGINE = ENGINES["16"]


@pytest.fixture(scope="session")
def program() -> Program:
    return compile_network(load_network("zoo:digits"), ENGINE).program


@pytest.fixture(scope="session")
def images() -> npt.NDArray[np.uint8]:
    return splits_of_network(load_network("zoo:digits"), None).test.images[:60]


@pytest.fixture
def board() -> LinkBoard:
    return model_board(ENGINE, LINK)
