"""Run a whole network on a board behind a UART: a real one, its RTL, or its byte-level model."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..golden.network import IntegerNetwork
from ..golden.spec.engine import EngineConfig
from ..golden.spec.link import LinkConfig
from .link import SerialDevice
from .link.emulated_port import EmulatedPort
from .link.model_wire import ModelWire
from .link.models import model_board
from .link.port import SerialPort
from .link.pseudo_terminal import PseudoTerminal
from .results import Results

SERIAL = "serial:"
"""Begins the name of a device at a port of the system."""
UART, UART_MODEL = "uart", "uart-model"
"""Emulated boards: RTL behind a pseudo-terminal, and the byte-level model of its link."""

EMULATED_LINK = LinkConfig(clock_hz=8_000_000, baud=1_000_000)
"""The fewest clock cycles a bit: emulation takes its time by these."""

STEP_CYCLES = 4096
"""Clock cycles that the RTL runs before its pins are looked at."""
QUIET_STEPS = 4096
"""Steps without a byte after which the clock of the RTL stands still until one comes."""


def is_board(device: str) -> bool:
    """Return whether a device is a board."""
    return device in (UART, UART_MODEL) or device.startswith(SERIAL)


@contextmanager
def open_board(device: str, engine: EngineConfig, baud: int | None) -> Iterator[SerialDevice]:
    """Open a board, real or emulated.

    Parameters
    ----------
    device : str
        See `is_board`.
    engine : EngineConfig
        Of an emulated board; a real one says what it has.
    baud : int or None
        Of a port of the system; as in `LinkConfig` unless given.

    Raises
    ------
    LinkError
        There is no port, no board, or another one.
    offramp.rtl_sim.verilator.ToolError
        The emulator cannot be compiled.
    """
    if device.startswith(SERIAL):
        name = device.removeprefix(SERIAL)
        rate = LinkConfig(clock_hz=EMULATED_LINK.clock_hz).baud if baud is None else baud
        with SerialDevice(lambda: SerialPort(name, rate)) as board:
            yield board
        return
    if device == UART_MODEL:
        wire = ModelWire(model_board(engine, EMULATED_LINK))
        with SerialDevice(lambda: EmulatedPort(wire)) as board:
            yield board
        return
    with (
        rtl_board(engine) as exchange,
        tempfile.TemporaryDirectory(prefix="offramp-") as folder,
        PseudoTerminal(exchange, Path(folder) / "board") as terminal,
        SerialDevice(lambda: SerialPort(str(terminal.path), EMULATED_LINK.baud)) as board,
    ):
        yield board


@contextmanager
def rtl_board(engine: EngineConfig) -> Iterator[Callable[[bytes], bytes]]:
    """Give what takes bytes to the pins of a board's RTL and brings those from there."""
    # amaranth and the compiler are needed for this one only
    from ..rtl_sim.emulator.link import LinkEmulator

    with LinkEmulator(engine, EMULATED_LINK) as emulator:
        quiet = 0

        def exchange(data: bytes) -> bytes:
            nonlocal quiet
            if not data and quiet > QUIET_STEPS:
                return b""
            answer = emulator.exchange(data, STEP_CYCLES)
            quiet = 0 if data or answer or emulator.waiting else quiet + 1
            return answer

        yield exchange


def run_on_board(
    board: SerialDevice,
    network: IntegerNetwork,
    images: npt.NDArray[np.uint8],
    *,
    progress: Callable[[int], None] | None = None,
) -> Results:
    """Run images uint8 [n, H, W, C] on the program that is loaded; `progress` gets their number."""
    results = board.run(images, progress=progress)
    exits = np.array([result.exit_index for result in results], np.int64)
    return Results(
        np.array([result.label for result in results], np.int64),
        exits,
        np.array([result.score for result in results], np.int64),
        np.asarray(network.macs_at_exit, np.int64)[exits],
        network.n_exits,
        cycles=np.array([result.cycles for result in results], np.int64),
    )
