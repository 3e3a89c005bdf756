"""Images over a wire that damages them: whether any is lost, run twice or wrong."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...golden.engine import run_program
from ...golden.spec.program import Program
from ..compile import predict_cycles
from .device import ImageResult, SerialDevice
from .emulated_port import EmulatedPort, EmulatedWire
from .faults import Faults, FaultyWire

RATES = (0.0, 1e-4, 1e-3, 1e-2)
"""Shares of bytes to which something happens, of a campaign."""

RECONNECT_S = 15.0
"""How long the driver goes on without hearing anything: longer than noise lasts."""


@dataclass(frozen=True, kw_only=True)
class CampaignResult:
    """What became of the images.

    Attributes
    ----------
    rate : float
        Share of bytes that were damaged.
    images : int
    lost, wrong : int
        Without a result; with another one than golden.
    executed : int
        Images that the board worked on: as many as there are if none was run twice.
    seconds : float
        On the wire.
    faults : dict of str to int
        How often what happened.
    losses, again, reconnects : int
        How often the driver found something lost; requests sent again; ports opened again.
    sent_bytes, content_bytes : int
        To the board; those of the program and the images alone.
    """

    rate: float
    images: int
    lost: int
    wrong: int
    executed: int
    seconds: float
    faults: dict[str, int]
    losses: int
    again: int
    reconnects: int
    sent_bytes: int
    content_bytes: int

    @property
    def right(self) -> bool:
        """Whether no image was lost, run twice or wrong."""
        return not self.lost and not self.wrong and self.executed == self.images


def faults_of(rate: float, program_bytes: int, image_bytes: int) -> Faults:
    """Return faults of all kinds; bytes are damaged at a rate, all else is the same.

    The cable is pulled in the middle of the program's load and of an image, and at random besides.
    """
    if not rate:
        return Faults()
    return Faults(
        byte_rate=rate,
        pause_rate=1e-4,
        pull_rate=2e-5,
        pulls_at=(program_bytes // 2, 2 * program_bytes + image_bytes // 2),
    )


def content_bytes(program: Program) -> int:
    """Return the bytes of the memories that a program is loaded into."""
    return 4 * len(program.words) + 4 * len(program.channels) + len(program.weights)


def right_results(program: Program, images: npt.NDArray[np.uint8]) -> list[ImageResult]:
    """Return what images must give, by the interpreter and the prediction of cycles."""
    golden = run_program(program, images)
    cycles = predict_cycles(program).exits
    return [
        ImageResult(int(label), int(index), int(score), cycles[int(index)])
        for label, index, score in zip(golden.label, golden.exit, golden.score, strict=True)
    ]


def run_campaign(
    wire: EmulatedWire,
    program: Program,
    images: npt.NDArray[np.uint8],
    *,
    rate: float,
    seed: int,
    noise: tuple[tuple[float, float], ...] = (),
    progress: Callable[[int], None] | None = None,
) -> CampaignResult:
    """Load a program and run images over a wire that damages what it carries.

    Parameters
    ----------
    wire : EmulatedWire
    program : Program
    images : uint8 [n, H, W, C]
    rate : float
        Share of bytes to which something happens, see `faults_of`.
    seed : int
        Of faults and sessions.
    noise : tuple of (float, float)
        See `Faults`.
    progress : callable, optional
        Called with the number of results that are there.
    """
    faults = faults_of(rate, content_bytes(program), images[0].nbytes)
    faulty = FaultyWire(lambda: EmulatedPort(wire), replace(faults, noise=noise), seed, wire.cut)
    start = wire.now
    with SerialDevice(faulty.open, reconnect_seconds=RECONNECT_S, seed=seed) as device:
        device.load(program)
        results = device.run(images, progress=progress)
        seconds = wire.now - start
        executed = device.read("images")
        connection = device.connection
    right = right_results(program, images)
    return CampaignResult(
        rate=rate,
        images=len(images),
        lost=len(images) - len(results),
        wrong=sum(one != other for one, other in zip(results, right, strict=False)),
        executed=executed,
        seconds=seconds,
        faults=dict(faulty.counts),
        losses=connection.counts.losses,
        again=connection.counts.again,
        reconnects=connection.reconnects,
        sent_bytes=connection.counts.sent_bytes,
        content_bytes=content_bytes(program) + images.nbytes,
    )
