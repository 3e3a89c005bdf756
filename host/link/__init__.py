"""The driver of a board behind a UART: real, emulated in RTL, or modelled byte by byte."""

from .device import SerialDevice
from .errors import BoardError, LinkError, NoAnswerError, PortError
from .identity import Identity

__all__ = [
    "BoardError",
    "Identity",
    "LinkError",
    "NoAnswerError",
    "PortError",
    "SerialDevice",
]
