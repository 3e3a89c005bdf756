"""Which engine a board gets for a network, and how fast the two are together."""

from dataclasses import dataclass

from ..fpga.board_build import check_capacity
from ..fpga.boards import Board
from ..fpga.flow import CapacityError
from ..golden.network import IntegerNetwork
from ..golden.spec.checks import require_choice
from ..golden.spec.engine import ENGINES, EngineConfig
from ..golden.spec.link import CRC_BYTES, DATA_BYTES_MAX, REQUEST, WORD_BYTES, clocks_per_bit
from .accelerator import engine_for
from .image_cycles import exit_shares, image_cycles

__all__ = ["Speed", "choose_engine", "predict_speed"]

BITS_PER_BYTE = 10
"""On the wire: a start bit, eight of data, a stop bit."""

FLAG_BYTES = 1


def choose_engine(network: IntegerNetwork, board: Board, name: str | None) -> EngineConfig:
    """Return the named engine, or the largest that fits, with memories for a network.

    Parameters
    ----------
    network : IntegerNetwork
        Calibrated.
    board : Board
    name : str or None
        One of `ENGINES`.

    Raises
    ------
    ValueError
        There is no engine of this name.
    CompileError
        No engine runs the network.
    CapacityError
        The board is too small for it.
    """
    names = (name,) if name is not None else tuple(reversed(ENGINES))
    for candidate in names:
        require_choice("Engine", candidate, ENGINES)
        config = engine_for(network, candidate)
        try:
            check_capacity(board, board.flow.needs(config), f"{network.name} on {config.macs} MACs")
        except CapacityError:
            # of all that do not fit, the message of the smallest says most
            if candidate == names[-1]:
                raise
        else:
            return config
    raise AssertionError("ENGINES must not be empty")


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Images a second of a network on an engine.

    Attributes
    ----------
    at_exits : tuple of float
        If every image left at this exit; the last one is the whole network.
    without_exits : float
        Of the same network without early exits.
    with_exits : float or None
        Of the mix of exits measured on the test split, None if the file does not hold that.
    over_link : float
        Most that the UART carries: images in, its own framing included, and none waits.
    """

    at_exits: tuple[float, ...]
    without_exits: float
    with_exits: float | None
    over_link: float


def predict_speed(network: IntegerNetwork, config: EngineConfig, clock_hz: int, baud: int) -> Speed:
    """Return images a second, from exact cycles and the exit shares kept with the network."""
    cycles = image_cycles(network, config)
    shares = exit_shares(network)
    return Speed(
        at_exits=tuple(clock_hz / interval for interval in cycles.at_exits),
        without_exits=clock_hz / cycles.without_exits,
        with_exits=None if shares is None else clock_hz / cycles.mean(shares),
        over_link=_images_on_the_wire(cycles.image_words, clock_hz, baud),
    )


def _images_on_the_wire(image_words: int, clock_hz: int, baud: int) -> float:
    """Return images a second that fit through the UART, no byte escaped."""
    data = image_words * WORD_BYTES
    frames = -(-data // DATA_BYTES_MAX)
    wire_bytes = data + frames * (REQUEST.size + CRC_BYTES + FLAG_BYTES)
    return clock_hz / clocks_per_bit(clock_hz, baud) / BITS_PER_BYTE / wire_bytes
