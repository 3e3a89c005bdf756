"""The link measured: bytes of programs and images against the wire's, and campaigns of faults."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..golden.spec.checks import require_choice
from ..golden.spec.program import Program
from ..rtl_sim.emulator.link import LinkEmulator
from .boards import EMULATED_LINK
from .compile import predict_cycles
from .link import SerialDevice
from .link.campaign import CampaignResult, content_bytes, right_results, run_campaign
from .link.emulated_port import EmulatedPort, EmulatedWire
from .link.model_wire import ModelWire
from .link.models import model_board
from .link.rtl_wire import RtlWire

NOISE = (0.02, 10.0)
"""When random bytes begin, and how long they last, in seconds."""

BOARDS = ("model", "RTL")
"""What stands for a board: the byte-level model, or the pins of the RTL."""

QUIET_BYTES = 64
"""A board that works on no image and sent nothing for so long has nothing more to say."""

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """A program and images over the wire to the RTL.

    Attributes
    ----------
    network, engine : str
    program_bytes, images, image_bytes : int
        What was sent: contents of memories; images, and bytes of each.
    load_cycles, run_cycles : int
        Clock cycles from the first request to the check of the load; from the first word of an
        image to the last result.
    load_percent, run_percent : float
        Bytes of contents over those that the UART could carry in that time.
    results_wrong : int
    """

    network: str
    engine: str
    program_bytes: int
    images: int
    image_bytes: int
    load_cycles: int
    run_cycles: int
    load_percent: float
    run_percent: float
    results_wrong: int


def measure_throughput(
    name: str,
    engine: str,
    program: Program,
    images: npt.NDArray[np.uint8],
    *,
    progress: Progress | None = None,
) -> Throughput:
    """Load a program into the RTL and run images, on a wire without faults."""
    image_bytes = 4 * program.image_words
    with LinkEmulator(program.config, EMULATED_LINK) as emulator:
        wire = RtlWire(emulator, EMULATED_LINK.clock_hz)
        with SerialDevice(lambda: EmulatedPort(wire), seed=0) as device:
            start = emulator.cycles
            device.load(program)
            loaded = emulator.cycles
            results = device.run(images, progress=progress)
            done = emulator.cycles
        byte = emulator.cycles_of(1)
    right = right_results(program, images)
    return Throughput(
        network=name,
        engine=engine,
        program_bytes=content_bytes(program),
        images=len(images),
        image_bytes=image_bytes,
        load_cycles=loaded - start,
        run_cycles=done - loaded,
        load_percent=100 * content_bytes(program) * byte / (loaded - start),
        run_percent=100 * len(images) * image_bytes * byte / (done - loaded),
        results_wrong=sum(one != other for one, other in zip(results, right, strict=True)),
    )


def measure_campaign(
    board: str,
    program: Program,
    images: npt.NDArray[np.uint8],
    *,
    rate: float,
    seed: int,
    noise: bool = False,
    progress: Progress | None = None,
) -> CampaignResult:
    """Run a campaign against one of `BOARDS`; see `run_campaign`."""
    with _wire(board, program) as wire:
        return run_campaign(
            wire,
            program,
            images,
            rate=rate,
            seed=seed,
            noise=(NOISE,) if noise else (),
            progress=progress,
        )


@contextmanager
def _wire(board: str, program: Program) -> Iterator[EmulatedWire]:
    if require_choice("Board", board, BOARDS) == "model":
        yield ModelWire(model_board(program.config, EMULATED_LINK))
        return
    longest = max(predict_cycles(program).exits.values())
    with LinkEmulator(program.config, EMULATED_LINK) as emulator:
        quiet = emulator.cycles_of(QUIET_BYTES) + 2 * longest
        yield RtlWire(emulator, EMULATED_LINK.clock_hz, quiet)
