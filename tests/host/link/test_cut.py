"""Cable, board or driver stop in the middle of an image, at any byte: the next one is whole."""

from collections.abc import Callable, Iterable, Iterator
from itertools import count

import numpy as np
import numpy.typing as npt
import pytest

from offramp.golden.spec.program import Program
from offramp.host.compile import compile_network, predict_cycles
from offramp.host.link import PortError, SerialDevice
from offramp.host.link.campaign import right_results
from offramp.host.link.emulated_port import EmulatedPort, EmulatedWire
from offramp.host.link.model_wire import ModelWire
from offramp.host.link.models import model_board
from offramp.host.link.rtl_wire import RtlWire
from offramp.rtl_sim.emulator.link import LinkEmulator
from tests.golden.networks import random_network, small

# the same board as there is compiled once
from tests.rtl_sim.test_link_emulator import CONFIG, LINK

# of the images below some leave at either exit
NETWORK = random_network(1, small()).with_thresholds([5])

FRAME_WORDS = 4
"""So that an image is three frames, and has words on the board while the others are to come."""
ARRIVE_S = 0.001
"""In which a byte is at the board, and what it ends is executed."""
RTL_STEP = 59
"""Bytes between two places at which the RTL is cut: all of them would take minutes."""


class BrokenOffError(Exception):
    """What a driver is broken off with."""


class CutWire:
    """A wire that stops behind a byte, once, in one of its directions.

    Attributes
    ----------
    left : int or None
        Bytes that still pass; None: all of them.
    up : bool
        The bytes from the board are counted, not those to it.
    cut : callable
        Called then.
    """

    def __init__(self, wire: EmulatedWire):
        self.wire = wire
        self.left: int | None = None
        self.up = False
        self.cut: Callable[[], None] = lambda: None

    def passes(self, data: bytes, *, up: bool) -> bytes:
        if self.left is None or up != self.up:
            return data
        passed = data[: self.left]
        self.left -= len(passed)
        return passed


class CutPort(EmulatedPort):
    def __init__(self, cut_wire: CutWire):
        super().__init__(cut_wire.wire)
        self._cut_wire = cut_wire

    def write(self, data: bytes) -> None:
        passed = self._cut_wire.passes(data, up=False)
        super().write(passed)
        if len(passed) < len(data):
            self.sleep(len(passed) * self.byte_seconds + ARRIVE_S)
            self._cut()

    def read(self, timeout: float) -> bytes:
        data = super().read(timeout)
        if len(self._cut_wire.passes(data, up=True)) < len(data):
            # what was before it is lost too, as an operating system may do
            self._cut()
        return data

    def _cut(self) -> None:
        self._cut_wire.left = None
        self._cut_wire.wire.cut()
        self._cut_wire.cut()


class Bench:
    """A driver that runs images over a wire that is cut.

    Parameters
    ----------
    wire : EmulatedWire
    restart : callable
        Restarts the board.
    program : Program
    images : uint8 [n, H, W, C]
    """

    def __init__(
        self,
        wire: EmulatedWire,
        restart: Callable[[], None],
        program: Program,
        images: npt.NDArray[np.uint8],
    ):
        self._wire = CutWire(wire)
        self._restart = restart
        self._program, self._images = program, images
        self._right = right_results(program, images)
        self._open()

    def _open(self) -> None:
        self._device = SerialDevice(lambda: CutPort(self._wire), seed=0)
        self._device.load(self._program)

    def _run(self) -> None:
        self._device.connection.window.pace.words = FRAME_WORDS
        assert self._device.run(self._images) == self._right

    def run(self, scenario: str, place: int, up: bool) -> bool:
        """Run the images, cut behind a byte, and compare their results; then once more.

        Return False if they need no more bytes than that.
        """

        def pull() -> None:
            raise PortError("Port must stay there, but the cable was pulled")

        def restart() -> None:
            self._restart()
            pull()

        def break_off() -> None:
            raise BrokenOffError

        cuts = {"pulled": pull, "restarted": restart}
        self._wire.cut = cuts.get(scenario, break_off)
        self._wire.left, self._wire.up = place, up
        try:
            self._run()
            assert scenario in cuts or self._wire.left is not None
        except BrokenOffError:
            assert scenario not in cuts
        if self._wire.left is not None:
            return False
        if scenario == "loaded again":
            self._device.load(self._program)
        if scenario == "another driver":
            self._device.close()
            self._open()
        self._run()
        return True

    def run_all(self, scenario: str, places: Iterable[int], up: bool) -> int:
        """Run with a cut at each place, in rising order, and return how many there are."""
        for number, place in enumerate(places):
            if not self.run(scenario, place, up):
                return number
        raise AssertionError("a run must have an end")


SCENARIOS = ("pulled", "restarted", "broken off", "loaded again", "another driver")


@pytest.fixture(scope="module")
def program() -> Program:
    program = compile_network(NETWORK, CONFIG).program
    assert program.image_words > 2 * FRAME_WORDS
    return program


@pytest.fixture(scope="module")
def images(program: Program) -> npt.NDArray[np.uint8]:
    """Return one that is inside when the other comes."""
    images = np.random.default_rng(1).integers(0, 256, (2, *NETWORK.input_shape), np.uint8)
    assert len(set(right_results(program, images))) == len(images)
    return images


@pytest.mark.parametrize("up", [False, True], ids=["to the board", "from it"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_image_behind_a_cut_is_whole(program, images, scenario, up):
    board = model_board(CONFIG, LINK)
    bench = Bench(ModelWire(board), board.power_up, program, images)
    assert bench.run_all(scenario, count(), up) > images.nbytes // (2 if up else 1)


@pytest.fixture(scope="module")
def emulator() -> Iterator[LinkEmulator]:
    with LinkEmulator(CONFIG, LINK) as board:
        yield board


@pytest.mark.parametrize(("first", "scenario"), list(enumerate(SCENARIOS)))
def test_image_behind_a_cut_is_whole_on_rtl(emulator, program, images, first, scenario):
    emulator.reset()
    quiet = emulator.cycles_of(200) + 2 * max(predict_cycles(program).exits.values())
    wire = RtlWire(emulator, LINK.clock_hz, quiet)
    bench = Bench(wire, emulator.reset, program, images)
    for up in (False, True):
        assert bench.run_all(scenario, count(11 * first, RTL_STEP), up) > 1
