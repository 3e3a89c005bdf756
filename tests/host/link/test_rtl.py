"""The driver against the pins of the RTL, on a good wire and a bad one."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from offramp.golden.spec.program import Program
from offramp.host.compile import compile_network, predict_cycles
from offramp.host.link import SerialDevice
from offramp.host.link.campaign import right_results, run_campaign
from offramp.host.link.port import SerialPort
from offramp.host.link.pseudo_terminal import PseudoTerminal
from offramp.host.link.rtl_wire import RtlWire
from offramp.rtl_sim.emulator.link import LinkEmulator
from tests.golden.networks import random_network

# the same board as there is compiled once
from tests.rtl_sim.test_link_emulator import CONFIG, LINK

# of some of the images of these tests either exit is right
NETWORK = random_network(5).with_thresholds([5])


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_network(NETWORK, CONFIG).program


@pytest.fixture(scope="module")
def images() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(6).integers(0, 256, (40, *NETWORK.input_shape), np.uint8)


@pytest.fixture
def board() -> Iterator[LinkEmulator]:
    with LinkEmulator(CONFIG, LINK) as emulator:
        yield emulator


def wire_to(board: LinkEmulator, program: Program) -> RtlWire:
    longest = max(predict_cycles(program).exits.values())
    return RtlWire(board, LINK.clock_hz, quiet_cycles=board.cycles_of(200) + 2 * longest)


def test_results_over_the_pins_are_those_of_golden(board, program, images, tmp_path):
    with (
        PseudoTerminal(lambda data: board.exchange(data, 4096), tmp_path / "board") as terminal,
        SerialDevice(lambda: SerialPort(str(terminal.path), LINK.baud)) as device,
    ):
        assert device.identity.engine.describe() == CONFIG.describe()
        device.load(program)
        assert device.run(images) == right_results(program, images)
        assert device.read("images") == len(images)


def test_nothing_is_lost_doubled_or_wrong_on_a_bad_wire(board, program, images):
    few = images[:10]
    result = run_campaign(wire_to(board, program), program, few, rate=1e-2, seed=0)
    assert result.right, result
    assert result.losses > 10
    assert result.reconnects == result.faults["pulled"] >= 1


def test_noise_stops_nobody(board, program, images):
    wire = wire_to(board, program)
    result = run_campaign(wire, program, images, rate=0.0, seed=0, noise=((0.01, 0.05),))
    assert result.right, result
    assert result.faults["noise"] > 0.9 * 0.05 * LINK.baud / 10
